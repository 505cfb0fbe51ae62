#pragma once
// Forward convolution of a one-channel volume, the network's first layer: few products for each number written (27 for
// the stem), so what counts is that y is written once in whole rows and that nothing else costs much. As a gather of
// conv3d.cuh it would fetch each of its 27 taps for itself and pad them to 32.
//
//   tile    32 x 8 positions of one z by 64 outputs; a thread holds 8 outputs at 8 positions of one x
//   loads   the box of x that the tile sees, once, 4 bytes a lane along x; with the weights (64 outputs of each tap
//           side by side) all of shared memory that is needed, one barrier
//   shared  per tap and thread 8 floats of x, the same for the 8 lanes that share a position, and 2 vectors of weights:
//           no bank twice. Only the copy of the weights, once a block, meets conflicts: rows of 68 floats keep them few
//   bytes   x once (halos from L2), y once: 128 bytes of it per 8 lanes and store
//   limit   memory: 256 bytes written for 3456 operations a position; at 3 TB/s and 60 TFLOP/s 85 ps against 58
#include "kernels/conv3d_geometry.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// Dynamic shared memory: t.box floats, then the weights.
__global__ void __launch_bounds__(256, 2)
    conv3d_single_channel_kernel(Conv3dGather g, SingleChannelTiles t, const float* x, const float* weight,
                                 const float* bias, float* y) {
    CMTL_DYNAMIC_SHARED(float, shared);
    const int thread = static_cast<int>(threadIdx.x), taps = g.kernel[0] * g.kernel[1] * g.kernel[2];
    const int plane = static_cast<int>(blockIdx.x) / t.by_columns,
              tile_w = static_cast<int>(blockIdx.x) - plane * t.columns;
    const int slab = plane / t.by_rows, tile_h = plane - slab * t.rows;
    const int n = slab / g.by[0], z = slab - n * g.grid[0];
    const int first_output = static_cast<int>(blockIdx.y) * single_outputs;
    const int first_y = tile_h * single_height, first_x = tile_w * single_width;

    float* const weights = shared + t.box;
    const float* const sample = x + static_cast<int64_t>(n) * g.source[0] * g.source[1] * g.source[2];
    for (int i = thread; i < g.kernel[0] * t.box_h * t.box_w; i += 256) {
        const int row = i / t.by_box_w, u = i - row * t.box_w, a = row / t.by_box_h, v = row - a * t.box_h;
        const int sz = z * g.multiply[0] + g.offset[0] + a, sy = first_y * g.multiply[1] + g.offset[1] + v,
                  sx = first_x * g.multiply[2] + g.offset[2] + u;
        const bool inside = sz >= 0 && sz < g.source[0] && sy >= 0 && sy < g.source[1] && sx >= 0 && sx < g.source[2];
        shared[i] = inside ? sample[(static_cast<int64_t>(sz) * g.source[1] + sy) * g.source[2] + sx] : 0.0f;
    }
    for (int i = thread; i < taps * single_outputs;
         i += 256) {  // along memory; a tap's 64 weights are 68 apart: fewer bank conflicts
        const int o = i / taps, tap = i - o * taps;
        weights[tap * single_weights + o] = first_output + o < g.outputs ? weight[first_output * taps + i] : 0.0f;
    }
    __syncthreads();

    // Eight lanes share a position; each has outputs 4 lane ... + 3 and 32 further on.
    const int of = thread % 8, tx = thread / 8;
    float sum[single_height][8] = {};
    const float* const mine = shared + tx * g.multiply[2];
    const int down = g.multiply[1] * t.box_w;
    const float4* w = reinterpret_cast<const float4*>(weights) + of;
    for (int a = 0; a < g.kernel[0]; ++a)
        for (int b = 0; b < g.kernel[1]; ++b) {
            const float* at = mine + (a * t.box_h + b) * t.box_w;
#pragma unroll 1
            for (int c = 0; c < g.kernel[2]; ++c, ++at, w += single_weights / 4) {
                const float4 w0 = w[0], w1 = w[8];
                float u[single_height];
#pragma unroll
                for (int i = 0; i < single_height; ++i) u[i] = at[i * down];
#pragma unroll
                for (int i = 0; i < single_height; ++i) {
                    sum[i][0] += u[i] * w0.x;
                    sum[i][1] += u[i] * w0.y;
                    sum[i][2] += u[i] * w0.z;
                    sum[i][3] += u[i] * w0.w;
                    sum[i][4] += u[i] * w1.x;
                    sum[i][5] += u[i] * w1.y;
                    sum[i][6] += u[i] * w1.z;
                    sum[i][7] += u[i] * w1.w;
                }
            }
        }

    float shift[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
        const int o = first_output + 4 * of + j % 4 + j / 4 * 32;
        shift[j] = bias != nullptr && o < g.outputs ? bias[o] : 0.0f;
    }
    if (first_x + tx >= g.grid[2]) return;
#pragma unroll
    for (int i = 0; i < single_height; ++i) {
        if (first_y + i >= g.grid[1]) break;
        float* const out =
            y + ((static_cast<int64_t>(slab) * g.grid[1] + first_y + i) * g.grid[2] + first_x + tx) * g.outputs;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int o = first_output + 4 * of + half * 32;
            if (g.outputs % 4 == 0) {
                if (o < g.outputs)
                    *reinterpret_cast<float4*>(out + o) = make_float4(
                        sum[i][4 * half] + shift[4 * half], sum[i][4 * half + 1] + shift[4 * half + 1],
                        sum[i][4 * half + 2] + shift[4 * half + 2], sum[i][4 * half + 3] + shift[4 * half + 3]);
            } else {
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    if (o + j < g.outputs) out[o + j] = sum[i][4 * half + j] + shift[4 * half + j];
            }
        }
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
