#pragma once
#include <optional>

#include "engine/context.hpp"

namespace cmtl {

struct StemParameters {
    Tensor weight, bias;                                   // convolution: (C, 3, 3, 3, I), (C)
    Tensor scale, shift, running_mean, running_variance;   // batch norm: (C)
};

struct StemOptions {
    bool training = false;
    double eps = 1e-3, momentum = 0.01;
    Tensor plan{};                               // Shift3D's draws, as shift3d_plan gives them; undefined: no shift
    std::optional<float> fill = std::nullopt;    // as Shift3dOptions::fill
};

// The network's first block in one call: conv3d(k3 s2 p1), batch_norm3d, ReLU, shift3d, max_pool3d(k3 s2 p1).
// x: (N, D, H, W, I) -> (N, D', H', W', C), D' about D / 4. Equal to those operators one after the other (within rounding).
// Its intermediate results are the largest tensors of the whole network, which is why it is an operator of its own.
Tensor stem(Context& context, const Tensor& x, const StemParameters& parameters, const StemOptions& options);

}  // namespace cmtl
