#pragma once
// Batch norm, ReLU, Shift3D and max-pool as one pass over the convolution's result, the largest tensor of the network.
//
//   pool_forward     reads x (4 bytes an element), writes an eighth of y and winners. One after the other, the operators move 24 bytes:
//                    two tensors of x's size more are written and read.
//   gradient_sums    reads x (4), and dy and winners (an eighth of 5) twice over in all: the gradient that arrives at a position is
//                    gathered from the windows over it, so neither the pool's nor the shift's gradient is ever stored.
//   apply_gradient   reads x, writes dx (8), gathers again. dx may take x's place.
//
// Each comes in two forms, and a block whose sample wants the other one returns at once:
//   a sample that does not move: threads of four channels, as kernels/pool3d.cuh;
//   a sample that does: every channel of a voxel comes from a voxel of its own, so of each 32-byte sector a request uses 4 bytes. Threads
//   of one channel, 16 channels to a block, all places before the next 16 channels: 64 bytes of a voxel stay in L2 until its other
//   channels' turn has come (kernels/shift3d.cuh). Moving by wrapping around is a permutation: gradients are stored where they
//   belong, each place by one thread.
// Sums over rows: eight values in single precision, then double, as kernels/batch_norm3d.cuh; the partition depends on the shape alone.
#include "kernels/pool3d_windows.cuh"
#include "kernels/primitives/block.cuh"
#include "kernels/stem.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace stem {

using namespace pool;
constexpr unsigned group = 16;  // channels of a block in a sample that moves

// Whether any channel of sample n moves. All threads of the block ask for the same sample.
__device__ __forceinline__ bool moves(const int2* plan, int64_t n, int channels) {
    int any = 0;
    for (int c = thread_rank(); c < channels; c += block_threads()) any |= plan[n * channels + c].y;
    return __syncthreads_or(any);
}

struct Along {
    int index;
    bool inside;  // else it was wrapped around
};
__device__ __forceinline__ Along source(int index, int shift, int size) {
    index -= shift;
    if (index >= 0 && index < size) return {index, true};
    index %= size;
    return {index < 0 ? index + size : index, false};
}

// How far one channel of a sample moves along each axis.
struct Amounts {
    int d, h, w;
};
__device__ __forceinline__ Amounts amounts(const int2& entry) {
    return {entry.x == 0 ? entry.y : 0, entry.x == 1 ? entry.y : 0, entry.x < 0 || entry.x > 1 ? entry.y : 0};
}

// y = relu((x - center) slope + offset).
template <int width>
struct Map {
    Vector<float, width> m, a, b;
    __device__ __forceinline__ Map(const float* table, int channels, int channel)
        : m(load_vector<width>(table + BatchNorm3dTable::center * channels + channel)),
          a(load_vector<width>(table + BatchNorm3dTable::slope * channels + channel)),
          b(load_vector<width>(table + BatchNorm3dTable::offset * channels + channel)) {}
    __device__ __forceinline__ Vector<float, width> operator()(Vector<float, width> v) const {
#pragma unroll
        for (int i = 0; i < width; ++i) {
            v[i] = fmaf(v[i] - m[i], a[i], b[i]);
            v[i] = v[i] < 0 ? 0.0f : v[i];
        }
        return v;
    }
    __device__ __forceinline__ float open(float gradient, float d, int i) const { return fmaf(d, a[i], b[i]) > 0 ? gradient : 0.0f; }
};

// The eight positions of a place's cube in the convolution's result, and the gradients that arrive there.
template <int width, bool moved>
struct Cube {
    Vector<float, width> gradient[8];
    int64_t at[8];  // -1: beyond the grid
    __device__ __forceinline__ Cube(const Geometry& g, const Place& p, const Amounts& shift, bool filled, const float* dy, const uint8_t* winner) {
        cube_gradient_k3<width>(g, p, dy, winner, gradient);
#pragma unroll
        for (int cell = 0; cell < 8; ++cell) {
            const int z = 2 * p.z + cell / 4, y = 2 * p.y + cell / 2 % 2, x = 2 * p.x + cell % 2;
            at[cell] = -1;
            if (z >= g.in.d || y >= g.in.h || x >= g.in.w) continue;
            if constexpr (moved) {
                const Along d = source(z, shift.d, g.in.d), h = source(y, shift.h, g.in.h), w = source(x, shift.w, g.in.w);
                at[cell] = pool::offset(g.in, g.channels, p.n, d.index, h.index, w.index) + p.channel;
                // What was filled in came from nowhere, and what left reached no window.
                if (filled && !(d.inside && h.inside && w.inside)) gradient[cell] = filled_vector<width>(0.0f);
            } else {
                at[cell] = pool::offset(g.in, g.channels, p.n, z, y, x) + p.channel;
            }
        }
    }
};

}  // namespace stem

template <int width, bool moved>
__global__ void __launch_bounds__(pool::threads)
stem_pool_forward_kernel(const pool::Geometry g, const pool::Tiling t, const int2* plan, bool filled, float fill, const float* x,
                         const float* table, float* y, uint8_t* winner) {
    using namespace stem;
    const Place p = place<width>(t);
    if (plan && moves(plan, p.n, g.channels) != moved) return;
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const Map<width> map(table, g.channels, p.channel);
    const int64_t plane_size = static_cast<int64_t>(g.in.h) * g.in.w * g.channels;
    const int row_size = g.in.w * g.channels;
    x += p.n * g.in.d * plane_size + p.channel;
    if constexpr (moved) {
        const Amounts shift = amounts(plan[p.n * g.channels + p.channel]);
        int64_t rows[3];
        int columns[3];
        bool row_inside[3], column_inside[3];
#pragma unroll
        for (int k = 0; k < 3; ++k) {
            const Along h = source(2 * p.y - 1 + k, shift.h, g.in.h), w = source(2 * p.x - 1 + k, shift.w, g.in.w);
            rows[k] = static_cast<int64_t>(h.index) * row_size;
            columns[k] = w.index * g.channels;
            row_inside[k] = h.inside;
            column_inside[k] = w.inside;
        }
        const auto fetch = [&](int z, int k) {
            const Along d = source(z, shift.d, g.in.d);
            if (filled && !(d.inside && row_inside[k / 3] && column_inside[k % 3])) return filled_vector<width>(fill);
            return map(load_vector<width>(x + d.index * plane_size + rows[k / 3] + columns[k % 3]));
        };
        max_k3<width>(g, p, fetch, y, winner);
    } else {
        x += static_cast<int64_t>(2 * p.y - 1) * row_size + static_cast<int64_t>(2 * p.x - 1) * g.channels;
        const auto fetch = [&](int z, int k) {
            return map(load_vector<width>(x + z * plane_size + k / 3 * row_size + k % 3 * g.channels));
        };
        max_k3<width>(g, p, fetch, y, winner);
    }
}

// gridDim (partial sums of a sample, samples). partial: [sample][block][2][C].
template <int width, bool moved>
__global__ void __launch_bounds__(pool::threads, 2)
stem_gradient_sums_kernel(const pool::Geometry g, const pool::Tiling t, const int2* plan, bool filled, const float* x, const float* dy,
                          const uint8_t* winner, const float* table, double* partial) {
    using namespace stem;
    const int64_t n = blockIdx.y;
    if (plan && moves(plan, n, g.channels) != moved) return;
    const auto finite = [](float v) { return v - v == 0; };
    double* const own = partial + (n * gridDim.x + blockIdx.x) * 2 * g.channels;
    for (unsigned tile_c = 0; tile_c < static_cast<unsigned>(t.tiles_c); ++tile_c) {
        const int channel = static_cast<int>((tile_c * t.across_channels + threadIdx.x) * width);
        double sums[2 * width] = {};
        if (channel < g.channels) {
            const Map<width> map(table, g.channels, channel);
            Amounts shift{};
            if constexpr (moved) shift = amounts(plan[n * g.channels + channel]);
            for (unsigned tile = blockIdx.x; tile < t.places(); tile += gridDim.x) {
                const Place p = place<width>(t, n, tile_c, tile);
                if (p.x >= g.out.w || p.y >= g.out.h) continue;
                const Cube<width, moved> cube(g, p, shift, filled, dy, winner);
                float sum[width] = {}, product[width] = {};
                bool done = true;
#pragma unroll
                for (int cell = 0; cell < 8; ++cell) {
                    if (cube.at[cell] < 0) continue;
                    const auto v = load_vector<width>(x + cube.at[cell]);
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        const float d = v[i] - map.m[i], open = map.open(cube.gradient[cell][i], d, i);
                        sum[i] += open;
                        product[i] = fmaf(open, d, product[i]);
                    }
                }
#pragma unroll
                for (int i = 0; i < width; ++i) done = done && finite(sum[i]) && finite(product[i]);
                if (done) {
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        sums[i] += static_cast<double>(sum[i]);
                        sums[width + i] += static_cast<double>(product[i]);
                    }
                    continue;
                }
#pragma unroll
                for (int cell = 0; cell < 8; ++cell) {  // NaN, infinity, and what single precision does not hold
                    if (cube.at[cell] < 0) continue;
                    const auto v = load_vector<width>(x + cube.at[cell]);
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        const double open = map.open(cube.gradient[cell][i], v[i] - map.m[i], i);
                        sums[i] += open;
                        sums[width + i] = fma(open, static_cast<double>(v[i]) - static_cast<double>(map.m[i]), sums[width + i]);
                    }
                }
            }
        }
        sum_down<2 * width, pool::threads>(sums);
        if (threadIdx.y == 0 && threadIdx.z == 0 && channel < g.channels)
#pragma unroll
            for (int i = 0; i < width; ++i) {
                own[channel + i] = sums[i];
                own[g.channels + channel + i] = sums[width + i];
            }
    }
}

template <int width, bool moved>
__global__ void __launch_bounds__(pool::threads, 2)
stem_apply_gradient_kernel(const pool::Geometry g, const pool::Tiling t, const int2* plan, bool filled, const float* x, const float* dy,
                           const uint8_t* winner, const float* table, float* dx) {
    using namespace stem;
    const Place p = place<width>(t);
    if (plan && moves(plan, p.n, g.channels) != moved) return;
    if (p.channel >= g.channels || p.x >= g.out.w || p.y >= g.out.h) return;
    const Map<width> map(table, g.channels, p.channel);
    const auto u = load_vector<width>(table + BatchNorm3dTable::linear * g.channels + p.channel);
    const auto w = load_vector<width>(table + BatchNorm3dTable::constant * g.channels + p.channel);
    Amounts shift{};
    if constexpr (moved) shift = amounts(plan[p.n * g.channels + p.channel]);
    const Cube<width, moved> cube(g, p, shift, filled, dy, winner);
    // By fours: as dx may be x, a load waits for the stores before it.
#pragma unroll
    for (int half = 0; half < 8; half += 4) {
        Vector<float, width> v[4];
#pragma unroll
        for (int j = 0; j < 4; ++j)
            if (cube.at[half + j] >= 0) v[j] = load_vector<width>(x + cube.at[half + j]);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            if (cube.at[half + j] < 0) continue;
#pragma unroll
            for (int i = 0; i < width; ++i) {
                const float d = v[j][i] - map.m[i];
                v[j][i] = fmaf(map.a[i], map.open(cube.gradient[half + j][i], d, i), fmaf(u[i], d, w[i]));
            }
            store_vector<width>(dx + cube.at[half + j], v[j]);
        }
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
