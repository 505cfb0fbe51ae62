#pragma once
// Pools over windows, each element of the result computed by one thread: no atomics, the order of operations is fixed.
//
//   max_forward_k3   3x3x3, stride 2, padding 1, the network's. A thread takes four channels and walks `run` outputs along D; the
//                    maximum over the plane that two windows share is taken once. A block covers 4x4 columns, so L1 serves what
//                    windows share in H and W. Memory: reads x once (4 bytes), writes y and the winners (5/8 of a byte each x).
//   max_backward_k3  A thread takes four channels of a 2x2x2 cube of dx, which lies under eight windows, and reads each of those
//                    once: 4 bytes written for each x, 5/8 read from memory, 5 from L1.
//   *_any            any kernel, stride and padding, a thread for each output (input, backward) and vector of channels.
//   global_*         one block for a sample's tile of channels; sums in double.
#include "kernels/pool3d.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/primitives/vector.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace pool {

constexpr unsigned threads = 256;
constexpr int run = 4;  // outputs along D of one thread

struct Grid {
    int d, h, w;
    __host__ __device__ int64_t count() const { return static_cast<int64_t>(d) * h * w; }
};

struct Geometry {
    Grid in, out;
    int channels, kernel, stride, padding;
};

// How blocks lie over a grid of positions: threadIdx.x channels, y along W, z along H; blockIdx.x counts tiles of channels, W, H, then
// planes (groups of `depth`) and samples.
struct Tiling {
    unsigned across_channels, across_w, across_h;  // the block
    int tiles_c, tiles_w, tiles_h, tiles_d;
};

struct Place {
    int64_t n;
    int z, y, x, channel;  // z: the tile's number, not its first plane
};

template <int width>
__device__ __forceinline__ Place place(const Tiling& t) {
    unsigned b = blockIdx.x;
    Place p;
    p.channel = static_cast<int>((b % t.tiles_c * t.across_channels + threadIdx.x) * width);
    b /= t.tiles_c;
    p.x = static_cast<int>(b % t.tiles_w * t.across_w + threadIdx.y);
    b /= t.tiles_w;
    p.y = static_cast<int>(b % t.tiles_h * t.across_h + threadIdx.z);
    b /= t.tiles_h;
    p.z = static_cast<int>(b % t.tiles_d);
    p.n = b / t.tiles_d;
    return p;
}

// Values with the places they came from. `take` keeps the winner's rule, in whatever groups of neighbours it is applied.
template <int width>
struct Best {
    Vector<float, width> value;
    int index[width];
    __device__ __forceinline__ void start(int first) {
        value = filled_vector<width>(-INFINITY);
#pragma unroll
        for (int i = 0; i < width; ++i) index[i] = first;
    }
    __device__ __forceinline__ void take(const Vector<float, width>& v, int at) {
#pragma unroll
        for (int i = 0; i < width; ++i)
            if (v[i] > value[i] || v[i] != v[i]) {
                value[i] = v[i];
                index[i] = at;
            }
    }
    __device__ __forceinline__ void take(const Best& o, int more) {
#pragma unroll
        for (int i = 0; i < width; ++i)
            if (o.value[i] > value[i] || o.value[i] != o.value[i]) {
                value[i] = o.value[i];
                index[i] = o.index[i] + more;
            }
    }
};

template <int width>
__device__ __forceinline__ void store_best(const Best<width>& best, int64_t at, float* y, uint8_t* winner) {
    store_vector<width>(y + at, best.value);
    if (winner) {
        Vector<uint8_t, width> w;
#pragma unroll
        for (int i = 0; i < width; ++i) w[i] = static_cast<uint8_t>(best.index[i]);
        store_vector<width>(winner + at, w);
    }
}

// Windows that contain `in`: [first, last).
struct Range {
    int first, last;
};
__device__ __forceinline__ Range windows_of(const Geometry& g, int in, int outs) {
    const int shifted = in + g.padding, last = shifted / g.stride + 1;
    return {shifted < g.kernel ? 0 : (shifted - g.kernel) / g.stride + 1, last < outs ? last : outs};
}
// Positions of window `out` inside [0, size).
__device__ __forceinline__ Range window(const Geometry& g, int out, int size) {
    const int start = out * g.stride - g.padding;
    return {start < 0 ? 0 : start, start + g.kernel < size ? start + g.kernel : size};
}

}  // namespace pool

template <int width>
__global__ void __launch_bounds__(pool::threads)
max_pool3d_forward_k3_kernel(const pool::Geometry g, const pool::Tiling t, const float* x, float* y, uint8_t* winner) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const int first_h = 2 * p.y - 1, first_w = 2 * p.x - 1;
    const int z_end = (p.z + 1) * run < g.out.d ? (p.z + 1) * run : g.out.d;
    const int64_t plane_size = static_cast<int64_t>(g.in.h) * g.in.w * g.channels;
    const int row_size = g.in.w * g.channels;
    const float* const sample = x + p.n * g.in.d * plane_size + p.channel;
    // The window's place in a plane, and its first element inside.
    const int64_t corner = static_cast<int64_t>(first_h) * row_size + static_cast<int64_t>(first_w) * g.channels;
    const int first_inside = (first_h < 0 ? 3 : 0) + (first_w < 0 ? 1 : 0);
    bool inside[9];
#pragma unroll
    for (int k = 0; k < 9; ++k) {
        const int h = first_h + k / 3, w = first_w + k % 3;
        inside[k] = h >= 0 && h < g.in.h && w >= 0 && w < g.in.w;
    }
    const auto plane_best = [&](int z) {
        Best<width> best;
        best.start(first_inside);
        if (z < 0 || z >= g.in.d) return best;
        const float* const plane = sample + z * plane_size + corner;
        Vector<float, width> v[9];
#pragma unroll
        for (int k = 0; k < 9; ++k)
            v[k] = inside[k] ? load_vector<width>(plane + k / 3 * row_size + k % 3 * g.channels) : filled_vector<width>(-INFINITY);
#pragma unroll
        for (int k = 0; k < 9; ++k) best.take(v[k], k);
        return best;
    };

    int oz = p.z * run;
    Best<width> shared_plane = plane_best(2 * oz - 1);
    for (; oz < z_end; ++oz) {
        Best<width> best;
        best.start((oz ? 0 : 9) + first_inside);
        best.take(shared_plane, 0);
        best.take(plane_best(2 * oz), 9);
        shared_plane = plane_best(2 * oz + 1);
        best.take(shared_plane, 18);
        const int64_t at = (((p.n * g.out.d + oz) * g.out.h + p.y) * g.out.w + p.x) * g.channels + p.channel;
        store_best<width>(best, at, y, winner);
    }
}

template <int width>
__global__ void __launch_bounds__(pool::threads, 4)
max_pool3d_forward_any_kernel(const pool::Geometry g, const pool::Tiling t, const float* x, float* y, uint8_t* winner) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const Range rz = window(g, p.z, g.in.d), ry = window(g, p.y, g.in.h), rx = window(g, p.x, g.in.w);
    // Less the window's start: position k of (a, b, c) is ((a k) + b) k + c.
    const int base = ((p.z * g.stride - g.padding) * g.kernel + p.y * g.stride - g.padding) * g.kernel + p.x * g.stride - g.padding;
    Best<width> best;
    best.start((rz.first * g.kernel + ry.first) * g.kernel + rx.first - base);
    for (int a = rz.first; a < rz.last; ++a)
        for (int b = ry.first; b < ry.last; ++b) {
            const float* const row = x + ((p.n * g.in.d + a) * g.in.h + b) * g.in.w * g.channels + p.channel;
#pragma unroll 1  // short loops of unknown length: unrolled they would spill
            for (int c = rx.first; c < rx.last; ++c)
                best.take(load_vector<width>(row + static_cast<int64_t>(c) * g.channels), (a * g.kernel + b) * g.kernel + c - base);
        }
    const int64_t at = (((p.n * g.out.d + p.z) * g.out.h + p.y) * g.out.w + p.x) * g.channels + p.channel;
    store_best<width>(best, at, y, winner);
}

// A cube holds planes 2z and 2z + 1, likewise rows and columns: window z (its planes 1 and 2) and window z + 1 (its plane 0) reach it.
template <int width>
__global__ void __launch_bounds__(pool::threads)
max_pool3d_backward_k3_kernel(const pool::Geometry g, const pool::Tiling t, const float* dy, const uint8_t* winner, float* dx) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    Vector<float, width> sum[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) sum[i] = filled_vector<width>(0.0f);
    const int64_t at = (((p.n * g.out.d + p.z) * g.out.h + p.y) * g.out.w + p.x) * g.channels + p.channel;
    const int64_t plane = static_cast<int64_t>(g.out.h) * g.out.w * g.channels;
    const int row = g.out.w * g.channels;
#pragma unroll
    for (int window = 0; window < 8; ++window) {
        const int wz = window / 4, wy = window / 2 % 2, wx = window % 2;
        if (p.z + wz >= g.out.d || p.y + wy >= g.out.h || p.x + wx >= g.out.w) continue;
        const int64_t from = at + wz * plane + wy * row + wx * g.channels;
        const auto gradient = load_vector<width>(dy + from);
        const auto won = load_vector<width>(winner + from);
#pragma unroll
        for (int cell = 0; cell < 8; ++cell) {
            const int cz = cell / 4, cy = cell / 2 % 2, cx = cell % 2;
            if (wz > cz || wy > cy || wx > cx) continue;  // a later window reaches the cube's later half only
            const int k = ((wz ? 0 : cz + 1) * 3 + (wy ? 0 : cy + 1)) * 3 + (wx ? 0 : cx + 1);
#pragma unroll
            for (int i = 0; i < width; ++i) sum[cell][i] += won[i] == k ? gradient[i] : 0.0f;
        }
    }
#pragma unroll
    for (int cell = 0; cell < 8; ++cell) {
        const int z = 2 * p.z + cell / 4, y = 2 * p.y + cell / 2 % 2, x = 2 * p.x + cell % 2;
        if (z < g.in.d && y < g.in.h && x < g.in.w)
            store_vector<width>(dx + (((p.n * g.in.d + z) * g.in.h + y) * g.in.w + x) * g.channels + p.channel, sum[cell]);
    }
}

// body(offset in elements, position in the window) for every window over the input position `p`, in their order.
namespace pool {
template <class Body>
__device__ __forceinline__ void for_windows(const Geometry& g, const Place& p, Body body) {
    const Range rz = windows_of(g, p.z, g.out.d), ry = windows_of(g, p.y, g.out.h), rx = windows_of(g, p.x, g.out.w);
    for (int a = rz.first; a < rz.last; ++a)
        for (int b = ry.first; b < ry.last; ++b)
#pragma unroll 1  // short loops of unknown length: unrolled they would spill
            for (int c = rx.first; c < rx.last; ++c) {
                const int k = ((p.z - a * g.stride + g.padding) * g.kernel + p.y - b * g.stride + g.padding) * g.kernel + p.x -
                              c * g.stride + g.padding;
                body((((p.n * g.out.d + a) * g.out.h + b) * g.out.w + c) * g.channels + p.channel, k);
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
    store_vector<width>(dx + (((p.n * g.in.d + p.z) * g.in.h + p.y) * g.in.w + p.x) * g.channels + p.channel, sum);
}

template <int width>
__global__ void __launch_bounds__(pool::threads, 4)
avg_pool3d_forward_kernel(const pool::Geometry g, const pool::Tiling t, const float* x, float* y) {
    using namespace pool;
    const Place p = place<width>(t);
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const Range rz = window(g, p.z, g.in.d), ry = window(g, p.y, g.in.h), rx = window(g, p.x, g.in.w);
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
    const float cells = static_cast<float>(g.kernel * g.kernel * g.kernel);
#pragma unroll
    for (int i = 0; i < width; ++i) sum[i] /= cells;
    store_vector<width>(y + (((p.n * g.out.d + p.z) * g.out.h + p.y) * g.out.w + p.x) * g.channels + p.channel, sum);
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
    const float cells = static_cast<float>(g.kernel * g.kernel * g.kernel);
#pragma unroll
    for (int i = 0; i < width; ++i) sum[i] /= cells;
    store_vector<width>(dx + (((p.n * g.in.d + p.z) * g.in.h + p.y) * g.in.w + p.x) * g.channels + p.channel, sum);
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

// gridDim (tiles of channels, blocks of rows): each thread fetches its share once a sample it meets.
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
