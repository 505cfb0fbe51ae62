#pragma once
#include "imaging/volume.hpp"

namespace cmtl {

// Parts the lungs' voxels (not 0) into 1 right and 2 left, in place. Lungs that touch, where the pleura between them is
// thinner than a voxel, are eroded until two large parts remain, and grown back. False where there is one lung only:
// all of it is labelled by where it lies in the body or, in an image cropped to it, by its shape.
//
// Canonical LPS order; `hu` is on the same grid.
bool part_lungs(const Volume& hu, Mask& lungs);

}  // namespace cmtl
