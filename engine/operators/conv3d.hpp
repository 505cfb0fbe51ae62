#pragma once
#include "base/axes.hpp"
#include "engine/context.hpp"

namespace cmtl {

struct Conv3dOptions {
    Axes stride = 1;
    Axes padding = 0;  // zeros added on both sides of D, H, W
};

// 3-D cross-correlation, as torch.nn.functional.conv3d.
// x: (N, D, H, W, I); weight: (O, kD, kH, kW, I), each k one of 1, 3, 5, 7; bias: (O) or undefined. Result: (N, D', H', W', O),
// D' = (D + 2 padding - kD) / stride + 1. The gradient of x is computed only when x requires one.
// Throws Error(internal) on shapes that do not fit.
Tensor conv3d(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv3dOptions& options = {});

}  // namespace cmtl
