#pragma once
// First-order sums: two passes over the values, 8 bytes each, all sums of a pass at once. A thread sums 16 values or
// more, 256 threads are added as a tree and at most 1024 blocks after them, so rounding grows with the logarithm of
// what it would in one chain. 12 operations in double per value: memory bounds it but where double precision runs at
// 1/64.
#include "kernels/first_order.hpp"
#include "kernels/primitives/block.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace first_order {
constexpr unsigned threads = 256;

struct PlainTerms {
    static constexpr int count = 4;
    using Result = FirstOrderSums;
    double shift, low, high;
    __device__ __forceinline__ void add(double x, double (&s)[count]) const {
        const double moved = x + shift;
        const bool inner = x >= low && x <= high;
        s[0] += x;
        s[1] += moved * moved;
        s[2] += inner ? 1.0 : 0.0;
        s[3] += inner ? x : 0.0;
    }
};

struct CentralTerms {
    static constexpr int count = 5;
    using Result = FirstOrderMoments;
    double mean, low, high, inner_mean;
    __device__ __forceinline__ void add(double x, double (&s)[count]) const {
        const double away = x - mean, square = away * away;
        s[0] += fabs(away);
        s[1] += square;
        s[2] += square * away;
        s[3] += square * square;
        s[4] += x >= low && x <= high ? fabs(x - inner_mean) : 0.0;
    }
};
}  // namespace first_order

// partial[term * gridDim.x + block].
template <class Terms>
__global__ void __launch_bounds__(first_order::threads)
    first_order_kernel(int64_t count, int64_t per_block, Terms terms, const double* __restrict__ values,
                       double* __restrict__ partial) {
    const int64_t begin = blockIdx.x * per_block, end = begin + per_block < count ? begin + per_block : count;
    double sums[Terms::count] = {};
#pragma unroll 4
    for (int64_t i = begin + threadIdx.x; i < end; i += first_order::threads) terms.add(values[i], sums);
#pragma unroll
    for (int s = 0; s < Terms::count; ++s) {
        const double sum = block_reduce(sums[s], Sum{});
        if (threadIdx.x == 0) partial[s * gridDim.x + blockIdx.x] = sum;
    }
}

// One block. `sums` has a double for each term.
template <int terms>
__global__ void __launch_bounds__(first_order::threads)
    first_order_finish_kernel(int blocks, const double* partial, double* sums) {
#pragma unroll
    for (int s = 0; s < terms; ++s) {
        double own = 0;
        for (int b = static_cast<int>(threadIdx.x); b < blocks; b += first_order::threads)
            own += partial[s * blocks + b];
        const double sum = block_reduce(own, Sum{});
        if (threadIdx.x == 0) sums[s] = sum;
    }
}

__global__ void take_ranks_kernel(Ranks ranks, const double* values, double* out) {
    const int i = static_cast<int>(threadIdx.x);
    if (i < ranks.count) out[i] = values[ranks.rank[i]];
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
