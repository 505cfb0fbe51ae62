#include "pipeline/heat_map.hpp"

#include "base/error.hpp"
#include "imaging/geometry.hpp"

namespace cmtl {

HeatImage placed(const CamMap& map, const Geometry& grid, const PreparationOptions& options) {
    HeatImage heat;
    heat.cells.geometry = heat.field = grid;
    Vector3 offset, first;
    for (size_t a = 0; a < 3; ++a) {
        const size_t axis = 2 - a;  // z y x there, x y z here
        const int64_t voxels = options.crop[axis], cells = map.size[axis], step = cell_step(voxels, cells);
        offset[a] = static_cast<double>(options.evaluation_offset[axis]);
        // Cells of a network that pools to a fixed size share the crop out among them.
        const double width =
            step > 0 ? static_cast<double>(step) : static_cast<double>(voxels) / static_cast<double>(cells);
        first[a] = offset[a] + (step > 0 ? 0 : (width - 1) / 2);
        heat.field.size[a] = voxels;
        heat.cells.geometry.size[a] = cells;
        heat.cells.geometry.spacing[a] = grid.spacing[a] * width;
    }
    heat.field.origin = index_to_lps(grid, offset);
    heat.cells.geometry.origin = index_to_lps(grid, first);
    heat.cells.voxels = map.values;
    require(heat.cells.geometry.count() == std::ssize(map.values), "heat_map", "{} values of {} cells",
            map.values.size(), heat.cells.geometry.count());
    return heat;
}

PreparedImage prepared_image(const std::vector<uint16_t>& voxels, const PreparationOptions& options) {
    Geometry grid;
    grid.size = {options.size[2], options.size[1], options.size[0]};
    grid.spacing = {options.spacing_mm, options.spacing_mm, options.spacing_mm};
    require(grid.count() == std::ssize(voxels), "heat_map", "{} voxels are not a prepared volume", voxels.size());
    PreparedImage image{Volume(grid), Mask(grid)};
    for (size_t i = 0; i < voxels.size(); ++i) {
        image.hu.voxels[i] = static_cast<float>(voxels[i]) - 1024;
        image.lungs.voxels[i] = voxels[i] > 0;
    }
    return image;
}

}  // namespace cmtl
