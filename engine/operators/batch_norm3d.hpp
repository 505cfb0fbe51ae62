#pragma once
#include "engine/context.hpp"

namespace cmtl {

struct BatchNorm3dOptions {
    bool training = false;
    double eps = 1e-3;
    double momentum = 0.01;  // running = (1 - momentum) running + momentum batch
    bool relu = false;       // max(result, 0) in the same pass
};

// Batch normalisation over every axis but the last, as torch.nn.BatchNorm3d: biased variance to normalise, unbiased into
// running_variance. x: (..., C); scale, shift, running_mean, running_variance: (C). In training the running statistics are
// updated in place; otherwise they normalise. With one value per channel in training: Error(input), as PyTorch.
Tensor batch_norm3d(Context& context, const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                    const Tensor& running_variance, const BatchNorm3dOptions& options);

}  // namespace cmtl
