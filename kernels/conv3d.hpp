#pragma once
// Launchers of the 3-D convolutions. Pointers are device memory, 16-byte aligned: x (n, d, h, w, in), weight (out, kd,
// kh, kw, in), y (n, d', h', w', out), bias (out), all f32. Sums are f32, each in one fixed order: the same bits on every
// GPU and run. conv3d.cuh, conv3d_bf16.cuh and conv3d_backward_weights.cuh say how the kernels work.
#include <cstdint>

#include "base/axes.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct Conv3dSizes {
    int64_t n, d, h, w, in, out;
    Axes kernel, stride, padding;  // kernel: at most 8 an axis
    bool bf16 = false;  // operands are rounded to bf16 and multiplied by tensor cores (sm_80 and newer); sums stay f32

    int64_t size(int axis) const { return axis == 0 ? d : axis == 1 ? h : w; }
    int64_t out_size(int axis) const { return (size(axis) + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1; }
    int64_t positions() const { return n * out_size(0) * out_size(1) * out_size(2); }
    int64_t taps() const { return kernel.product(); }
    int64_t weights() const { return out * taps() * in; }
};

// Whether the kernels' indices hold this problem: positions of x and of y, elements of one sample and of the weights
// below 2^30.
bool conv3d_fits(const Conv3dSizes& s);

// Bytes that the launchers want at `workspace`; may be 0.
enum class Conv3dDirection { forward, backward_data, backward_weights };
int64_t conv3d_workspace_bytes(const Conv3dSizes& s, Conv3dDirection direction);

// y = x * weight + bias (nullptr: none).
template <class Target>
void conv3d_forward(Stream stream, const Conv3dSizes& s, const float* x, const float* weight, const float* bias,
                    float* y, void* workspace);
// dx from dy = dL/dy.
template <class Target>
void conv3d_backward_data(Stream stream, const Conv3dSizes& s, const float* dy, const float* weight, float* dx,
                          void* workspace);
// dweight and, unless nullptr, dbias.
template <class Target>
void conv3d_backward_weights(Stream stream, const Conv3dSizes& s, const float* x, const float* dy, float* dweight,
                             float* dbias, void* workspace);

}  // namespace cmtl::kernels
