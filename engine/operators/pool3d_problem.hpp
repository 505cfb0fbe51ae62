#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/pool3d.hpp"

namespace cmtl {

struct Pool3dProblem {
    int64_t n, d, h, w, channels;
    Pool3dOptions options;
    // Of axis 0, 1, 2: D, H, W.
    int64_t out_size(int axis) const {
        const int64_t size = axis == 0 ? d : axis == 1 ? h : w;
        return (size + 2 * options.padding[axis] - options.kernel[axis]) / options.stride[axis] + 1;
    }
    Shape x_shape() const { return {n, d, h, w, channels}; }
    Shape y_shape() const { return {n, out_size(0), out_size(1), out_size(2), channels}; }
    std::string text() const {
        return fmt::format("{}, k{} s{} p{}", x_shape().text(), options.kernel.text(), options.stride.text(),
                           options.padding.text());
    }
};

// Maximum: (x, y, winner: u8 index into the window in D, H, W order, or undefined when nothing records)
using MaxPool3dForward = Implementation<Pool3dProblem, const Tensor&, const Tensor&, const Tensor&>;
// (dy, winner, dx)
using MaxPool3dBackward = Implementation<Pool3dProblem, const Tensor&, const Tensor&, const Tensor&>;
// Mean: (x, y) and (dy, dx)
using AvgPool3dForward = Implementation<Pool3dProblem, const Tensor&, const Tensor&>;
using AvgPool3dBackward = AvgPool3dForward;

std::vector<MaxPool3dForward> cpu_max_pool3d_forward(), gpu_max_pool3d_forward();
std::vector<MaxPool3dBackward> cpu_max_pool3d_backward(), gpu_max_pool3d_backward();
std::vector<AvgPool3dForward> cpu_avg_pool3d_forward(), gpu_avg_pool3d_forward();
std::vector<AvgPool3dBackward> cpu_avg_pool3d_backward(), gpu_avg_pool3d_backward();
std::vector<AvgPool3dForward> cpu_global_avg_pool3d_forward(), gpu_global_avg_pool3d_forward();
std::vector<AvgPool3dBackward> cpu_global_avg_pool3d_backward(), gpu_global_avg_pool3d_backward();

}  // namespace cmtl
