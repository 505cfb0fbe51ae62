#pragma once
// Reductions and scans over a warp, through registers alone. Values may be of any trivially copyable type: they travel in words of
// 32 bits. Operations are taken in a fixed order, so the same values give the same bits.
#include <cstring>

#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

struct Sum {
    template <class T>
    __device__ __forceinline__ T operator()(const T& a, const T& b) const { return a + b; }
};
// NaN wins over every number in both.
struct Max {
    template <class T>
    __device__ __forceinline__ T operator()(const T& a, const T& b) const { return b > a || b != b ? b : a; }
};
struct Min {
    template <class T>
    __device__ __forceinline__ T operator()(const T& a, const T& b) const { return b < a || b != b ? b : a; }
};

constexpr int warp_size = 32;
constexpr unsigned whole_warp = 0xffffffffu;

// The thread's number within its block, its lane, and the lanes that this warp has (the last warp of a block may have fewer).
__device__ __forceinline__ int thread_rank() {
    return static_cast<int>((threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x);
}
__device__ __forceinline__ int block_threads() { return static_cast<int>(blockDim.x * blockDim.y * blockDim.z); }
__device__ __forceinline__ int lane_rank() { return thread_rank() % warp_size; }
__device__ __forceinline__ int warp_lanes() {
    const int left = block_threads() - thread_rank() / warp_size * warp_size;
    return left < warp_size ? left : warp_size;
}
__device__ __forceinline__ unsigned first_lanes(int lanes) { return lanes >= warp_size ? whole_warp : (1u << lanes) - 1u; }

namespace words {
// T as 32-bit words, moved by `shuffle`, and back.
template <class T, class Shuffle>
__device__ __forceinline__ T moved(const T& value, Shuffle shuffle) {
    constexpr size_t count = (sizeof(T) + 3) / 4;
    unsigned word[count] = {};
    memcpy(word, &value, sizeof(T));
#pragma unroll
    for (size_t i = 0; i < count; ++i) word[i] = shuffle(word[i]);
    T result;
    memcpy(&result, word, sizeof(T));
    return result;
}
}  // namespace words

// The value of the lane `distance` further up or down, or of `lane`, among the lanes of `mask`.
template <class T>
__device__ __forceinline__ T from_lane_above(unsigned mask, const T& value, unsigned distance) {
    return words::moved(value, [=](unsigned w) { return __shfl_down_sync(mask, w, distance); });
}
template <class T>
__device__ __forceinline__ T from_lane_below(unsigned mask, const T& value, unsigned distance) {
    return words::moved(value, [=](unsigned w) { return __shfl_up_sync(mask, w, distance); });
}
template <class T>
__device__ __forceinline__ T from_lane(unsigned mask, const T& value, int lane) {
    return words::moved(value, [=](unsigned w) { return __shfl_sync(mask, w, lane); });
}

// Of the first `lanes` lanes; all of them must call. `op` is commutative. The result is valid in lane 0.
template <class T, class Op>
__device__ __forceinline__ T warp_reduce(T value, Op op, int lanes = warp_size) {
    const unsigned mask = first_lanes(lanes);
    const int lane = lane_rank();
#pragma unroll
    for (int distance = warp_size / 2; distance > 0; distance /= 2) {
        const T other = from_lane_above(mask, value, static_cast<unsigned>(distance));
        if (lane + distance < lanes && lane < distance) value = op(value, other);
    }
    return value;
}

// The same for every lane.
template <class T, class Op>
__device__ __forceinline__ T warp_reduce_all(T value, Op op, int lanes = warp_size) {
    return from_lane(first_lanes(lanes), warp_reduce(value, op, lanes), 0);
}

// Lane i gets op over lanes 0 to i.
template <class T, class Op>
__device__ __forceinline__ T warp_scan(T value, Op op, int lanes = warp_size) {
    const unsigned mask = first_lanes(lanes);
    const int lane = lane_rank();
#pragma unroll
    for (int distance = 1; distance < warp_size; distance *= 2) {
        const T other = from_lane_below(mask, value, static_cast<unsigned>(distance));
        if (lane >= distance) value = op(other, value);
    }
    return value;
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
