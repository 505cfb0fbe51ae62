#pragma once
// Reductions and scans over a block of any shape of up to 1024 threads: warps through registers, then one warp over the warps'
// results in 32 slots of shared memory. All threads of the block must call; calls may follow each other directly.
#include "kernels/primitives/warp.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// Op over the block's values, in every thread.
template <class T, class Op>
__device__ __forceinline__ T block_reduce(T value, Op op) {
    __shared__ T slots[warp_size];
    const int rank = thread_rank(), warps = (block_threads() + warp_size - 1) / warp_size;
    value = warp_reduce(value, op, warp_lanes());
    __syncthreads();  // whoever still reads the last call's slots
    if (rank % warp_size == 0) slots[rank / warp_size] = value;
    __syncthreads();
    // Every warp reduces the slots for itself: cheaper than a third barrier. A broadcast read, then the same order everywhere.
    T result = slots[0];
    for (int w = 1; w < warps; ++w) result = op(result, slots[w]);
    return result;
}

// Op over the values of threads 0 to this one; `total`, when given, receives that over all.
template <class T, class Op>
__device__ __forceinline__ T block_scan(T value, Op op, T* total = nullptr) {
    __shared__ T slots[warp_size];
    const int rank = thread_rank(), warps = (block_threads() + warp_size - 1) / warp_size, lanes = warp_lanes();
    value = warp_scan(value, op, lanes);
    __syncthreads();  // whoever still reads the last call's slots
    if (rank % warp_size == lanes - 1) slots[rank / warp_size] = value;
    __syncthreads();
    T before = slots[0];
    for (int w = 1; w < rank / warp_size; ++w) before = op(before, slots[w]);
    if (rank >= warp_size) value = op(before, value);
    if (total) {
        T all = slots[0];
        for (int w = 1; w < warps; ++w) all = op(all, slots[w]);
        *total = all;
    }
    return value;
}

// Exclusive: thread i gets op over threads 0 to i - 1, thread 0 gets `first`.
template <class T, class Op>
__device__ __forceinline__ T block_scan_before(T value, Op op, T first, T* total = nullptr) {
    __shared__ T slots[1024];
    const int rank = thread_rank();
    const T scanned = block_scan(value, op, total);
    slots[rank] = scanned;  // block_scan's first barrier separates this from the last call's reads
    __syncthreads();
    return rank ? slots[rank - 1] : first;
}

// Sums over threadIdx.y and z, for every threadIdx.x, of `count` values of a block of at most `threads` threads. The result is in the
// first threads, those with threadIdx.y == threadIdx.z == 0.
template <int count, int threads, class T>
__device__ __forceinline__ void sum_down(T (&value)[count]) {
    __shared__ T slots[count][threads];  // neighbouring threads in neighbouring banks
    const unsigned y = threadIdx.z * blockDim.y + threadIdx.y, rank = y * blockDim.x + threadIdx.x;
    __syncthreads();  // whoever still reads the last call's slots
#pragma unroll
    for (int k = 0; k < count; ++k) slots[k][rank] = value[k];
    for (unsigned left = blockDim.y * blockDim.z; left > 1;) {
        const unsigned half = (left + 1) / 2;
        __syncthreads();
        if (y + half < left) {
#pragma unroll
            for (int k = 0; k < count; ++k) slots[k][rank] = value[k] = value[k] + slots[k][rank + half * blockDim.x];
        }
        left = half;
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
