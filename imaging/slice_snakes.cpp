#include "imaging/slice_snakes.hpp"

#include <algorithm>
#include <vector>

#include "base/parallel.hpp"
#include "imaging/active_contour.hpp"
#include "imaging/components.hpp"
#include "imaging/contours.hpp"
#include "imaging/morphology.hpp"

namespace cmtl {

namespace {

constexpr double inflate_mm = 10, shrink_mm = 2, close_mm = 10, small_close_mm = 5;
constexpr double smallest_mm2 = 15000;

// Which slices get snakes.
std::vector<uint8_t> wide_slices(const Mask& lungs) {
    const Components regions(lungs, {Connectivity::corners, true, false});
    std::vector<int64_t> count(static_cast<size_t>(lungs.nz())), pixels = count;
    for (const Component& c : regions.list())
        ++count[static_cast<size_t>(c.low[2])], pixels[static_cast<size_t>(c.low[2])] += c.voxels;
    const double mm2 = lungs.geometry.spacing[0] * lungs.geometry.spacing[1];
    std::vector<uint8_t> wide;
    for (size_t k = 0; k < count.size(); ++k)
        wide.push_back(count[k] >= 2 && static_cast<double>(pixels[k]) * mm2 >= smallest_mm2);
    return wide;
}

// One lung alone: with what snakes around `inflated` enclose in the slices that are wide.
void add_snakes(const Volume& hu, const Mask& inflated, const std::vector<uint8_t>& wide, Mask& lung) {
    const int64_t nx = hu.nx(), ny = hu.ny(), plane = nx * ny;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t k = 0; k < hu.nz(); ++k) {
        if (!wide[static_cast<size_t>(k)]) continue;
        uint8_t* slice = lung.voxels.data() + k * plane;
        const auto contours = trace_contours(inflated.voxels.data() + k * plane, nx, ny);
        if (contours.empty()) continue;
        std::vector<float> image(static_cast<size_t>(plane));
        for (int64_t n = 0; n < plane; ++n)
            if (slice[n])
                image[static_cast<size_t>(n)] = (hu.voxels[static_cast<size_t>(k * plane + n)] + 1024) / 32767;
        const SnakeField field(image.data(), nx, ny);
        for (const Contour& contour : contours) fill_polygon(evolve_snake(field, contour), slice, nx, ny);
    }
}

}  // namespace

Mask refine_by_snakes(const Volume& hu, const Mask& lungs) {
    const std::vector<uint8_t> wide = wide_slices(lungs);
    const int64_t plane = hu.nx() * hu.ny();
    Mask refined(lungs.geometry);
    for (uint8_t side : {uint8_t{1}, uint8_t{2}}) {
        const Mask before = labelled(lungs, side);
        const Mask narrow = close(before, small_close_mm, Element::disk);
        Mask lung = before;
        add_snakes(hu, close(before, inflate_mm, Element::disk), wide, lung);
        lung = close(erode(lung, shrink_mm, Element::disk), close_mm, Element::disk);
        for (int64_t k = 0; k < hu.nz(); ++k) {
            const Mask& from = wide[static_cast<size_t>(k)] ? lung : narrow;
            for (int64_t n = k * plane; n < (k + 1) * plane; ++n) {
                const auto at = static_cast<size_t>(n);
                // Where both lungs claim a voxel, it stays with the one that had it, or came first.
                if (from.voxels[at] && (refined.voxels[at] == 0 || lungs.voxels[at] == side)) refined.voxels[at] = side;
            }
        }
    }
    return refined;
}

}  // namespace cmtl
