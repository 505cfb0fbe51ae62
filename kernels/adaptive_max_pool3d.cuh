#pragma once
// The adaptive maximum, a thread for each element of the result (of the input's gradient): neighbouring threads take
// neighbouring channels, so every access of a warp is one row. Windows are a few voxels wide and overlap by one at most
// where the result is the smaller, so x is read little more than once. Backward gathers: no atomics.
#include "kernels/adaptive_max_pool3d.hpp"
#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace adaptive {

struct Geometry {
    int64_t n;
    int channels;
    int in[3], out[3];
};

struct Range {
    int first, last;
};
// Of an axis: the inputs (`to` of them) under output i of `from`, and also the outputs whose windows hold input i.
__device__ __forceinline__ Range share(int i, int from, int to) {
    return {i * to / from, ((i + 1) * to + from - 1) / from};
}

struct Place {
    int64_t n;
    int z, y, x, channel;
};
__device__ __forceinline__ Place place(int64_t i, const int (&grid)[3], int channels) {
    Place p;
    const int64_t row = i / channels, plane = row / grid[2], slab = plane / grid[1];
    p.channel = static_cast<int>(i - row * channels);
    p.x = static_cast<int>(row - plane * grid[2]);
    p.y = static_cast<int>(plane - slab * grid[1]);
    p.n = slab / grid[0];
    p.z = static_cast<int>(slab - p.n * grid[0]);
    return p;
}
__device__ __forceinline__ int positions(const int (&grid)[3]) { return grid[0] * grid[1] * grid[2]; }

}  // namespace adaptive

__global__ void __launch_bounds__(256)
    adaptive_max_pool3d_forward_kernel(adaptive::Geometry g, int64_t count, const float* x, float* y, int32_t* winner) {
    using namespace adaptive;
    for (int64_t i = first_item(); i < count; i += item_stride()) {
        const Place p = place(i, g.out, g.channels);
        const Range rz = share(p.z, g.out[0], g.in[0]), ry = share(p.y, g.out[1], g.in[1]),
                    rx = share(p.x, g.out[2], g.in[2]);
        const float* const sample = x + p.n * positions(g.in) * g.channels + p.channel;
        float best = -INFINITY;
        int at = (rz.first * g.in[1] + ry.first) * g.in[2] + rx.first;
        for (int a = rz.first; a < rz.last; ++a)
            for (int b = ry.first; b < ry.last; ++b)
                for (int c = rx.first; c < rx.last; ++c) {
                    const int position = (a * g.in[1] + b) * g.in[2] + c;
                    const float v = sample[static_cast<int64_t>(position) * g.channels];
                    if (v > best || v != v) best = v, at = position;
                }
        y[i] = best;
        if (winner != nullptr) winner[i] = at;
    }
}

__global__ void __launch_bounds__(256)
    adaptive_max_pool3d_backward_kernel(adaptive::Geometry g, int64_t count, const float* dy, const int32_t* winner,
                                        float* dx) {
    using namespace adaptive;
    for (int64_t i = first_item(); i < count; i += item_stride()) {
        const Place p = place(i, g.in, g.channels);
        const Range rz = share(p.z, g.in[0], g.out[0]), ry = share(p.y, g.in[1], g.out[1]),
                    rx = share(p.x, g.in[2], g.out[2]);
        const int position = (p.z * g.in[1] + p.y) * g.in[2] + p.x;
        const int64_t sample = p.n * positions(g.out) * g.channels + p.channel;
        float sum = 0;
        for (int a = rz.first; a < rz.last; ++a)
            for (int b = ry.first; b < ry.last; ++b)
                for (int c = rx.first; c < rx.last; ++c) {
                    const int64_t from = sample + static_cast<int64_t>((a * g.out[1] + b) * g.out[2] + c) * g.channels;
                    sum += winner[from] == position ? dy[from] : 0.0f;
                }
        dx[i] = sum;
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
