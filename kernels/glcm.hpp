#pragma once
// Launcher of the grey level co-occurrence counts. Pointers are device memory.
#include <cstddef>
#include <cstdint>

#include "kernels/roi_levels.hpp"

namespace cmtl::kernels {

// All that follows from a GLCM is taken from counts + their transpose, so the pairs (a, b) and (b, a) share one count:
// half the memory, and in shared memory levels up to 340 instead of 241 of an H100. Counts are the lower triangle, row
// by row.
constexpr int64_t glcm_bins(int64_t levels) { return levels * (levels + 1) / 2; }
// Of the levels a and b, 1 to the highest.
template <class Int>
constexpr Int glcm_bin(Int a, Int b) {
    const Int high = a < b ? b : a, low = a < b ? a : b;
    return high * (high - 1) / 2 + low - 1;
}

// counts[d][glcm_bin(a, b)] = how many voxels v of the ROI have, together with v + offsets[d] in the ROI, the levels a
// and b in either order. (directions, glcm_bins(roi.highest)); counts below 2^32 because voxels are. offsets:
// `directions` of them, at most 65535. shared_per_block: what a block may ask for (DeviceProperties); results do not
// depend on it.
template <class Target, class Level>
void glcm(Stream stream, const RoiLevels<Level>& roi, int directions, const VoxelOffset* offsets,
          size_t shared_per_block, uint32_t* counts);

}  // namespace cmtl::kernels
