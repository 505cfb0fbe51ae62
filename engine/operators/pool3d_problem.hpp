#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/pool3d.hpp"

namespace cmtl {

struct Pool3dProblem {
    int64_t n, d, h, w, channels;
    Pool3dOptions options;
    int64_t out_size(int64_t size) const { return (size + 2 * options.padding - options.kernel) / options.stride + 1; }
    Shape x_shape() const { return {n, d, h, w, channels}; }
    Shape y_shape() const { return {n, out_size(d), out_size(h), out_size(w), channels}; }
    std::string text() const {
        return fmt::format("{}, k{} s{} p{}", x_shape().text(), options.kernel, options.stride, options.padding);
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
