#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/multitask_loss.hpp"

namespace cmtl {

struct MultitaskLossProblem {
    int64_t tasks;
    std::string text() const { return fmt::format("{} tasks", tasks); }
};

struct DirichletProblem {
    RandomKey key;
    std::vector<double> alpha;
    int64_t draws;
    std::string text() const { return fmt::format("{} tasks, mean of {} draws, step {}", alpha.size(), draws, key.step); }
};

// (weights: written, f64 (K))
using DirichletWeights = Implementation<DirichletProblem, const Tensor&>;
// (losses, weights f64 (K), sum (1))
using WeightedSumForward = Implementation<MultitaskLossProblem, const std::vector<Tensor>&, const Tensor&, const Tensor&>;
// (weights, dsum (1), dlosses (1) each)
using WeightedSumBackward = Implementation<MultitaskLossProblem, const Tensor&, const Tensor&, const std::vector<Tensor>&>;
// (losses, log variances f32 (K), sum (1))
using UncertaintySumForward = WeightedSumForward;
// (losses, log variances, dsum (1), dlosses (1) each, dlog_variances (K))
using UncertaintySumBackward = Implementation<MultitaskLossProblem, const std::vector<Tensor>&, const Tensor&, const Tensor&,
                                              const std::vector<Tensor>&, const Tensor&>;
// (log variances, weights f64 (K))
using UncertaintyWeights = Implementation<MultitaskLossProblem, const Tensor&, const Tensor&>;
// (total (1), losses, weights f64 (K), tracker f64 (3 + 2K))
using TrackLosses = Implementation<MultitaskLossProblem, const Tensor&, const std::vector<Tensor>&, const Tensor&, const Tensor&>;

std::vector<DirichletWeights> cpu_dirichlet_weights(), gpu_dirichlet_weights();
std::vector<WeightedSumForward> cpu_weighted_sum_forward(), gpu_weighted_sum_forward();
std::vector<WeightedSumBackward> cpu_weighted_sum_backward(), gpu_weighted_sum_backward();
std::vector<UncertaintySumForward> cpu_uncertainty_sum_forward(), gpu_uncertainty_sum_forward();
std::vector<UncertaintySumBackward> cpu_uncertainty_sum_backward(), gpu_uncertainty_sum_backward();
std::vector<UncertaintyWeights> cpu_uncertainty_weights(), gpu_uncertainty_weights();
std::vector<TrackLosses> cpu_track_losses(), gpu_track_losses();

}  // namespace cmtl
