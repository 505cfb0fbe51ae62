#pragma once
// Zones by union-find in four passes over the ROI's voxels, whatever the zones look like: iterating until nothing
// changes takes as many passes as a percolating zone is long.
//
// The forest is that of kernels/primitives/forest.cuh; in the end a root holds its zone's size, negated.
//   start   voxels of a run along x, as far as a warp sees it, hang from its first one, and that from the run's piece
//   before. join    links runs of neighbouring rows. A voxel looks at four rows before it, three voxels each, and joins
//   only where its left
//           neighbour has not already done so: about once for each pair of touching runs instead of 13 times a voxel. A
//           root is hung by compare-and-swap, which fails if it is none any more. Paths are halved on the way.
//   count   adds a voxel to its root. Lanes of a run add once; a table of roots in shared memory gathers what a block
//   has for a root,
//           so a zone of a million voxels gets an addition per block instead of queueing up at one address.
//   list    roots give zones. Sizes to 64 are counted in shared memory as far as 48 KiB hold them (all of them up to
//   192 levels), by
//           size first; larger zones go to the list, one atomic a warp.
//
// Bytes: 4 of the list and 4 of parents in each pass, which lie as the list does, and the levels twice. Atomics on
// global memory per voxel: one a pair of touching runs and those of long paths, then what the table did not hold.
#include "kernels/glszm.hpp"
#include "kernels/primitives/clear.cuh"
#include "kernels/primitives/forest.cuh"
#include "kernels/primitives/histogram.cuh"
#include "kernels/primitives/stretch.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace zones {

constexpr int threads = 256;

// How far back the rows lie that a voxel looks at: the one before in its slice, and three of the slice before.
__device__ __forceinline__ int32_t back(int r, int32_t row, int32_t plane) {
    return r == 0 ? row : plane + (r - 2) * row;
}

}  // namespace zones

// Whole warps stay together: each thread's turn comes with `i` of its own, which may lie behind the end.
template <class Level>
__global__ void __launch_bounds__(zones::threads) glszm_start_kernel(RoiLevels<Level> roi, int32_t* parents) {
    const int lane = lane_rank();
    for (int64_t i = first_item(); i - lane < roi.count; i += item_stride()) {
        const bool inside = i < roi.count;
        const int32_t v = inside ? roi.voxels[i] : 0;
        const bool goes_on = inside && roi.levels[v - 1] == roi.levels[v];
        const unsigned heads = __ballot_sync(whole_warp, !goes_on || lane == 0);
        const int head = 31 - __clz(static_cast<int>(heads & (0xffffffffu >> (31 - lane))));
        if (inside) parents[v] = lane > head ? v - (lane - head) : goes_on ? v - 1 : forest::lone;
    }
}

template <class Level>
__global__ void __launch_bounds__(zones::threads) glszm_join_kernel(RoiLevels<Level> roi, int32_t* parents) {
    const auto row = static_cast<int32_t>(roi.box.row()), plane = static_cast<int32_t>(roi.box.plane());
    for (int64_t i = first_item(); i < roi.count; i += item_stride()) {
        const int32_t v = roi.voxels[i];
        const Level* const at = roi.levels + v;
        const Level level = *at;
        const bool goes_on = at[-1] == level;
        // All twelve levels first, so that their loads are in flight together; three bits a row.
        unsigned joins = 0;
#pragma unroll
        for (int r = 0; r < 4; ++r) {
            const Level* const there = at - zones::back(r, row, plane);
            const unsigned left = there[-1] == level, middle = there[0] == level, right = there[1] == level;
            // What touches the middle there is joined with it already; what the left neighbour touches, too, by that
            // one.
            joins |= (goes_on ? (right & ~middle) << 2 : middle ? 2u : left | right << 2) << 3 * r;
        }
        for (; joins; joins &= joins - 1) {
            const int bit = __ffs(static_cast<int>(joins)) - 1;
            forest::join(parents, v, v - zones::back(bit / 3, row, plane) + bit % 3 - 1);
        }
    }
}

template <class Level>
__global__ void __launch_bounds__(zones::threads)
    glszm_count_kernel(RoiLevels<Level> roi, Stretches stretches, int32_t* parents) {
    __shared__ int32_t roots[forest::RootTable<zones::threads>::slots], sums[forest::RootTable<zones::threads>::slots];
    forest::RootTable<zones::threads> table(roots, sums);
    table.clear();
    const int64_t end = stretches.end(blockIdx.x);
    const int lane = lane_rank();
    for (int64_t i = stretches.begin(blockIdx.x) + threadIdx.x; i - lane < end; i += zones::threads) {
        const bool inside = i < end;
        const int32_t v = inside ? roi.voxels[i] : -1, root = inside ? forest::root(parents, v) : -1;
        // Neighbouring lanes of one root. Its first voxel is the root itself, which counts as it is.
        const int32_t before = from_lane_below(whole_warp, root, 1);
        const bool head = lane == 0 || before != root;
        const unsigned later = __ballot_sync(whole_warp, head) & ~(0xffffffffu >> (31 - lane));
        const int count = (later ? __ffs(static_cast<int>(later)) - 1 : warp_size) - lane - (root == v);
        if (inside && head && count) table.add(parents, root, -count);
    }
    table.flush(parents);
}

template <class Level, int copies>
__global__ void __launch_bounds__(zones::threads)
    glszm_list_kernel(RoiLevels<Level> roi, Stretches stretches, const int32_t* parents, int shared_sizes,
                      GlszmResult result) {
    CMTL_DYNAMIC_SHARED(unsigned, small_counts);
    BlockHistogram<copies> histogram(small_counts, shared_sizes * roi.highest);
    histogram.clear();
    const int64_t end = stretches.end(blockIdx.x);
    const int lane = lane_rank();
    for (int64_t i = stretches.begin(blockIdx.x) + threadIdx.x; i - lane < end; i += zones::threads) {
        const int32_t v = i < end ? roi.voxels[i] : -1;
        const int32_t parent = v < 0 ? 0 : parents[v];
        const int size = parent < 0 ? -parent : 0, level = size ? roi.levels[v] : 0;
        const bool large = size > glszm_small_size;
        const unsigned larges = __ballot_sync(whole_warp, large);
        if (size && size <= shared_sizes)
            histogram.add((size - 1) * roi.highest + level - 1);
        else if (size && !large)
            atomicAdd(result.small + (level - 1) * glszm_small_size + size - 1, 1u);
        if (!larges) continue;
        unsigned place = lane == 0 ? atomicAdd(result.count, static_cast<unsigned>(__popc(larges))) : 0u;
        place = from_lane(whole_warp, place, 0) + static_cast<unsigned>(__popc(larges & ~(0xffffffffu << lane)));
        if (large) result.records[place] = {static_cast<uint32_t>(level), static_cast<uint32_t>(size)};
    }
    histogram.for_each([&](int bin, unsigned count) {
        if (count) atomicAdd(result.small + bin % roi.highest * glszm_small_size + bin / roi.highest, count);
    });
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
