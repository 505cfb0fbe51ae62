#pragma once
// Positions and edges, for all kernels of the convolutions.
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

// Bits 0, 8 and 16 on: the taps along d, h and w that lie inside the source when tap 0 is at (z, y, x).
__device__ __forceinline__ unsigned taps_inside(const Conv3dGather& g, int z, int y, int x) {
    return taps_inside(z, g.taps[0], g.source[0]) | taps_inside(y, g.taps[1], g.source[1]) << 8 |
           taps_inside(x, g.taps[2], g.source[2]) << 16;
}

// The bits of tap (a, b, c).
__device__ __forceinline__ unsigned tap_bits(int a, int b, int c) { return 1u << a | 256u << b | 65536u << c; }

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
