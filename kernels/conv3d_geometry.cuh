#pragma once
// Positions, edges and places in shared memory, for all kernels of the convolutions.
#include "kernels/conv3d_plan.hpp"
#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// Bits t with 0 <= start + t < size, for t in 0 .. taps - 1.
__device__ __forceinline__ unsigned taps_inside(int start, int taps, int size) {
    const int low = start < 0 ? -start : 0, high = size - start < taps ? size - start : taps;
    return high <= low ? 0u : (1u << high) - (1u << low);
}

__device__ __forceinline__ int operator/(int i, const Divisor& d) {
    return d.divisor == 1 ? i : static_cast<int>(__umulhi(static_cast<unsigned>(i), d.multiplier) >> d.shift);
}

struct RowPosition {
    int n, z, y, x;
};

__device__ __forceinline__ RowPosition position_of(const Conv3dGather& g, int row) {
    const int plane = row / g.by[2], slab = plane / g.by[1], n = slab / g.by[0];
    return {n, slab - n * g.grid[0], plane - slab * g.grid[1], row - plane * g.grid[2]};
}

// Where row `row` of the result goes, in positions.
__device__ __forceinline__ int64_t target_of(const Conv3dGather& g, int row) {
    if (g.dense) return row;
    const RowPosition p = position_of(g, row);
    return ((int64_t{1} * p.n * g.target[0] + p.z * g.spread[0] + g.start[0]) * g.target[1] + p.y * g.spread[1] +
            g.start[1]) *
               g.target[2] +
           p.x * g.spread[2] + g.start[2];
}

// Bits 0, 8 and 16 on: the taps along d, h and w that lie inside the source when tap 0 is at (z, y, x).
__device__ __forceinline__ unsigned taps_inside(const Conv3dGather& g, int z, int y, int x) {
    return taps_inside(z, g.taps[0], g.source[0]) | taps_inside(y, g.taps[1], g.source[1]) << 8 |
           taps_inside(x, g.taps[2], g.source[2]) << 16;
}

// The bits of tap (a, b, c).
__device__ __forceinline__ unsigned tap_bits(int a, int b, int c) { return 1u << a | 256u << b | 65536u << c; }

// Where a row's source begins (relative to `base`, the block's first sample) and which of its taps lie inside: bits 0,
// 8 and 16 on for d, h, w. A row beyond the last one sees nothing.
struct RowSource {
    int at;
    unsigned taps;
};

__device__ __forceinline__ RowSource source_of(const Conv3dGather& g, int row, int first_sample) {
    if (row >= g.rows) return {0, 0u};
    const RowPosition p = position_of(g, row);
    const int z = p.z * g.multiply[0] + g.offset[0], y = p.y * g.multiply[1] + g.offset[1],
              x = p.x * g.multiply[2] + g.offset[2];
    return {((((p.n - first_sample) * g.source[0] + z) * g.source[1] + y) * g.source[2] + x) * g.channels,
            taps_inside(g, z, y, x)};
}

// A thread's place in the depth of the product: a tap and a channel of it.
struct DepthCursor {
    int channel, a, b, c;
    int depth;       // of both
    int source;      // of the tap, relative to a row's begin
    unsigned needs;  // the bits that RowSource::taps must have

    __device__ __forceinline__ void at_tap(const Conv3dGather& g) {
        source = ((a * g.source[1] + b) * g.source[2] + c) * g.channels;
        needs = tap_bits(a, b, c);
    }
    __device__ __forceinline__ void advance(const Conv3dGather& g, int by) {
        channel += by;
        depth += by;
        if (channel < g.channels) return;
        while (channel >= g.channels && a < g.taps[0]) {
            channel -= g.channels;
            if (++c == g.taps[2]) {
                c = 0;
                if (++b == g.taps[1]) b = 0, ++a;
            }
        }
        at_tap(g);
    }
    __device__ __forceinline__ void start(const Conv3dGather& g, int from) {
        channel = depth = a = b = c = 0;
        at_tap(g);
        advance(g, from);
    }
    // The next of `by` channels' taps, or the first one of the channels after them (tap_fastest).
    __device__ __forceinline__ void next_tap(const Conv3dGather& g, int by) {
        if (++c == g.taps[2]) {
            c = 0;
            if (++b == g.taps[1]) {
                b = 0;
                if (++a == g.taps[0]) a = 0, channel += by;
            }
        }
        at_tap(g);
    }
    __device__ __forceinline__ bool inside(const Conv3dGather& g) const { return a < g.taps[0]; }
};

// The place of vector `q` of row `row`, rows of four vectors.
__device__ __forceinline__ int shared_vector(int row, int q) { return row * 4 + (q ^ (row >> 1 & 3)); }

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
