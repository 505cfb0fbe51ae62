#pragma once
#include "base/axes.hpp"
#include "engine/context.hpp"

namespace cmtl {

struct Pool3dOptions {
    Axes kernel = 3, stride = 2, padding = 1;
};

// Maximum over windows, as torch.nn.MaxPool3d: padding never wins, the first of equal values (in D, H, W order)
// takes the gradient, NaN wins. x: (N, D, H, W, C) -> (N, D', H', W', C).
Tensor max_pool3d(Context& context, const Tensor& x, const Pool3dOptions& options = {});

// Mean over windows, as torch.nn.AvgPool3d (padding counts as zeros).
Tensor avg_pool3d(Context& context, const Tensor& x, const Pool3dOptions& options);

// Mean over the whole grid, as torch.nn.AdaptiveAvgPool3d(1): (N, D, H, W, C) -> (N, C).
Tensor global_avg_pool3d(Context& context, const Tensor& x);

}  // namespace cmtl
