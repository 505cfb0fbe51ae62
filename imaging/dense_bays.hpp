#pragma once
#include "imaging/volume.hpp"

namespace cmtl {

// Consolidation beside the mediastinum, the diaphragm or the chest wall leaves a bay in the aerated lung, as the heart
// and the hilum do. The sick bay is told by its shore: consolidation sits in ground glass, while healthy organs end at
// lung as dark as any. Bays are what a ball of 40 mm radius does not reach into, sought on a grid of 2 mm.
//
// `lungs` (1 right, 2 left, canonical LPS order) gets the voxels of such bays that are no bone; `hu` is on the same
// grid. Returns the millilitres that were added.
double fill_dense_bays(const Volume& hu, Mask& lungs);

}  // namespace cmtl
