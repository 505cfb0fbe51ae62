#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/adaptive_max_pool3d.hpp"

namespace cmtl {

struct AdaptiveMaxPool3dProblem {
    int64_t n, d, h, w, channels;
    Axes out;
    Shape x_shape() const { return {n, d, h, w, channels}; }
    Shape y_shape() const { return {n, out.d, out.h, out.w, channels}; }
    std::string text() const { return fmt::format("{} to {}", x_shape().text(), out.text()); }
};

// (x, y, winner: i32 position in the sample's grid, or undefined when nothing records)
using AdaptiveMaxPool3dForward = Implementation<AdaptiveMaxPool3dProblem, const Tensor&, const Tensor&, const Tensor&>;
// (dy, winner, dx)
using AdaptiveMaxPool3dBackward = AdaptiveMaxPool3dForward;

std::vector<AdaptiveMaxPool3dForward> cpu_adaptive_max_pool3d_forward(), gpu_adaptive_max_pool3d_forward();
std::vector<AdaptiveMaxPool3dBackward> cpu_adaptive_max_pool3d_backward(), gpu_adaptive_max_pool3d_backward();

}  // namespace cmtl
