#pragma once
// Pools over windows, each element of the result computed by one thread: no atomics, the order of operations is fixed.
//
//   max_forward_k3   3x3x3, stride 2, padding 1, the network's. A thread takes four channels and walks four outputs along D; the
//                    maximum over the plane that two windows share is taken once. A block covers 4x4 columns, so L1 serves what
//                    windows share in H and W. Memory: reads x once (4 bytes), writes y and the winners (5/8 of a byte each x).
//   max_backward_k3  A thread takes four channels of a 2x2x2 cube of dx, which lies under eight windows, and reads each of those
//                    once: 4 bytes written for each x, 5/8 read from memory, 5 from L1.
//   *_any            any kernel, stride and padding, a thread for each output (input, backward) and vector of channels.
//   global_*         one block for a sample's tile of channels; sums in double.
#include "kernels/pool3d.hpp"
#include "kernels/pool3d_windows.cuh"
#include "kernels/primitives/block.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

template <int width>
__global__ void __launch_bounds__(pool::threads, 3)
max_pool3d_forward_k3_kernel(const pool::Geometry g, const pool::Tiling t, const float* x, float* y, uint8_t* winner) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const int64_t plane_size = static_cast<int64_t>(g.in.h) * g.in.w * g.channels;
    const int row_size = g.in.w * g.channels;
    const float* const corner =
        x + p.n * g.in.d * plane_size + static_cast<int64_t>(2 * p.y - 1) * row_size + static_cast<int64_t>(2 * p.x - 1) * g.channels + p.channel;
    max_k3<width>(g, p, [&](int z, int k) { return load_vector<width>(corner + z * plane_size + k / 3 * row_size + k % 3 * g.channels); }, y,
                  winner);
}

template <int width>
__global__ void __launch_bounds__(pool::threads, 4)
max_pool3d_forward_any_kernel(const pool::Geometry g, const pool::Tiling t, const float* x, float* y, uint8_t* winner) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const Range rz = window(g.d, p.z, g.in.d), ry = window(g.h, p.y, g.in.h), rx = window(g.w, p.x, g.in.w);
    // Less the window's start: the position of (a, b, c) is (a kH + b) kW + c.
    const int base = ((p.z * g.d.stride - g.d.padding) * g.h.kernel + p.y * g.h.stride - g.h.padding) * g.w.kernel +
                     p.x * g.w.stride - g.w.padding;
    Best<width> best;
    best.start((rz.first * g.h.kernel + ry.first) * g.w.kernel + rx.first - base);
    for (int a = rz.first; a < rz.last; ++a)
        for (int b = ry.first; b < ry.last; ++b) {
            const float* const row = x + ((p.n * g.in.d + a) * g.in.h + b) * g.in.w * g.channels + p.channel;
#pragma unroll 1  // short loops of unknown length: unrolled they would spill
            for (int c = rx.first; c < rx.last; ++c)
                best.take(load_vector<width>(row + static_cast<int64_t>(c) * g.channels), (a * g.h.kernel + b) * g.w.kernel + c - base);
        }
    const int64_t at = offset(g.out, g.channels, p.n, p.z, p.y, p.x) + p.channel;
    store_best<width>(best, at, y, winner);
}

template <int width>
__global__ void __launch_bounds__(pool::threads)
max_pool3d_backward_k3_kernel(const pool::Geometry g, const pool::Tiling t, const float* dy, const uint8_t* winner, float* dx) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    Vector<float, width> sum[8];
    cube_gradient_k3<width>(g, p, dy, winner, sum);
#pragma unroll
    for (int cell = 0; cell < 8; ++cell) {
        const int z = 2 * p.z + cell / 4, y = 2 * p.y + cell / 2 % 2, x = 2 * p.x + cell % 2;
        if (z < g.in.d && y < g.in.h && x < g.in.w) store_vector<width>(dx + offset(g.in, g.channels, p.n, z, y, x) + p.channel, sum[cell]);
    }
}

// body(offset in elements, position in the window) for every window over the input position `p`, in their order.
namespace pool {
template <class Body>
__device__ __forceinline__ void for_windows(const Geometry& g, const Place& p, Body body) {
    const Range rz = windows_of(g.d, p.z, g.out.d), ry = windows_of(g.h, p.y, g.out.h), rx = windows_of(g.w, p.x, g.out.w);
    for (int a = rz.first; a < rz.last; ++a)
        for (int b = ry.first; b < ry.last; ++b)
#pragma unroll 1  // short loops of unknown length: unrolled they would spill
            for (int c = rx.first; c < rx.last; ++c) {
                const int k = ((p.z - a * g.d.stride + g.d.padding) * g.h.kernel + p.y - b * g.h.stride + g.h.padding) * g.w.kernel +
                              p.x - c * g.w.stride + g.w.padding;
                body(offset(g.out, g.channels, p.n, a, b, c) + p.channel, k);
            }
}
}  // namespace pool

template <int width>
__global__ void __launch_bounds__(pool::threads, 4)
max_pool3d_backward_any_kernel(const pool::Geometry g, const pool::Tiling t, const float* dy, const uint8_t* winner, float* dx) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.in.w || p.y >= g.in.h) return;
    auto sum = filled_vector<width>(0.0f);
    for_windows(g, p, [&](int64_t from, int k) {
        const auto gradient = load_vector<width>(dy + from);
        const auto won = load_vector<width>(winner + from);
#pragma unroll
        for (int i = 0; i < width; ++i) sum[i] += won[i] == k ? gradient[i] : 0.0f;
    });
    store_vector<width>(dx + offset(g.in, g.channels, p.n, p.z, p.y, p.x) + p.channel, sum);
}

template <int width>
__global__ void __launch_bounds__(pool::threads, 4)
avg_pool3d_forward_kernel(const pool::Geometry g, const pool::Tiling t, const float* x, float* y) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const Range rz = window(g.d, p.z, g.in.d), ry = window(g.h, p.y, g.in.h), rx = window(g.w, p.x, g.in.w);
    auto sum = filled_vector<width>(0.0f);
    for (int a = rz.first; a < rz.last; ++a)
        for (int b = ry.first; b < ry.last; ++b) {
            const float* const row = x + ((p.n * g.in.d + a) * g.in.h + b) * g.in.w * g.channels + p.channel;
#pragma unroll 1  // short loops of unknown length: unrolled they would spill
            for (int c = rx.first; c < rx.last; ++c) {
                const auto v = load_vector<width>(row + static_cast<int64_t>(c) * g.channels);
#pragma unroll
                for (int i = 0; i < width; ++i) sum[i] += v[i];
            }
        }
    const float cells = static_cast<float>(g.d.kernel * g.h.kernel * g.w.kernel);
#pragma unroll
    for (int i = 0; i < width; ++i) sum[i] /= cells;
    store_vector<width>(y + offset(g.out, g.channels, p.n, p.z, p.y, p.x) + p.channel, sum);
}

template <int width>
__global__ void __launch_bounds__(pool::threads, 4)
avg_pool3d_backward_kernel(const pool::Geometry g, const pool::Tiling t, const float* dy, float* dx) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.in.w || p.y >= g.in.h) return;
    auto sum = filled_vector<width>(0.0f);
    for_windows(g, p, [&](int64_t from, int) {
        const auto gradient = load_vector<width>(dy + from);
#pragma unroll
        for (int i = 0; i < width; ++i) sum[i] += gradient[i];
    });
    const float cells = static_cast<float>(g.d.kernel * g.h.kernel * g.w.kernel);
#pragma unroll
    for (int i = 0; i < width; ++i) sum[i] /= cells;
    store_vector<width>(dx + offset(g.in, g.channels, p.n, p.z, p.y, p.x) + p.channel, sum);
}

// gridDim (tiles of channels, samples).
template <int width>
__global__ void __launch_bounds__(pool::threads)
global_avg_pool3d_forward_kernel(int64_t n, int64_t rows, int channels, const float* x, float* y) {
    const int channel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * width;
    for (int64_t sample = blockIdx.y; sample < n; sample += gridDim.y) {
        double sum[width] = {};
        if (channel < channels) {
            const float* const from = x + sample * rows * channels + channel;
#pragma unroll 4
            for (int64_t row = threadIdx.y; row < rows; row += blockDim.y) {
                const auto v = load_vector<width>(from + row * channels);
#pragma unroll
                for (int i = 0; i < width; ++i) sum[i] += static_cast<double>(v[i]);
            }
        }
        sum_down<width, pool::threads>(sum);
        if (threadIdx.y == 0 && channel < channels)
#pragma unroll
            for (int i = 0; i < width; ++i) y[sample * channels + channel + i] = static_cast<float>(sum[i] / static_cast<double>(rows));
    }
}

// gridDim (tiles of channels, blocks of rows).
template <int width>
__global__ void __launch_bounds__(pool::threads)
global_avg_pool3d_backward_kernel(int64_t n, int64_t rows, int channels, const float* dy, float* dx) {
    const int channel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * width;
    if (channel >= channels) return;
    for (int64_t row = static_cast<int64_t>(blockIdx.y) * blockDim.y + threadIdx.y; row < n * rows;
         row += static_cast<int64_t>(gridDim.y) * blockDim.y) {
        auto share = load_vector<width>(dy + row / rows * channels + channel);
#pragma unroll
        for (int i = 0; i < width; ++i) share[i] /= static_cast<float>(rows);
        store_vector<width>(dx + row * channels + channel, share);
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
