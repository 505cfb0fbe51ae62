#pragma once
// Grad-CAM's maps in patient space, and pictures of them.
#include "io/heat_overlay.hpp"
#include "nets/grad_cam.hpp"
#include "pipeline/preparation.hpp"

namespace cmtl {

// A map of the network's evaluation crop out of a prepared volume that lies on `grid` (PreparedCase::grid).
HeatImage placed(const CamMap& map, const Geometry& grid, const PreparationOptions& options);

// A prepared volume as an image: HU, and the lungs as a mask of ones, at the options' spacing with its first voxel at
// 0.
struct PreparedImage {
    Volume hu;
    Mask lungs;
};
PreparedImage prepared_image(const std::vector<uint16_t>& voxels, const PreparationOptions& options);

}  // namespace cmtl
