#pragma once
// Run lengths. A thread looks at one voxel and one direction; where the voxel before has another level, a run starts,
// and the thread walks it. A voxel is read for itself, for its two neighbours and in the walk of a run of three or
// more: no line is walked from its end, voxels outside the ROI cost nothing, and lines need not be numbered. A block
// takes one direction and a stretch of the ROI's voxels.
//
// Most runs of a lung are one to three voxels long: lengths to 8 (less only above 1536 levels) are counted in shared
// memory, copied as 48 KiB allow (primitives/histogram.cuh), by length first, since lanes that meet in a length seldom
// meet in a level. Longer runs go to global memory. Atomics: one for each run, on shared memory for the short ones, and
// at most 8 x levels / 16384 a voxel and direction on global memory for the blocks' results.
#include "kernels/glrlm.hpp"
#include "kernels/primitives/clear.cuh"
#include "kernels/primitives/histogram.cuh"
#include "kernels/primitives/stretch.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// blockIdx.x: direction; blockIdx.y: stretch. Sets lines[direction] where two voxels of the ROI are neighbours.
template <class Level, int copies>
__global__ void __launch_bounds__(256)
    glrlm_kernel(RoiLevels<Level> roi, const VoxelOffset* offsets, Stretches stretches, int short_lengths,
                 uint32_t* runs, uint32_t* lines) {
    CMTL_DYNAMIC_SHARED(unsigned, short_counts);
    BlockHistogram<copies> histogram(short_counts, short_lengths * roi.highest);
    histogram.clear();
    const auto step = static_cast<int32_t>(roi.box.step(offsets[blockIdx.x]));
    const auto longest = static_cast<int>(roi.box.longest());
    uint32_t* const mine = runs + static_cast<int64_t>(blockIdx.x) * roi.highest * longest;
    const int64_t end = stretches.end(blockIdx.y);
    bool neighbours = false;
    for (int64_t i = stretches.begin(blockIdx.y) + threadIdx.x; i < end; i += blockDim.x) {
        const Level* at = roi.levels + roi.voxels[i];
        const int level = *at, before = *(at - step), after = *(at + step);  // in flight together
        neighbours |= before != 0;
        if (before == level) continue;
        int length = 1;
        if (after == level)
            for (length = 2, at += 2 * step; *at == level; at += step) ++length;
        if (length <= short_lengths)
            histogram.add((length - 1) * roi.highest + level - 1);
        else
            atomicAdd(mine + static_cast<int64_t>(level - 1) * longest + length - 1, 1u);
    }
    histogram.for_each([&](int bin, unsigned count) {
        if (count) atomicAdd(mine + static_cast<int64_t>(bin % roi.highest) * longest + bin / roi.highest, count);
    });
    if (__any_sync(whole_warp, neighbours) && lane_rank() == 0) atomicOr(lines + blockIdx.x, 1u);
}

// How many steps along an axis stay in the box.
__device__ __forceinline__ int64_t steps_left(int64_t at, int64_t size, int32_t step) {
    return step > 0 ? (size - 1 - at) / step : step < 0 ? at / -step : size;
}

// Two voxels of the ROI on one line with others between: looked for only in directions along which no two are
// neighbours, so never in a lung.
template <class Level>
__global__ void __launch_bounds__(256)
    glrlm_lines_kernel(RoiLevels<Level> roi, const VoxelOffset* offsets, Stretches stretches, uint32_t* lines) {
    if (from_lane(whole_warp, lane_rank() ? 0u : atomicLoad(lines + blockIdx.x), 0)) return;  // all of a warp or none
    const VoxelOffset offset = offsets[blockIdx.x];
    const auto step = roi.box.step(offset);
    const int64_t end = stretches.end(blockIdx.y);
    bool found = false;
    for (int64_t i = stretches.begin(blockIdx.y) + threadIdx.x; i < end && !found; i += blockDim.x) {
        const int64_t v = roi.voxels[i], plane = roi.box.plane(), row = roi.box.row(), border = roi.box.border;
        int64_t steps = steps_left(v / plane - border, roi.box.nz, offset.z);
        const int64_t in_y = steps_left(v % plane / row - border, roi.box.ny, offset.y),
                      in_x = steps_left(v % row - border, roi.box.nx, offset.x);
        steps = in_y < steps ? in_y : steps;
        steps = in_x < steps ? in_x : steps;
        for (int64_t k = 1; k <= steps && !found; ++k) found = roi.levels[v + k * step] != 0;
    }
    if (__any_sync(whole_warp, found) && lane_rank() == 0) atomicOr(lines + blockIdx.x, 1u);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
