#pragma once
// Launchers of the small matrix products of fully connected layers. Pointers are device memory; x (n, in), weight (out, in), y (n, out).
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

struct LinearSizes {
    int64_t n, in, out;
};

// y = x weight^T + bias; bias may be nullptr.
template <class Target>
void linear_forward(Stream stream, const LinearSizes& s, const float* x, const float* weight, const float* bias, float* y);

// dx = dy weight, dweight = dy^T x, dbias = the column sums of dy; each may be nullptr: not wanted.
template <class Target>
void linear_backward(Stream stream, const LinearSizes& s, const float* x, const float* weight, const float* dy, float* dx, float* dweight,
                     float* dbias);

}  // namespace cmtl::kernels
