#pragma once
// One convolution's sizes, and the ordered lists of implementations for its three directions.
#include <fmt/format.h>

#include <compare>
#include <vector>

#include "base/axes.hpp"
#include "engine/implementation.hpp"

namespace cmtl {

struct Conv3dProblem {
    int64_t n, d, h, w, in;         // x: (n, d, h, w, in)
    int64_t out;
    Axes kernel, stride, padding;
    Dtype compute = Dtype::f32;

    int64_t od() const { return (d + 2 * padding.d - kernel.d) / stride.d + 1; }
    int64_t oh() const { return (h + 2 * padding.h - kernel.h) / stride.h + 1; }
    int64_t ow() const { return (w + 2 * padding.w - kernel.w) / stride.w + 1; }
    int64_t positions() const { return n * od() * oh() * ow(); }
    Shape x_shape() const { return {n, d, h, w, in}; }
    Shape y_shape() const { return {n, od(), oh(), ow(), out}; }
    Shape weight_shape() const { return {out, kernel.d, kernel.h, kernel.w, in}; }
    // Multiplications and additions of one direction, padding counted as work.
    double flops() const { return 2.0 * double(positions()) * double(out) * double(in) * double(kernel.product()); }
    // A 1x1x1 convolution of stride 1 is a matrix product of the positions with the weights.
    bool pointwise() const { return kernel == 1 && stride == 1 && padding == 0; }
    std::string text() const {
        return fmt::format("{} {}x{}x{}x{}x{} to {}, k{} s{} p{}", name_of(compute), n, d, h, w, in, out, kernel.text(), stride.text(),
                           padding.text());
    }
    auto operator<=>(const Conv3dProblem&) const = default;
};

// (x, weight, bias or undefined, y)
using Conv3dForward = Implementation<Conv3dProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&>;
// (gradient of y, weight, gradient of x)
using Conv3dBackwardData = Implementation<Conv3dProblem, const Tensor&, const Tensor&, const Tensor&>;
// (x, gradient of y, gradient of weight, gradient of bias or undefined)
using Conv3dBackwardWeights = Implementation<Conv3dProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&>;

// CPU implementations, engine/cpu/conv3d.cpp.
std::vector<Conv3dForward> cpu_conv3d_forward(), gpu_conv3d_forward();
std::vector<Conv3dBackwardData> cpu_conv3d_backward_data(), gpu_conv3d_backward_data();
std::vector<Conv3dBackwardWeights> cpu_conv3d_backward_weights(), gpu_conv3d_backward_weights();

// All of them, in order of preference.
const std::vector<Conv3dForward>& conv3d_forward_implementations();
const std::vector<Conv3dBackwardData>& conv3d_backward_data_implementations();
const std::vector<Conv3dBackwardWeights>& conv3d_backward_weights_implementations();

}  // namespace cmtl
