#pragma once
#include "imaging/volume.hpp"

namespace cmtl {

// Where an image is cropped to the chest, or its round field of view is smaller than the chest, lung reaches the
// image's sides as the air around a patient does elsewhere. Slices whose rim is mostly body are looked at: what is
// brighter than air, wide and mostly bounded by soft tissue there is lung.
//
// `air` (canonical LPS order, the grid of `hu`) gets those voxels below `below` HU. Slices whose rim is air, as of every
// scan that shows the whole chest, stay as they are.
void keep_cropped_lung(const Volume& hu, double below, Mask& air);

}  // namespace cmtl
