#pragma once
// conv3d_backward_weights.cuh with bf16 operands: positions are the depth of mma.sync, which wants them along its
// fragments' rows; they lie across, so ldmatrix turns its 8 x 8 matrices over (.trans).
//
//   tile    Rows (out) x Columns (taps * in), 32 x 32 a warp; where that makes fewer than eight warps, groups of them
//           take different positions of each step and add up through shared memory at the end
//   loads   16 bytes a lane into registers while the products of the step before run; rounded on the way to shared
//   memory shared  a position's channels in vectors of 8, exchanged by position (`turned_vector`): stores of half a
//   warp, and
//           the eight positions that ldmatrix reads at a time, touch no bank twice
//   biases  sums of dy as it came, in f32
#include "kernels/conv3d_geometry.cuh"
#include "kernels/primitives/bf16.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/mma.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// The place of vector `q` of position `k`, rows of Width bf16: exchanged by the position's lowest three bits in
// reverse, so that neighbouring positions lie half a row apart.
template <int Width>
__device__ __forceinline__ int turned_vector(int k, int q) {
    constexpr int vectors = Width / 8, most = vectors < 8 ? vectors - 1 : 7;
    return k * vectors + (q ^ (((k & 1) << 2 | (k & 2) | (k >> 2 & 1)) & most));
}

// Vectors: taps' channels come in whole vectors of four.
template <int Rows, int Columns, bool Vectors>
__global__ void __launch_bounds__(256, 2)
    conv3d_backward_weights_bf16_kernel(Conv3dGather g, int share, int column_tiles, const float* x, const float* dy,
                                        float* dweight, float* dbias, int64_t partial) {
    constexpr int depth = Rows * Columns > 64 * 64 ? 32 : 64;  // positions per step
    constexpr int warps_down = Rows / 32, warps_across = Columns / 32, group_warps = warps_down * warps_across,
                  groups = 8 / group_warps;
    static_assert(depth / 16 % groups == 0);
    constexpr int left_vectors = depth * Rows / 8, stage = left_vectors + depth * Columns / 8;
    __shared__ uint4 shared[2 * stage];

    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int out = g.outputs, columns = g.taps[0] * g.taps[1] * g.taps[2] * g.channels;
    const int first_row = static_cast<int>(blockIdx.x) / column_tiles * Rows;
    const int first_column = static_cast<int>(blockIdx.x) % column_tiles * Columns;
    const int begin = static_cast<int>(blockIdx.y) * share, end = g.rows - begin < share ? g.rows : begin + share;

    // A thread belongs to one position of the step and every per_position-th group of four channels, whose taps it
    // keeps.
    constexpr int per_position = 256 / depth, left_copies = Rows / 4 / per_position,
                  right_copies = Columns / 4 / per_position;
    constexpr int taps_per_copy = Vectors ? 1 : 4;
    const int my_position = thread / per_position, my_group = thread % per_position;
    int tap_source[right_copies * taps_per_copy];
    unsigned tap_needs[right_copies * taps_per_copy];
#pragma unroll
    for (int i = 0; i < right_copies * taps_per_copy; ++i) {
        const int column = first_column + (my_group + i / taps_per_copy * per_position) * 4 + i % taps_per_copy;
        const int tap = column / g.channels, c = tap % g.taps[2], b = tap / g.taps[2] % g.taps[1],
                  a = tap / g.taps[2] / g.taps[1];
        tap_source[i] = ((a * g.source[1] + b) * g.source[2] + c) * g.channels + column % g.channels;
        tap_needs[i] = column < columns ? tap_bits(a, b, c) : ~0u;
    }
    float4 left_fetched[left_copies], right_fetched[right_copies];
    const bool sums_bias = dbias != nullptr && first_column == 0;
    // Each thread's own, kept here because registers are short.
    __shared__ float bias_sums[left_copies * 4][256 + per_position];
    if (sums_bias)
        for (int i = 0; i < left_copies * 4; ++i) bias_sums[i][thread] = 0;

    const auto fetch = [&](int first) {
        const int position = first + my_position;
        const bool exists = position < end;
        const float* const row = dy + static_cast<int64_t>(position) * out + first_row;
#pragma unroll
        for (int i = 0; i < left_copies; ++i) {
            const int at = (my_group + i * per_position) * 4, left = out - first_row - at;  // channels there are
            float4 v = make_float4(0, 0, 0, 0);
            if (exists && out % 4 == 0) {
                if (left > 0) v = *reinterpret_cast<const float4*>(row + at);
            } else if (exists) {
                if (left > 0) v.x = row[at];
                if (left > 1) v.y = row[at + 1];
                if (left > 2) v.z = row[at + 2];
                if (left > 3) v.w = row[at + 3];
            }
            left_fetched[i] = v;
        }
        const RowPosition p = position_of(g, exists ? position : 0);
        const int z = p.z * g.multiply[0] + g.offset[0], y = p.y * g.multiply[1] + g.offset[1],
                  w = p.x * g.multiply[2] + g.offset[2];
        const unsigned inside = exists ? taps_inside(g, z, y, w) : 0u;
        const float* const source =
            x + (((int64_t{1} * p.n * g.source[0] + z) * g.source[1] + y) * g.source[2] + w) * g.channels;
#pragma unroll
        for (int i = 0; i < right_copies; ++i) {
            if constexpr (Vectors) {
                right_fetched[i] = (inside & tap_needs[i]) == tap_needs[i]
                                       ? *reinterpret_cast<const float4*>(source + tap_source[i])
                                       : make_float4(0, 0, 0, 0);
            } else {
                float v[4];
#pragma unroll
                for (int e = 0; e < 4; ++e)
                    v[e] =
                        (inside & tap_needs[4 * i + e]) == tap_needs[4 * i + e] ? source[tap_source[4 * i + e]] : 0.0f;
                right_fetched[i] = make_float4(v[0], v[1], v[2], v[3]);
            }
        }
    };
    const auto store = [&](int buffer) {
        uint2* const left = reinterpret_cast<uint2*>(shared + buffer * stage);
        uint2* const right = reinterpret_cast<uint2*>(shared + buffer * stage + left_vectors);
#pragma unroll
        for (int i = 0; i < left_copies; ++i) {
            const int group = my_group + i * per_position;
            left[turned_vector<Rows>(my_position, group / 2) * 2 + group % 2] = rounded(left_fetched[i]);
            if (sums_bias) {
                bias_sums[4 * i][thread] += left_fetched[i].x;
                bias_sums[4 * i + 1][thread] += left_fetched[i].y;
                bias_sums[4 * i + 2][thread] += left_fetched[i].z;
                bias_sums[4 * i + 3][thread] += left_fetched[i].w;
            }
        }
#pragma unroll
        for (int i = 0; i < right_copies; ++i) {
            const int group = my_group + i * per_position;
            right[turned_vector<Columns>(my_position, group / 2) * 2 + group % 2] = rounded(right_fetched[i]);
        }
    };

    const int group = warp / group_warps, warp_row = warp % group_warps / warps_across * 32,
              warp_column = warp % warps_across * 32;
    const int left_k = lane % 8 + lane / 16 * 8, left_q = warp_row / 8 + lane / 8 % 2;
    const int right_k = lane % 16, right_q = warp_column / 8 + lane / 16;
    float sum[2][4][4] = {};

    if (begin < end) {
        fetch(begin);
        store(0);
    }
    int buffer = 0;
    for (int first = begin; first < end; first += depth, buffer ^= 1) {
        __syncthreads();  // this step's operands are there, and everyone is done with the buffer of the next
        const bool more = first + depth < end;
        if (more) fetch(first + depth);
        const uint4* const left = shared + buffer * stage;
        const uint4* const right = left + left_vectors;
#pragma unroll 1
        for (int k = group * 16; k < depth; k += groups * 16) {
            uint32_t u[2][4], v[2][4];
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                ldmatrix<true>(u[i], left + turned_vector<Rows>(k + left_k, left_q + 2 * i));
                ldmatrix<true>(v[i], right + turned_vector<Columns>(k + right_k, right_q + 2 * i));
            }
#pragma unroll
            for (int i = 0; i < 2; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    const uint32_t pair[2] = {v[j / 2][j % 2 * 2], v[j / 2][j % 2 * 2 + 1]};
                    mma_bf16(sum[i][j], u[i], pair);
                }
        }
        if (more) store(buffer ^ 1);
    }

    float* const scratch = reinterpret_cast<float*>(shared);
    if constexpr (groups > 1) {  // in their order
        const int place = thread % (group_warps * 32);
        for (int from = 1; from < groups; ++from) {
            __syncthreads();
            if (group == from)
#pragma unroll
                for (int e = 0; e < 32; ++e) scratch[e * group_warps * 32 + place] = sum[e / 16][e / 4 % 4][e % 4];
            __syncthreads();
            if (group == 0)
#pragma unroll
                for (int e = 0; e < 32; ++e) sum[e / 16][e / 4 % 4][e % 4] += scratch[e * group_warps * 32 + place];
        }
    }
    if (group == 0) {
        float* const result = dweight + blockIdx.y * partial;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int row = first_row + warp_row + i * 8 + lane / 4;
            if (row >= out) continue;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const int column = first_column + warp_column + j * 8 + lane % 4 * 2;
                float* const at = result + static_cast<int64_t>(row) * columns + column;
                const float first = sum[i / 2][j][i % 2 * 2], second = sum[i / 2][j][i % 2 * 2 + 1];
                if (Vectors) {
                    if (column < columns) *reinterpret_cast<float2*>(at) = make_float2(first, second);
                } else {
                    if (column < columns) at[0] = first;
                    if (column + 1 < columns) at[1] = second;
                }
            }
        }
    }
    // The last step's barrier came after the last of these sums; without a step there are none.
    if (sums_bias && thread < Rows && first_row + thread < out) {
        const int of_group = thread / 4;
        const float* const sums = bias_sums[of_group / per_position * 4 + thread % 4] + of_group % per_position;
        float total = 0;
        for (int k = 0; begin < end && k < depth; ++k) total += sums[k * per_position];
        dbias[blockIdx.y * partial + first_row + thread] = total;
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
