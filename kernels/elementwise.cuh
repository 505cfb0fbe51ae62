#pragma once
// One thread an element, neighbours in neighbouring lanes: every sector that is fetched is used.
#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__global__ void relu_forward_kernel(int64_t count, const float* x, float* y) {
    for (int64_t i = first_item(); i < count; i += item_stride()) y[i] = x[i] < 0 ? 0.0f : x[i];
}

__global__ void relu_backward_kernel(int64_t count, const float* y, const float* dy, float* dx) {
    for (int64_t i = first_item(); i < count; i += item_stride()) dx[i] = y[i] > 0 ? dy[i] : 0.0f;
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
