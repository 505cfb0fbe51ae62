#pragma once
// The gathers of conv3d.cuh with bf16 operands: tensor cores multiply (mma.sync m16n8k16) and add in f32. Activations
// stay f32 in memory and are rounded on their way to shared memory; weights are few and arrive rounded
// (conv3d_arrange.cuh).
//
//   tile    128 positions x Columns outputs, 32 channels a step; a warp takes 32 x 32 of it
//   loads   activations: 16 bytes a lane into registers while the products of the step before run, 8 lanes a position
//           and so 128 bytes at once; weights: cp.async. One barrier a step
//   shared  rows of 32 bf16 (64 bytes), their four vectors exchanged by row: stores of half a warp, and the eight rows
//           that ldmatrix reads at a time, touch no bank twice
//   bytes   as conv3d.cuh, and the weights once more, rounded
//   limit   L2: a step of 128 x 128 x 32 wants 16 KiB of activations and 8 KiB of weights for a million operations, 43
//           a byte; of the activations L1 holds what the neighbouring tap along w has just fetched, two of three
#include "kernels/conv3d_geometry.cuh"
#include "kernels/primitives/bf16.cuh"
#include "kernels/ptx/cp_async.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/mma.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// weight: rows of `length` bf16, a multiple of 32. Vectors: channels come in whole vectors of four.
template <int Columns, bool Vectors>
__global__ void __launch_bounds__(4 * Columns, Columns == 32 ? 3 : 128 / Columns)
    conv3d_gather_bf16_kernel(Conv3dGather g, int length, const float* x, const Bf16* weight, const float* bias,
                              float* y) {
    constexpr int threads = 4 * Columns, step_depth = 32, warps_across = Columns / 32;
    __shared__ uint4 left[2][gather_rows * 4], right[2][Columns * 4];

    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int column_tiles = (g.outputs + Columns - 1) / Columns;
    const int first_row = static_cast<int>(blockIdx.x) / column_tiles * gather_rows;
    const int first_column = static_cast<int>(blockIdx.x) % column_tiles * Columns;
    const int first_sample = position_of(g, first_row).n;
    const float* const base =
        x + static_cast<int64_t>(first_sample) * g.source[0] * g.source[1] * g.source[2] * g.channels;

    // A thread fetches one of the eight vectors of four floats of several rows.
    constexpr int copies = gather_rows * 8 / threads, stride = threads / 8;
    const int q = thread % 8, first_copy = thread / 8;
    RowSource rows[copies];
#pragma unroll
    for (int i = 0; i < copies; ++i) rows[i] = source_of(g, first_row + first_copy + i * stride, first_sample);
    DepthCursor at;
    at.start(g, 4 * q);
    float4 fetched[copies];

    const auto fetch = [&] {
        if constexpr (Vectors) {
            const bool inside = at.inside(g);
#pragma unroll
            for (int i = 0; i < copies; ++i)
                fetched[i] = inside && (rows[i].taps & at.needs) == at.needs
                                 ? *reinterpret_cast<const float4*>(base + (rows[i].at + at.source + at.channel))
                                 : make_float4(0, 0, 0, 0);
            if (g.tap_fastest)
                at.next_tap(g, step_depth);
            else
                at.advance(g, step_depth);
        } else {
            float* const values = reinterpret_cast<float*>(fetched);
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const bool inside = at.inside(g);
#pragma unroll
                for (int i = 0; i < copies; ++i)
                    values[4 * i + e] = inside && (rows[i].taps & at.needs) == at.needs
                                            ? base[rows[i].at + at.source + at.channel]
                                            : 0.0f;
                at.advance(g, e < 3 ? 1 : step_depth - 3);
            }
        }
    };
    const auto fetch_weights = [&](int step) {
        for (int i = thread; i < Columns * 4; i += threads) {
            const int column = first_column + i / 4;
            cp_async<16>(&right[step & 1][shared_vector(i / 4, i % 4)],
                         weight + (column * length + step * step_depth + i % 4 * 8), column < g.outputs);
        }
        cp_async_commit();
    };
    const auto store = [&](int step) {
        uint2* const target = reinterpret_cast<uint2*>(left[step & 1]);
#pragma unroll
        for (int i = 0; i < copies; ++i)
            target[shared_vector(first_copy + i * stride, q / 2) * 2 + q % 2] = rounded(fetched[i]);
    };

    // Where ldmatrix reads: of the left matrix rows lane % 16 and vector lane / 16; of the right one, two times eight
    // columns.
    const int left_row = warp / warps_across * 32 + lane % 16, left_vector = lane / 16;
    const int right_row = warp % warps_across * 32 + lane % 8 + lane / 16 * 8, right_vector = lane / 8 % 2;
    float sum[2][4][4] = {};

    const int steps = (g.taps[0] * g.taps[1] * g.taps[2] * g.channels + step_depth - 1) / step_depth;
    if (steps > 0) {
        fetch_weights(0);
        fetch();
        store(0);
    }
    for (int step = 0; step < steps; ++step) {
        cp_async_wait<0>();
        __syncthreads();  // this step's operands are there, and everyone is done with the buffers of the next
        if (step + 1 < steps) {
            fetch_weights(step + 1);
            fetch();
        }
        const uint4 *const a = left[step & 1], *const b = right[step & 1];
#pragma unroll
        for (int k = 0; k < 2; ++k) {
            uint32_t v[2][4];
#pragma unroll
            for (int j = 0; j < 2; ++j) ldmatrix(v[j], b + shared_vector(right_row + j * 16, 2 * k + right_vector));
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                uint32_t u[4];
                ldmatrix(u, a + shared_vector(left_row + i * 16, 2 * k + left_vector));
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    const uint32_t pair[2] = {v[j / 2][j % 2 * 2], v[j / 2][j % 2 * 2 + 1]};
                    mma_bf16(sum[i][j], u, pair);
                }
            }
        }
        if (step + 1 < steps) store(step + 1);
    }

#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int row = first_row + warp / warps_across * 32 + i * 16 + half * 8 + lane / 4;
            if (row >= g.rows) continue;
            float* const out = y + target_of(g, row) * g.outputs;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const int column = first_column + warp % warps_across * 32 + j * 8 + lane % 4 * 2;
                if (column >= g.outputs) continue;
                const float first = sum[i][j][2 * half] + (bias != nullptr ? bias[column] : 0.0f);
                if (column + 1 >= g.outputs) {
                    out[column] = first;
                    continue;
                }
                const float second = sum[i][j][2 * half + 1] + (bias != nullptr ? bias[column + 1] : 0.0f);
                if (g.outputs % 2 == 0)
                    *reinterpret_cast<float2*>(out + column) = make_float2(first, second);
                else
                    out[column] = first, out[column + 1] = second;
            }
        }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
