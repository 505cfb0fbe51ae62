#pragma once
#include <vector>

#include "engine/context.hpp"

namespace cmtl {

// sum_k weights[k] * losses[k]; losses: one element each. The weights are constants.
Tensor weighted_sum(Context& context, const std::vector<Tensor>& losses, const std::vector<double>& weights);

// sum_k exp(-s_k) losses[k] + s_k / 2 with learned log-variances s (K): Kendall, Gal and Cipolla, CVPR 2018, for
// classification. Gradients reach the losses and s.
Tensor uncertainty_sum(Context& context, const std::vector<Tensor>& losses, const Tensor& log_variances);

}  // namespace cmtl
