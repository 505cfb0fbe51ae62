#pragma once
// The multitask loss' own arithmetic: a handful of scalars that stay on the device, so that a training step waits for nobody.
#include <vector>

#include "engine/context.hpp"
#include "engine/random.hpp"

namespace cmtl {

// Mean of `draws` draws from Dirichlet(alpha), f64 (K): Bao et al. 2022. Draw i is RandomStream(key, i).dirichlet(alpha), wherever
// it is drawn.
Tensor dirichlet_weights(Context& context, const RandomKey& key, const std::vector<double>& alpha, int64_t draws);

// sum_k weights[k] * losses[k]; losses: one f32 element each; weights: f64 (K), constants.
Tensor weighted_sum(Context& context, const std::vector<Tensor>& losses, const Tensor& weights);
Tensor weighted_sum(Context& context, const std::vector<Tensor>& losses, const std::vector<double>& weights);

// sum_k exp(-s_k) losses[k] + s_k / 2 with learned log-variances s (K): Kendall, Gal and Cipolla, CVPR 2018, for
// classification. Gradients reach the losses and s.
Tensor uncertainty_sum(Context& context, const std::vector<Tensor>& losses, const Tensor& log_variances);
// exp(-s_k), f64 (K): the weights that uncertainty_sum used. Not recorded.
Tensor uncertainty_weights(Context& context, const Tensor& log_variances);

// Sums over training steps, kept on the device and read when somebody wants to know.
// tracker: f64 (3 + 2K): sum of totals, sums of the task losses, sums of the weights, number of steps; last the first total that
// was not finite, else 0: once that is set nothing is added any more, and an optimiser with the tracker as its guard stands still.
void track_losses(Context& context, const Tensor& total, const std::vector<Tensor>& losses, const Tensor& weights, const Tensor& tracker);

}  // namespace cmtl
