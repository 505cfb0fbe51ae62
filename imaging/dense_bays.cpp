#include "imaging/dense_bays.hpp"

#include <algorithm>
#include <vector>

#include "imaging/components.hpp"
#include "imaging/morphology.hpp"
#include "imaging/resample.hpp"
#include "imaging/shore.hpp"

namespace cmtl {

namespace {

constexpr double coarse_mm = 2;
constexpr double ball_mm = 40, narrowest_mm = 8;  // of a bay: less is a rounded corner of the lung
constexpr double smallest_ml = 1;
constexpr double sick_share = 0.5;  // of the shore
constexpr float bone_hu = 200;

}  // namespace

double fill_dense_bays(const Volume& hu, Mask& lungs) {
    const Geometry& g = hu.geometry;
    const Mask coarse = resample_mask(lungs, grid_of_size(g, size_at_spacing(g, {coarse_mm, coarse_mm, coarse_mm})),
                                      MaskInterpolation::nearest);
    const double ml = coarse.geometry.voxel_ml();
    Mask sick_bays(coarse.geometry);
    for (uint8_t side : {uint8_t{1}, uint8_t{2}}) {
        const Mask lung = labelled(coarse, side);
        Mask bays = close(lung, ball_mm, Element::ball);
        for (size_t n = 0; n < bays.voxels.size(); ++n) bays.voxels[n] = bays.voxels[n] && !coarse.voxels[n];
        bays = open(bays, narrowest_mm / 2, Element::ball);
        const Components parts(bays, {});
        std::vector<uint8_t> label(parts.list().size(), 0);
        for (size_t n = 0; n < label.size(); ++n)
            if (static_cast<double>(parts.list()[n].voxels) * ml >= smallest_ml &&
                dense_shore(hu, lung, parts, static_cast<int32_t>(n)) > sick_share)
                label[n] = side;
        parts.paint(bays, label);
        for (size_t n = 0; n < bays.voxels.size(); ++n)
            if (bays.voxels[n]) sick_bays.voxels[n] = side;
    }
    if (bounding_box(sick_bays).empty()) return 0;
    const Mask fine = resample_mask(sick_bays, g, MaskInterpolation::linear);
    int64_t added = 0;
    for (size_t n = 0; n < fine.voxels.size(); ++n)
        if (fine.voxels[n] && !lungs.voxels[n] && hu.voxels[n] < bone_hu) lungs.voxels[n] = fine.voxels[n], ++added;
    return static_cast<double>(added) * g.voxel_ml();
}

}  // namespace cmtl
