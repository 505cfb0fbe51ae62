#pragma once
// Launchers of the pools. Pointers are device memory; layout N, D, H, W, C.
#include <cstdint>

#include "base/axes.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct Pool3dSizes {
    int64_t n, d, h, w, channels;  // of x; each below 2^31
    Axes kernel, stride, padding;
    // Of axis 0, 1, 2: D, H, W.
    int64_t out(int axis) const {
        const int64_t size = axis == 0 ? d : axis == 1 ? h : w;
        return (size + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1;
    }
};

// Padding never wins, the first of equal values does (in D, H, W order), NaN does. winner: index into the window, or nullptr.
template <class Target>
void max_pool3d_forward(Stream stream, const Pool3dSizes& s, const float* x, float* y, uint8_t* winner);
template <class Target>
void max_pool3d_backward(Stream stream, const Pool3dSizes& s, const float* dy, const uint8_t* winner, float* dx);

// Padding counts as zeros.
template <class Target>
void avg_pool3d_forward(Stream stream, const Pool3dSizes& s, const float* x, float* y);
template <class Target>
void avg_pool3d_backward(Stream stream, const Pool3dSizes& s, const float* dy, float* dx);

// (n, rows, channels) -> (n, channels): the mean over rows.
template <class Target>
void global_avg_pool3d_forward(Stream stream, int64_t n, int64_t rows, int64_t channels, const float* x, float* y);
template <class Target>
void global_avg_pool3d_backward(Stream stream, int64_t n, int64_t rows, int64_t channels, const float* dy, float* dx);

}  // namespace cmtl::kernels
