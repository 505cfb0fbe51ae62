#pragma once
// cub's device-wide algorithms where there is no cub: plain loops, each block one thread that takes a piece of the
// input. On simt such a block is a loop on one OS thread and never switches fibers; on a GPU it would be absurd, so
// nvcc is not shown it.
//
// Sorting is by digits of eight bits from the lowest on: count the digits of each piece, give every piece its place in
// every digit, move. 24 bytes move per key and digit.
#include <bit>

#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace algorithms {

constexpr int digit_bits = 8, digits = 1 << digit_bits;

struct Pieces {
    int64_t per_piece;
    int pieces;  // 1 to 64
};
inline Pieces pieces_of(int64_t count) {
    constexpr int64_t least = 4096, most = 64;
    const int64_t share = (count + most - 1) / most, per_piece = share < least ? least : share;
    return {per_piece, count ? static_cast<int>((count + per_piece - 1) / per_piece) : 1};
}
__device__ inline int64_t piece_begin(int64_t per_piece) { return blockIdx.x * per_piece; }
__device__ inline int64_t piece_end(int64_t per_piece, int64_t count) {
    const int64_t end = (blockIdx.x + int64_t{1}) * per_piece;
    return end < count ? end : count;
}

// Bits that compare as unsigned integers do as the keys compare.
__device__ inline uint64_t ordered(uint64_t key) { return key; }
__device__ inline uint64_t ordered(double key) {
    constexpr uint64_t sign = uint64_t{1} << 63;
    const uint64_t bits = std::bit_cast<uint64_t>(key);
    return bits == sign ? sign : bits & sign ? ~bits : bits | sign;
}
template <class Key>
__device__ inline int digit_of(const Key& key, int shift, int bits) {
    return static_cast<int>(ordered(key) >> shift & ((uint64_t{1} << bits) - 1));
}

// counts[digit * pieces + piece].
template <class Key>
__global__ void count_digits_kernel(int64_t count, int64_t per_piece, int shift, int bits, const Key* keys,
                                    unsigned* counts) {
    __shared__ unsigned own[digits];
    for (int d = 0; d < digits; ++d) own[d] = 0;
    for (int64_t i = piece_begin(per_piece); i < piece_end(per_piece, count); ++i)
        ++own[digit_of(keys[i], shift, bits)];
    for (int d = 0; d < digits; ++d) counts[static_cast<int64_t>(d) * gridDim.x + blockIdx.x] = own[d];
}

// One block: each count becomes the sum of those before it; the sum of all goes to `total`, unless that is nullptr.
__global__ void sum_before_kernel(int64_t count, unsigned* counts, int32_t* total) {
    unsigned sum = 0;
    for (int64_t i = 0; i < count; ++i) {
        const unsigned each = counts[i];
        counts[i] = sum;
        sum += each;
    }
    if (total) *total = static_cast<int32_t>(sum);
}

template <class Key>
__global__ void move_digits_kernel(int64_t count, int64_t per_piece, int shift, int bits, const Key* keys,
                                   const unsigned* places, Key* out) {
    __shared__ unsigned next[digits];
    for (int d = 0; d < digits; ++d) next[d] = places[static_cast<int64_t>(d) * gridDim.x + blockIdx.x];
    for (int64_t i = piece_begin(per_piece); i < piece_end(per_piece, count); ++i) {
        const Key key = keys[i];
        out[next[digit_of(key, shift, bits)]++] = key;
    }
}

// What selects: flags, or where a run of keys begins.
struct Flagged {
    const uint8_t* flags;
    __device__ bool operator()(int64_t i) const { return flags[i] != 0; }
};
struct RunBegins {
    const uint64_t* keys;
    __device__ bool operator()(int64_t i) const { return i == 0 || keys[i] != keys[i - 1]; }
};

template <class Selects>
__global__ void count_selected_kernel(int64_t count, int64_t per_piece, Selects selects, unsigned* counts) {
    unsigned own = 0;
    for (int64_t i = piece_begin(per_piece); i < piece_end(per_piece, count); ++i) own += selects(i);
    counts[blockIdx.x] = own;
}

// values or positions may be nullptr.
template <class Selects, class T>
__global__ void move_selected_kernel(int64_t count, int64_t per_piece, Selects selects, const unsigned* places,
                                     const T* values, T* selected, int32_t* positions) {
    unsigned next = places[blockIdx.x];
    for (int64_t i = piece_begin(per_piece); i < piece_end(per_piece, count); ++i) {
        if (!selects(i)) continue;
        if (values) selected[next] = values[i];
        if (positions) positions[next] = static_cast<int32_t>(i);
        ++next;
    }
}

// One block: where runs begin becomes how long they are.
__global__ void begins_to_lengths_kernel(int32_t count, const int32_t* runs, int32_t* lengths) {
    const int32_t n = *runs;
    for (int32_t r = 0; r < n; ++r) lengths[r] = (r + 1 < n ? lengths[r + 1] : count) - lengths[r];
}

}  // namespace algorithms
}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
