#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/batch_norm3d.hpp"

namespace cmtl {

struct BatchNorm3dProblem {
    int64_t rows, channels;
    BatchNorm3dOptions options;
    std::string text() const {
        return fmt::format("{}x{}{}{}", rows, channels, options.training ? " training" : "", options.relu ? " relu" : "");
    }
};

// What forward leaves for backward, (C) each: the statistics that normalised. An implementation that keeps the mean to more digits
// than a float holds puts what is left of it into mean_rest.
struct BatchNorm3dStatistics {
    Tensor mean, inverse_deviation, mean_rest;
};

// (x, scale, shift, running mean, running variance, y, statistics: written)
using BatchNorm3dForward = Implementation<BatchNorm3dProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                          const Tensor&, const Tensor&, const BatchNorm3dStatistics&>;
// (x, dy, scale, shift, statistics, dx (may be dy), dscale, dshift)
using BatchNorm3dBackward = Implementation<BatchNorm3dProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                           const BatchNorm3dStatistics&, const Tensor&, const Tensor&, const Tensor&>;

std::vector<BatchNorm3dForward> cpu_batch_norm3d_forward(), gpu_batch_norm3d_forward();
std::vector<BatchNorm3dBackward> cpu_batch_norm3d_backward(), gpu_batch_norm3d_backward();

}  // namespace cmtl
