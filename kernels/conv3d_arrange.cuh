#pragma once
// The weights of a gather as its kernels read them: row n holds depth() numbers in the gather's order, then zeros up to
// `length`. Mirrored: the source is (channels, taps, outputs) instead of (outputs, taps, channels), and blocks
// of 32 x 32 are turned over in shared memory, so that both sides move whole rows. Weights are few; this reads and
// writes them once.
#include "kernels/conv3d_geometry.cuh"
#include "kernels/primitives/bf16.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__device__ __forceinline__ void store_as(float value, float* to) { *to = value; }
__device__ __forceinline__ void store_as(float value, Bf16* to) { *to = to_bf16(value); }

// Grid: (outputs / 32, channels / 32, taps), 32 x 8 threads.
template <class Stored, bool Mirrored>
__global__ void conv3d_arrange_kernel(Conv3dGather g, int length, const float* weight, Stored* arranged) {
    __shared__ float tile[32][33];
    const int tap = static_cast<int>(blockIdx.z), c = tap % g.taps[2], b = tap / g.taps[2] % g.taps[1],
              a = tap / g.taps[2] / g.taps[1];
    const int from =
        ((g.weight_first[0] + a * g.weight_step[0]) * g.kernel[1] + g.weight_first[1] + b * g.weight_step[1]) *
            g.kernel[2] +
        g.weight_first[2] + c * g.weight_step[2];
    const int taps = g.kernel[0] * g.kernel[1] * g.kernel[2], depth = g.taps[0] * g.taps[1] * g.taps[2] * g.channels;
    const int first_n = static_cast<int>(blockIdx.x) * 32, first_c = static_cast<int>(blockIdx.y) * 32;
    const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
    for (int r = ty; r < 32; r += 8) {
        const int n = first_n + (Mirrored ? tx : r), channel = first_c + (Mirrored ? r : tx);
        if (n < g.outputs && channel < g.channels)
            tile[r][tx] = weight[Mirrored ? (static_cast<int64_t>(channel) * taps + from) * g.outputs + n
                                          : (static_cast<int64_t>(n) * taps + from) * g.channels + channel];
    }
    __syncthreads();
    for (int r = ty; r < 32; r += 8) {
        const int n = first_n + r, channel = first_c + tx;
        if (n >= g.outputs) break;
        Stored* const row = arranged + static_cast<int64_t>(n) * length;
        const int k = g.tap_fastest ? (channel / 32 * (depth / g.channels) + tap) * 32 + channel % 32
                                    : tap * g.channels + channel;
        if (channel < g.channels) store_as(Mirrored ? tile[tx][r] : tile[r][tx], row + k);
        if (blockIdx.y == 0 && tap == 0)
            for (int k = depth + tx; k < length; k += 32) store_as(0.0f, row + k);
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
