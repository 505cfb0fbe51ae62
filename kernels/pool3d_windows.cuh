#pragma once
// Windows of pools on devices: places of threads, the maximum's rule, and the 3x3x3 window that the network uses everywhere.
#include "kernels/pool3d.hpp"
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

struct Window {  // along one axis
    int kernel, stride, padding;
};

struct Geometry {
    Grid in, out;
    int channels;
    Window d, h, w;
};

// How blocks lie over a grid of positions: threadIdx.x channels, y along W, z along H. Tiles count along channels, W, H, then planes
// (groups of `depth`) and samples; with `channels_last`, along W, H, planes, then channels and samples.
struct Tiling {
    unsigned across_channels, across_w, across_h;  // the block
    int tiles_c, tiles_w, tiles_h, tiles_d;
    bool channels_last;
    __host__ __device__ unsigned places() const { return static_cast<unsigned>(tiles_w) * tiles_h * tiles_d; }  // tiles of a channel
};

struct Place {
    int64_t n;
    int z, y, x, channel;  // z: the tile's number, not its first plane
};

template <int width>
__device__ __forceinline__ Place place(const Tiling& t, int64_t n, unsigned tile_c, unsigned tile) {
    Place p;
    p.n = n;
    p.channel = static_cast<int>((tile_c * t.across_channels + threadIdx.x) * width);
    p.x = static_cast<int>(tile % t.tiles_w * t.across_w + threadIdx.y);
    tile /= t.tiles_w;
    p.y = static_cast<int>(tile % t.tiles_h * t.across_h + threadIdx.z);
    p.z = static_cast<int>(tile / t.tiles_h);
    return p;
}
template <int width>
__device__ __forceinline__ Place place(const Tiling& t) {
    const unsigned places = t.places(), all = places * t.tiles_c, n = blockIdx.x / all, rest = blockIdx.x % all;
    return t.channels_last ? place<width>(t, n, rest / places, rest % places) : place<width>(t, n, rest % t.tiles_c, rest / t.tiles_c);
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

__device__ __forceinline__ int64_t offset(const Grid& g, int channels, int64_t n, int z, int y, int x) {
    return (((n * g.d + z) * g.h + y) * g.w + x) * channels;
}

// Windows that contain `in`: [first, last).
struct Range {
    int first, last;
};
__device__ __forceinline__ Range windows_of(const Window& g, int in, int outs) {
    const int shifted = in + g.padding, last = shifted / g.stride + 1;
    return {shifted < g.kernel ? 0 : (shifted - g.kernel) / g.stride + 1, last < outs ? last : outs};
}
// Positions of window `out` inside [0, size).
__device__ __forceinline__ Range window(const Window& g, int out, int size) {
    const int start = out * g.stride - g.padding;
    return {start < 0 ? 0 : start, start + g.kernel < size ? start + g.kernel : size};
}

// The network's window, 3x3x3 with stride 2 and padding 1, for one place: walks `run` outputs along D and takes the maximum over the
// plane that two windows share once. fetch(z, k): the values of plane z at cell k = 3 row + column of the window, which lies inside.
template <int width, class Fetch>
__device__ __forceinline__ void max_k3(const Geometry& g, const Place& p, Fetch fetch, float* y, uint8_t* winner) {
    const int first_h = 2 * p.y - 1, first_w = 2 * p.x - 1;
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
        Vector<float, width> v[9];
#pragma unroll
        for (int k = 0; k < 9; ++k) v[k] = inside[k] ? fetch(z, k) : filled_vector<width>(-INFINITY);
#pragma unroll
        for (int k = 0; k < 9; ++k) best.take(v[k], k);
        return best;
    };
    int oz = p.z * run;
    const int end = oz + run < g.out.d ? oz + run : g.out.d;
    Best<width> shared_plane = plane_best(2 * oz - 1);
    for (; oz < end; ++oz) {
        Best<width> best;
        best.start((oz ? 0 : 9) + first_inside);
        best.take(shared_plane, 0);
        best.take(plane_best(2 * oz), 9);
        shared_plane = plane_best(2 * oz + 1);
        best.take(shared_plane, 18);
        store_best<width>(best, offset(g.out, g.channels, p.n, oz, p.y, p.x) + p.channel, y, winner);
    }
}

// Its gradient in the 2x2x2 cube at twice the place: planes 2z and 2z + 1, likewise rows and columns. Window z (with its planes 1 and
// 2) and window z + 1 (with its plane 0) reach it; each of the eight windows is read once, in their order.
template <int width>
__device__ __forceinline__ void cube_gradient_k3(const Geometry& g, const Place& p, const float* dy, const uint8_t* winner,
                                                 Vector<float, width> (&sum)[8]) {
#pragma unroll
    for (int i = 0; i < 8; ++i) sum[i] = filled_vector<width>(0.0f);
    const int64_t at = offset(g.out, g.channels, p.n, p.z, p.y, p.x) + p.channel;
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
}

// Host.
inline Geometry geometry_of(const Pool3dSizes& s) {
    const auto grid = [](int64_t d, int64_t h, int64_t w) { return Grid{static_cast<int>(d), static_cast<int>(h), static_cast<int>(w)}; };
    const auto along = [&](int axis) {
        return Window{static_cast<int>(s.kernel[axis]), static_cast<int>(s.stride[axis]), static_cast<int>(s.padding[axis])};
    };
    return {grid(s.d, s.h, s.w), grid(s.out(0), s.out(1), s.out(2)), static_cast<int>(s.channels), along(0), along(1), along(2)};
}

// Blocks of nearly square tiles in H and W: they share the most with their own.
struct Plan {
    Tiling tiling;
    dim3 grid, block;
};
inline Plan plan(int64_t n, const Grid& g, int columns, int depth, unsigned most_across = 128, bool channels_last = false) {
    const RowTiles row = row_tiles(columns, threads, most_across);
    unsigned w = 1;
    while (w * w < row.down) w *= 2;
    while (w > static_cast<unsigned>(g.w) * 2 - 1 || w > row.down) w /= 2;
    unsigned h = row.down / w;
    if (h > static_cast<unsigned>(g.h)) h = static_cast<unsigned>(g.h);
    if (h > 64) h = 64;  // the hardware's limit
    const auto pieces = [](int size, int by) { return (size + by - 1) / by; };
    const Tiling t{row.across, w, h, static_cast<int>(row.tiles), pieces(g.w, static_cast<int>(w)), pieces(g.h, static_cast<int>(h)),
                   pieces(g.d, depth), channels_last};
    return {t, dim3(static_cast<unsigned>(n * t.tiles_d * t.tiles_h * t.tiles_w * t.tiles_c)), dim3(row.across, w, h)};
}

}  // namespace pool

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
