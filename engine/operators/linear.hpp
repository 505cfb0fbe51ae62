#pragma once
#include "engine/context.hpp"

namespace cmtl {

// x W^T + b, as torch.nn.functional.linear. x: (N, I); weight: (O, I); bias: (O) or undefined -> (N, O).
Tensor linear(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace cmtl
