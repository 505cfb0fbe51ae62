#pragma once
// Co-occurrence counts. A block takes one direction and a stretch of the ROI's voxels, counts in a histogram of its own
// in shared memory and adds that to the result.
//
// Why: an atomic on shared memory costs a pass over the banks, one on global memory a trip to L2, where the few bins
// that hold most pairs of a lung (neighbours are alike) would queue up. One direction per block because thirteen
// histograms fit for 26 levels only. That reads the levels once per direction, but blocks of one stretch are neighbours
// in the grid and find them in L2, and 13 x (4 + 2) bytes a voxel are less time than 13 atomics. Few levels make lanes
// meet in one bin, so the histogram is copied up to 32 times within 48 KiB: without any conflict up to 27 levels, 8
// copies to 54, 2 to 110 (a lung's median is 105). Beyond 48 KiB the one histogram takes what a block may have: 340
// levels on an H100, 288 on an A100, 224 on an 8.6 or 8.9. Beyond that pairs are counted in global memory: with so many
// levels, bins are many and meetings rare.
//
// Atomics per voxel and direction: one on shared memory, and at most 1/4 on global memory for the block's result; or
// one on global memory.
#include "kernels/glcm.hpp"
#include "kernels/primitives/clear.cuh"
#include "kernels/primitives/histogram.cuh"
#include "kernels/primitives/stretch.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// add(bin) for every pair of the block's stretch.
template <class Level, class Add>
__device__ __forceinline__ void each_pair(const RoiLevels<Level>& roi, const VoxelOffset* offsets,
                                          const Stretches& stretches, Add add) {
    const int64_t end = stretches.end(blockIdx.y);
    const Level* const there = roi.levels + roi.box.step(offsets[blockIdx.x]);
#pragma unroll 4
    for (int64_t i = stretches.begin(blockIdx.y) + threadIdx.x; i < end; i += blockDim.x) {
        const int32_t v = roi.voxels[i];
        const int a = roi.levels[v], b = there[v];
        if (b) add(glcm_bin(a, b));
    }
}

// blockIdx.x: direction; blockIdx.y: stretch.
template <class Level, int copies>
__global__ void __launch_bounds__(1024) glcm_shared_kernel(RoiLevels<Level> roi, const VoxelOffset* offsets,
                                                           Stretches stretches, int bins, uint32_t* counts) {
    CMTL_DYNAMIC_SHARED(unsigned, bin_counts);
    BlockHistogram<copies> histogram(bin_counts, bins);
    histogram.clear();
    each_pair(roi, offsets, stretches, [&](int bin) { histogram.add(bin); });
    histogram.flush(counts + static_cast<int64_t>(blockIdx.x) * bins);
}

template <class Level>
__global__ void __launch_bounds__(256) glcm_global_kernel(RoiLevels<Level> roi, const VoxelOffset* offsets,
                                                          Stretches stretches, int bins, uint32_t* counts) {
    uint32_t* const mine = counts + static_cast<int64_t>(blockIdx.x) * bins;
    each_pair(roi, offsets, stretches, [=](int bin) { atomicAdd(mine + bin, 1u); });
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
