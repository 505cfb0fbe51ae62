#pragma once
// Launchers of the elementwise kernels. Pointers are device memory; `count` elements each.
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// y = x < 0 ? 0 : x (NaN stays). y may be x.
template <class Target>
void relu_forward(Stream stream, int64_t count, const float* x, float* y);
// dx = y > 0 ? dy : 0. dx may be dy.
template <class Target>
void relu_backward(Stream stream, int64_t count, const float* y, const float* dy, float* dx);

}  // namespace cmtl::kernels
