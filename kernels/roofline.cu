#include "kernels/roofline.hpp"

#include "kernels/roofline.cuh"

namespace cmtl::kernels {

template <>
void roofline_fma<Target>(Stream stream, int blocks, int64_t rounds, float* sink) {
    launch({"roofline_fma", static_cast<unsigned>(blocks), 256, 0, stream}, roofline_fma_kernel, rounds, sink);
}

template <>
void roofline_triad<Target>(Stream stream, int64_t count, const float* a, const float* b, float* y) {
    launch({"roofline_triad", blocks_for(count / 4, 256), 256, 0, stream}, roofline_triad_kernel, count / 4,
           reinterpret_cast<const float4*>(a), reinterpret_cast<const float4*>(b), reinterpret_cast<float4*>(y));
}

}  // namespace cmtl::kernels
