#pragma once
// Launcher of the grey level run length counts. Pointers are device memory.
#include <cstdint>

#include "kernels/roi_levels.hpp"

namespace cmtl::kernels {

// runs[d][level - 1][length - 1] = how many runs of this length the level has along offsets[d]: voxels of equal level
// that follow each other; a run ends at a change of level or on leaving the mask. (directions, roi.highest,
// roi.box.longest()). lines[d] = 1 where a line along offsets[d] holds more than one voxel of the ROI, next to each
// other or not, else 0: PyRadiomics drops directions without one. offsets: `directions` of them.
template <class Target, class Level>
void glrlm(Stream stream, const RoiLevels<Level>& roi, int directions, const VoxelOffset* offsets, uint32_t* runs,
           uint32_t* lines);

}  // namespace cmtl::kernels
