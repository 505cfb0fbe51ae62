#pragma once
// Convolution forward and its data gradient in f32: an implicit matrix product (positions x taps * channels) by (taps *
// channels x outputs), see Conv3dGather. The left matrix is never formed: a tile's 128 positions each copy 16 channels
// of one tap at a time from where they lie, or zeros beyond the edge.
//
//   tile    128 positions x Columns outputs; 8 x 8 of them in the registers of each of 2 * Columns threads
//   loads   cp.async of 16 bytes (4 where channels are not whole vectors) into the other of two buffers, while the
//           multiplications of this one run: one barrier per 16 channels, 128 * Columns * 16 multiplications
//   shared  rows of 16 floats, their four vectors exchanged by row (`shared_vector`): the copies, and the 8 rows that
//           neighbouring lanes read at a time, touch no bank twice
//   bytes   x is read taps * outputs / Columns times, all but the first from L2; y is written once, 128 bytes at once
//   limit   FMA: 16 loads of 8 bytes from shared memory for 128 multiplications a lane
#include "kernels/conv3d_geometry.cuh"
#include "kernels/ptx/cp_async.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

constexpr int gather_depth = 16;  // channels per step

// Vector: floats per copy. Channels and addresses allow it.
template <int Columns, int Vector>
__global__ void __launch_bounds__(2 * Columns, Columns == 32 ? 6
                                               : Vector == 1 ? 3
                                                             : 256 / Columns)
    conv3d_gather_kernel(Conv3dGather g, const float* x, const float* weight, const float* bias, float* y) {
    constexpr int threads = 2 * Columns, per_column = Columns / 8;
    __shared__ float4 left[2][gather_rows * 4], right[2][Columns * 4];

    const int thread = static_cast<int>(threadIdx.x);
    const int column_tiles = (g.outputs + Columns - 1) / Columns;
    const int first_row = static_cast<int>(blockIdx.x) / column_tiles * gather_rows;
    const int first_column = static_cast<int>(blockIdx.x % column_tiles) * Columns;
    const int first_sample = position_of(g, first_row).n;
    const float* const base =
        x + static_cast<int64_t>(first_sample) * g.source[0] * g.source[1] * g.source[2] * g.channels;
    const int depth = g.taps[0] * g.taps[1] * g.taps[2] * g.channels;

    // Copies. Vectors: a thread takes one of the four vectors of several rows. Scalars: all 16 floats of one or two
    // rows of the left matrix, and one of the 16 of several rows of the right.
    constexpr int copies = Vector == 4 ? gather_rows * 4 / threads : (gather_rows + threads - 1) / threads;
    constexpr int stride = Vector == 4 ? threads / 4 : threads;
    const int q = thread % 4, first_copy = Vector == 4 ? thread / 4 : thread % gather_rows;
    RowSource rows[copies];
    for (int i = 0; i < copies; ++i) rows[i] = source_of(g, first_row + first_copy + i * stride, first_sample);

    // Column `n` of the tile is kept in row n % 4 * (Columns / 4) + n / 4: a thread's eight outputs are two groups of
    // four neighbours, and the rows that a quarter of a warp reads are still neighbours.
    const auto column_in_row = [](int row) { return row % (Columns / 4) * 4 + row / (Columns / 4); };

    DepthCursor at;
    at.start(g, Vector == 4 ? 4 * q : 0);
    const auto copy_step = [&](int buffer) {
        if constexpr (Vector == 4) {
            const bool inside = at.inside(g);
#pragma unroll
            for (int i = 0; i < copies; ++i)
                cp_async<16>(&left[buffer][shared_vector(first_copy + i * stride, q)],
                             base + (rows[i].at + at.source + at.channel),
                             inside && (rows[i].taps & at.needs) == at.needs);
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const int row = first_copy + i * (Columns / 2), column = first_column + column_in_row(row);
                cp_async<16>(&right[buffer][shared_vector(row, q)], weight + (column * depth + at.depth),
                             inside && column < g.outputs);
            }
            at.advance(g, gather_depth);
        } else {
            const int k_of_weight = thread % gather_depth, weight_depth = at.depth + k_of_weight;
            for (int k = 0; k < gather_depth; ++k) {
                for (int i = 0; i < copies; ++i) {
                    float* const target =
                        reinterpret_cast<float*>(&left[buffer][shared_vector(first_copy + i * stride, k / 4)]);
                    cp_async<4>(target + k % 4, base + (rows[i].at + at.source + at.channel),
                                at.inside(g) && (rows[i].taps & at.needs) == at.needs);
                }
                at.advance(g, 1);
            }
            for (int row = thread / gather_depth; row < Columns; row += threads / gather_depth) {
                const int column = first_column + column_in_row(row);
                float* const target = reinterpret_cast<float*>(&right[buffer][shared_vector(row, k_of_weight / 4)]);
                cp_async<4>(target + k_of_weight % 4, weight + (column * depth + weight_depth),
                            weight_depth < depth && column < g.outputs);
            }
        }
        cp_async_commit();
    };

    // Products. A warp covers `across` columns of threads, 32 / across rows of them.
    constexpr int across = per_column < 8 ? per_column : 8, down = 32 / across, warps_across = per_column / across;
    const int lane = thread % 32, warp = thread / 32;
    const int tx = lane % across + warp % warps_across * across, ty = lane / across + warp / warps_across * down;
    float sum[8][8] = {};

    const int steps = (depth + gather_depth - 1) / gather_depth;
    if (steps > 0) copy_step(0);
    for (int step = 0; step < steps; ++step) {
        cp_async_wait<0>();
        __syncthreads();  // this step's copies are there, and everyone is done with the buffer of the next
        if (step + 1 < steps) copy_step((step + 1) & 1);
        // Written so that every address is one of few sums plus a constant: rows 16 apart share their exchange of
        // vectors.
        const float *const a = reinterpret_cast<const float*>(left[step & 1]) + ty * 16,
                           *const b = reinterpret_cast<const float*>(right[step & 1]) + tx * 16;
#pragma unroll 1  // further unrolled, ptxas loads ahead until registers spill
        for (int k = 0; k < gather_depth; k += 2) {
            const float* const ak = a + ((k / 4 ^ (ty >> 1 & 3)) * 4 + k % 4);
            const float* const bk = b + ((k / 4 ^ (tx >> 1 & 3)) * 4 + k % 4);
            const float* const bk2 =
                Columns == 32 ? b + ((k / 4 ^ 2 ^ (tx >> 1 & 3)) * 4 + k % 4) : bk;  // rows 4 on, not 8 or more
            float2 u[8];
#pragma unroll
            for (int i = 0; i < 8; ++i) u[i] = *reinterpret_cast<const float2*>(ak + i * 256);
#pragma unroll
            for (int j = 0; j < 8; ++j) {
                const float2 v = *reinterpret_cast<const float2*>((j < 4 ? bk : bk2) +
                                                                  (j % 4 * (Columns / 4) + j / 4 * (Columns / 8)) * 16);
#pragma unroll
                for (int i = 0; i < 8; ++i) {
                    sum[i][j] += u[i].x * v.x;
                    sum[i][j] += u[i].y * v.y;
                }
            }
        }
    }

    float shift[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
        const int column = first_column + 4 * tx + j % 4 + j / 4 * (Columns / 2);
        shift[j] = bias != nullptr && column < g.outputs ? bias[column] : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const int row = first_row + ty + i * 16;
        if (row >= g.rows) break;
        float* const out = y + target_of(g, row) * g.outputs;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int column = first_column + 4 * tx + half * (Columns / 2);
            if (g.outputs % 4 == 0) {
                if (column < g.outputs)
                    *reinterpret_cast<float4*>(out + column) = make_float4(
                        sum[i][4 * half] + shift[4 * half], sum[i][4 * half + 1] + shift[4 * half + 1],
                        sum[i][4 * half + 2] + shift[4 * half + 2], sum[i][4 * half + 3] + shift[4 * half + 3]);
            } else {
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    if (column + j < g.outputs) out[column + j] = sum[i][4 * half + j] + shift[4 * half + j];
            }
        }
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
