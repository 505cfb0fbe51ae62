#pragma once
// Gradient of a convolution's weights in f32: a matrix product (out x positions) by (positions x taps * in) whose right
// side is gathered from x as it is needed. Positions are many and results few, so blocks share out the positions
// (plan_backward_weights), and a second kernel adds the shares in double, always in the same order.
//
//   tile    Rows (out) x Columns (taps * in), 8 x 8 in the registers of a thread; of the 256 threads as many groups as
//           fit take different positions of each step (8 for 64 x 32) and add up through shared memory at the end
//   loads   cp.async, 16 bytes where channels are whole vectors; a thread keeps its taps and walks over the positions,
//           so what a tap means is computed once
//   shared  rows are positions: neighbouring lanes copy and read neighbouring vectors, no bank twice; rows that are
//           copied float by float are 8 floats longer, which puts a warp's four rows into different banks
//   bytes   dy and x are read column and row tiles often, all but the first time from L2; shares written and read once
//   limit   FMA: 4 loads of 16 bytes from shared memory for 64 multiplications a lane. The stem (one channel in, 64
//           out) has 27 columns, one tile: dy is read once, and at 60 TFLOP/s and 3 TB/s that takes longest
#include "kernels/conv3d_geometry.cuh"
#include "kernels/ptx/cp_async.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// 4 or 1 floats, by cp.async.
template <int Vector>
__device__ __forceinline__ void copy_floats(float* shared, const float* global, bool wanted) {
    cp_async<4 * Vector>(shared, global, wanted);
}

// LeftVector and RightVector: floats per copy of dy and of x.
template <int Rows, int Columns, int LeftVector, int RightVector>
__global__ void __launch_bounds__(256, 2)
    conv3d_backward_weights_kernel(Conv3dGather g, int share, int column_tiles, const float* x, const float* dy,
                                   float* dweight, float* dbias, int64_t partial) {
    constexpr int depth = Rows * Columns == 128 * 128 ? 16 : 32;  // positions per step
    constexpr int left_stride = Rows + (LeftVector == 1 ? 8 : 0), right_stride = Columns + (RightVector == 1 ? 8 : 0);
    constexpr int tile_threads = Rows * Columns / 64, groups = 256 / tile_threads;
    constexpr int stage = depth * (left_stride + right_stride);
    __shared__ float4 memory[2 * stage / 4];
    float* const shared = reinterpret_cast<float*>(memory);

    const int thread = static_cast<int>(threadIdx.x);
    const int out = g.outputs, columns = g.taps[0] * g.taps[1] * g.taps[2] * g.channels;
    const int first_row = static_cast<int>(blockIdx.x) / column_tiles * Rows;
    const int first_column = static_cast<int>(blockIdx.x) % column_tiles * Columns;
    const int begin = static_cast<int>(blockIdx.y) * share, end = g.rows - begin < share ? g.rows : begin + share;

    // Copies: a thread belongs to one position of the step and every per_position-th vector of its rows.
    constexpr int per_position = 256 / depth;
    constexpr int left_copies = Rows / LeftVector / per_position, right_copies = Columns / RightVector / per_position;
    const int my_position = thread / per_position, my_vector = thread % per_position;
    int tap_source[right_copies];  // relative to a position's begin
    unsigned tap_needs[right_copies];
#pragma unroll
    for (int i = 0; i < right_copies; ++i) {
        const int column = first_column + (my_vector + i * per_position) * RightVector;
        const int tap = column / g.channels, c = tap % g.taps[2], b = tap / g.taps[2] % g.taps[1],
                  a = tap / g.taps[2] / g.taps[1];
        tap_source[i] = ((a * g.source[1] + b) * g.source[2] + c) * g.channels + column % g.channels;
        tap_needs[i] = column < columns ? tap_bits(a, b, c) : ~0u;
    }

    const auto copy_step = [&](int first, int buffer) {
        float* const left = shared + buffer * stage;
        float* const right = left + depth * left_stride;
        const int position = first + my_position;
        const bool exists = position < end;
        const float* const row = dy + static_cast<int64_t>(position) * out;
#pragma unroll
        for (int i = 0; i < left_copies; ++i) {
            const int at = (my_vector + i * per_position) * LeftVector;
            copy_floats<LeftVector>(left + my_position * left_stride + at, row + first_row + at,
                                    exists && first_row + at < out);
        }
        const RowPosition p = position_of(g, exists ? position : 0);
        const int z = p.z * g.multiply[0] + g.offset[0], y = p.y * g.multiply[1] + g.offset[1],
                  w = p.x * g.multiply[2] + g.offset[2];
        const unsigned inside = exists ? taps_inside(g, z, y, w) : 0u;
        const float* const source =
            x + (((int64_t{1} * p.n * g.source[0] + z) * g.source[1] + y) * g.source[2] + w) * g.channels;
#pragma unroll
        for (int i = 0; i < right_copies; ++i)
            copy_floats<RightVector>(right + my_position * right_stride + (my_vector + i * per_position) * RightVector,
                                     source + tap_source[i], (inside & tap_needs[i]) == tap_needs[i]);
        cp_async_commit();
    };

    // Products: the threads of a group form a grid over the tile, a warp covers `across` columns of it.
    constexpr int per_row = Columns / 8, across = per_row < 8 ? per_row : 8, warps_across = per_row / across;
    const int lane = thread % 32, group = thread / tile_threads, warp = thread % tile_threads / 32;
    const int tx = lane % across + warp % warps_across * across,
              ty = lane / across + warp / warps_across * (32 / across);
    float sum[8][8] = {};
    const bool sums_bias = dbias != nullptr && first_column == 0;
    float bias_sum = 0;

    if (begin < end) copy_step(begin, 0);
    int buffer = 0;
    for (int first = begin; first < end; first += depth, buffer ^= 1) {
        cp_async_wait<0>();
        __syncthreads();  // this step's copies are there, and everyone is done with the buffer of the next
        if (first + depth < end) copy_step(first + depth, buffer ^ 1);
        const float* const left = shared + buffer * stage;
        const float* const right = left + depth * left_stride;
#pragma unroll 2
        for (int k = group; k < depth; k += groups) {
            const float4* const u = reinterpret_cast<const float4*>(left + k * left_stride) + ty;
            const float4* const v = reinterpret_cast<const float4*>(right + k * right_stride) + tx;
            const float4 u0 = u[0], u1 = u[Rows / 8], v0 = v[0], v1 = v[Columns / 8];
            const float us[8] = {u0.x, u0.y, u0.z, u0.w, u1.x, u1.y, u1.z, u1.w};
            const float vs[8] = {v0.x, v0.y, v0.z, v0.w, v1.x, v1.y, v1.z, v1.w};
#pragma unroll
            for (int i = 0; i < 8; ++i)
#pragma unroll
                for (int j = 0; j < 8; ++j) sum[i][j] += us[i] * vs[j];
        }
        if (sums_bias)
            for (int k = thread / Rows; k < depth; k += 256 / Rows) bias_sum += left[k * left_stride + thread % Rows];
    }

    // Groups add up in their order, four rows of a thread's tile at a time.
    if constexpr (groups > 1) {
        const int place = thread % tile_threads;
#pragma unroll
        for (int half = 0; half < 2; ++half)
            for (int from = 1; from < groups; ++from) {
                __syncthreads();
                if (group == from)
#pragma unroll
                    for (int e = 0; e < 32; ++e) shared[e * tile_threads + place] = sum[half * 4 + e / 8][e % 8];
                __syncthreads();
                if (group == 0)
#pragma unroll
                    for (int e = 0; e < 32; ++e) sum[half * 4 + e / 8][e % 8] += shared[e * tile_threads + place];
            }
    }
    float* const result = dweight + blockIdx.y * partial;
    if (group == 0) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int row = first_row + 4 * ty + i % 4 + i / 4 * (Rows / 2);
            if (row >= out) continue;
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int column = first_column + 4 * tx + half * (Columns / 2);
                float* const at = result + static_cast<int64_t>(row) * columns + column;
                if (RightVector == 4) {
                    if (column < columns)
                        *reinterpret_cast<float4*>(at) = make_float4(sum[i][4 * half], sum[i][4 * half + 1],
                                                                     sum[i][4 * half + 2], sum[i][4 * half + 3]);
                } else {
#pragma unroll
                    for (int j = 0; j < 4; ++j)
                        if (column + j < columns) at[j] = sum[i][4 * half + j];
                }
            }
        }
    }
    if (sums_bias) {  // the same for all threads of the block
        __syncthreads();
        shared[thread] = bias_sum;
        __syncthreads();
        if (thread < Rows && first_row + thread < out) {
            float total = 0;
            for (int part = 0; part < 256 / Rows; ++part) total += shared[part * Rows + thread];
            dbias[blockIdx.y * partial + first_row + thread] = total;
        }
    }
}

// Adds `splits` partial results of `partial` floats each, the first `count` of which are weights and the rest biases.
// 32 results per block, 8 threads each: every warp reads whole rows of 128 bytes. The order is the same on every GPU.
__global__ void conv3d_add_splits_kernel(int splits, int64_t partial, int64_t count, const float* partials,
                                         float* dweight, float* dbias) {
    __shared__ double parts[8][32];
    const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
    const int64_t i = static_cast<int64_t>(blockIdx.x) * 32 + tx;
    double sum = 0;
    if (i < partial)
        for (int s = ty; s < splits; s += 8) sum += partials[s * partial + i];
    parts[ty][tx] = sum;
    __syncthreads();
    if (ty != 0 || i >= partial) return;
    for (int part = 1; part < 8; ++part) sum += parts[part][tx];
    if (i < count)
        dweight[i] = static_cast<float>(sum);
    else if (dbias != nullptr)
        dbias[i - count] = static_cast<float>(sum);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
