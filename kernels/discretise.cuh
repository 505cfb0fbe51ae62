#pragma once
// Range and grey levels of a list of values.
//
// Bytes per value: the range reads 8, and its partial results of 24 bytes stand for 4096 values or more. Discretising
// reads 8 and an offset of 4 and writes the level, 1 or 2 bytes at offsets that ascend in runs. The histogram costs one
// atomic in shared memory a value, and a block's counts are added to the total once in 4096 values or more; where
// levels are few it has eight copies, as neighbouring voxels tend to be equal.
#include "kernels/discretise.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/primitives/histogram.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace levels {
constexpr unsigned threads = 256;
constexpr int copies = 8, most_with_copies = 511;
}  // namespace levels

__device__ __forceinline__ ValueRange no_values() { return {HUGE_VAL, -HUGE_VAL, 0}; }
__device__ __forceinline__ void join(ValueRange& a, const ValueRange& b) {
    a.least = b.least < a.least ? b.least : a.least;
    a.greatest = b.greatest > a.greatest ? b.greatest : a.greatest;
    a.not_finite += b.not_finite;
}
// Of the block, in every thread.
__device__ __forceinline__ ValueRange block_range(const ValueRange& own) {
    return {block_reduce(own.least, Min{}), block_reduce(own.greatest, Max{}), block_reduce(own.not_finite, Sum{})};
}

__global__ void __launch_bounds__(levels::threads)
    value_range_kernel(int64_t count, int64_t per_block, const double* __restrict__ values,
                       ValueRange* __restrict__ partial) {
    const int64_t begin = blockIdx.x * per_block, end = begin + per_block < count ? begin + per_block : count;
    ValueRange range = no_values();
#pragma unroll 4
    for (int64_t i = begin + threadIdx.x; i < end; i += levels::threads) {
        const double v = values[i];
        const bool finite = v - v == 0;
        if (finite)
            join(range, {v, v, 0});
        else
            ++range.not_finite;
    }
    range = block_range(range);
    if (threadIdx.x == 0) partial[blockIdx.x] = range;
}

__global__ void __launch_bounds__(levels::threads)
    value_range_finish_kernel(int blocks, const ValueRange* partial, ValueRange* out) {
    ValueRange range = no_values();
    for (int b = static_cast<int>(threadIdx.x); b < blocks; b += levels::threads) join(range, partial[b]);
    range = block_range(range);
    if (threadIdx.x == 0) *out = range;
}

__device__ __forceinline__ double level_edge(const LevelEdges& e, int i) {
    return e.low + __dmul_rn(static_cast<double>(i), e.step);
}

// The quotient may be off by an edge: the edges decide. A NaN gets level 1.
__device__ __forceinline__ int level_of(const LevelEdges& e, double value) {
    const double quotient = (value - e.low) / e.step;
    int i = quotient > 0 ? quotient < e.most ? static_cast<int>(quotient) : e.most - 1 : 0;
    while (i + 1 < e.most && value >= level_edge(e, i + 1)) ++i;
    while (i > 0 && value < level_edge(e, i)) --i;
    return i + 1;
}

template <class Level, int copies>
__global__ void __launch_bounds__(levels::threads)
    discretise_kernel(int64_t count, int64_t per_block, const double* __restrict__ values,
                      const int32_t* __restrict__ offsets, LevelEdges edges, Level* __restrict__ volume,
                      unsigned* __restrict__ counts) {
    CMTL_DYNAMIC_SHARED(unsigned, own);
    BlockHistogram<copies> histogram(own, edges.most + 1);
    if (counts) histogram.clear();
    const int64_t begin = blockIdx.x * per_block, end = begin + per_block < count ? begin + per_block : count;
    for (int64_t m = begin + threadIdx.x; m < end; m += levels::threads) {
        const int level = level_of(edges, values[m]);
        volume[offsets[m]] = static_cast<Level>(level);
        if (counts) histogram.add(level);
    }
    if (counts) histogram.flush(counts);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
