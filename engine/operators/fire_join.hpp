#pragma once
#include "engine/context.hpp"

namespace cmtl {

// What one of a fire module's two expanding convolutions gave, and the batch norm that follows it.
struct FireJoinHalf {
    Tensor x;                                             // (N, D, H, W, C)
    Tensor scale, shift, running_mean, running_variance;  // (C)
};

struct FireJoinOptions {
    bool training = false;
    double eps = 1e-3, momentum = 0.01;  // as BatchNorm3dOptions
};

// A fire module's end in one call: relu(concat({batch_norm3d(one), batch_norm3d(three)}) + bypass).
// one, three: (N, D, H, W, C1) and (N, D, H, W, C3); bypass: (N, D, H, W, C1 + C3), or undefined; the result is of its shape. Equal to
// those operators one after the other (gradients: within rounding). In training the running statistics are updated in place; with
// one value per channel: Error(input), as PyTorch.
// The tensors are taken over: without a tape each is free once it was read for the last time.
Tensor fire_join(Context& context, FireJoinHalf one, FireJoinHalf three, Tensor bypass, const FireJoinOptions& options);

}  // namespace cmtl
