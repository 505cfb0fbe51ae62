#pragma once
// roofline_fma: eight independent chains a thread hide the latency of an FMA (4 cycles) with two warps a scheduler and more.
// roofline_triad: 16-byte loads and stores, each sector used once and whole.
#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__global__ void __launch_bounds__(256) roofline_fma_kernel(int64_t rounds, float* sink) {
    constexpr int chains = 8;
    float sum[chains];
    const float a = 0.999f, b = 1e-3f + static_cast<float>(threadIdx.x) * 1e-9f;
#pragma unroll
    for (int c = 0; c < chains; ++c) sum[c] = static_cast<float>(c);
    for (int64_t r = 0; r < rounds; ++r) {
#pragma unroll
        for (int c = 0; c < chains; ++c) sum[c] = fmaf(sum[c], a, b);
    }
    float total = 0;
#pragma unroll
    for (int c = 0; c < chains; ++c) total += sum[c];
    if (total < 0) *sink = total;  // never, but the compiler cannot know
}

__global__ void __launch_bounds__(256) roofline_triad_kernel(int64_t quads, const float4* a, const float4* b, float4* y) {
    for (int64_t i = first_item(); i < quads; i += item_stride()) {
        const float4 u = a[i], v = b[i];
        y[i] = make_float4(u.x + 0.5f * v.x, u.y + 0.5f * v.y, u.z + 0.5f * v.z, u.w + 0.5f * v.w);
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
