#pragma once
#include "imaging/volume.hpp"

namespace cmtl {

// Parts a mask of both lungs (canonical LPS order) into 1 (right, the smaller x) and 2 (left). Where they touch, they
// are eroded until they fall apart, and each voxel goes to the part that reaches it in fewer steps within the mask.
// Returns false where there is only one lung (or no way to part them): all of it gets the side of `midline`, a voxel
// index.
bool part_lungs(Mask& lungs, double midline);

}  // namespace cmtl
