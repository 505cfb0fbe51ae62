#pragma once
#include <vector>

#include "engine/context.hpp"

namespace cmtl {

// max(x, 0); NaN stays NaN. Any shape.
Tensor relu(Context& context, const Tensor& x);

// a + b, equal shapes.
Tensor add(Context& context, const Tensor& a, const Tensor& b);

// Joins along the last axis (channels): (..., C1), (..., C2), ... -> (..., C1 + C2 + ...).
Tensor concat(Context& context, const std::vector<Tensor>& parts);

}  // namespace cmtl
