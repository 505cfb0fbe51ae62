#pragma once
#include "base/axes.hpp"
#include "engine/context.hpp"

namespace cmtl {

// Maximum over the windows that cut the grid into `out` pieces, as torch.nn.AdaptiveMaxPool3d: window o of an axis of
// `size` begins at floor(o size / out) and ends in front of ceil((o + 1) size / out), so neighbours overlap where the
// sizes do not divide, and share elements where out is the larger. The first of equal values (in D, H, W order) takes
// the gradient, NaN wins. x: (N, D, H, W, C) -> (N, out.d, out.h, out.w, C). Throws Error(internal) on shapes without
// elements and sizes below 1.
Tensor adaptive_max_pool3d(Context& context, const Tensor& x, const Axes& out);

}  // namespace cmtl
