#pragma once
#include "imaging/components.hpp"
#include "imaging/volume.hpp"

namespace cmtl {

// How sick the lung on the shore of a bay is: the share of its voxels 3.5 to 8 mm from the bay that are denser than
// -700 HU; 0 where there are none. Consolidation sits in ground glass; healthy organs end at dark lung.
//
// `bays` are components on the grid of `lung` (not 0 inside); `hu` covers the same box, on that grid or a finer one, of
// which one voxel is looked at for each of the lung's.
double dense_shore(const Volume& hu, const Mask& lung, const Components& bays, int32_t which);

}  // namespace cmtl
