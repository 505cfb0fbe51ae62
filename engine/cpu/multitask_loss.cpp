#include <cmath>

#include "engine/operators/multitask_loss_problem.hpp"

namespace cmtl {

namespace {

double value_of(const Tensor& scalar) { return static_cast<double>(scalar.data<float>()[0]); }

void dirichlet(Context&, const DirichletProblem& p, const Tensor& weights) {
    const auto mean = weights.values<double>();
    std::vector<double> draw(p.alpha.size());
    std::fill(mean.begin(), mean.end(), 0.0);
    for (int64_t i = 0; i < p.draws; ++i) {
        RandomStream(p.key, static_cast<uint64_t>(i)).dirichlet(p.alpha, draw);
        for (size_t k = 0; k < draw.size(); ++k) mean[k] += draw[k] / static_cast<double>(p.draws);
    }
}

void weighted_forward(Context&, const MultitaskLossProblem&, const std::vector<Tensor>& losses, const Tensor& weights, const Tensor& sum) {
    double total = 0;
    for (size_t k = 0; k < losses.size(); ++k) total += weights.data<double>()[k] * value_of(losses[k]);
    sum.data<float>()[0] = static_cast<float>(total);
}

void weighted_backward(Context&, const MultitaskLossProblem&, const Tensor& weights, const Tensor& dsum, const std::vector<Tensor>& dlosses) {
    for (size_t k = 0; k < dlosses.size(); ++k)
        dlosses[k].data<float>()[0] = static_cast<float>(weights.data<double>()[k] * value_of(dsum));
}

double factor(const Tensor& log_variances, size_t k) { return std::exp(-static_cast<double>(log_variances.data<float>()[k])); }

void uncertainty_forward(Context&, const MultitaskLossProblem&, const std::vector<Tensor>& losses, const Tensor& s, const Tensor& sum) {
    double total = 0;
    for (size_t k = 0; k < losses.size(); ++k)
        total += factor(s, k) * value_of(losses[k]) + static_cast<double>(s.data<float>()[k]) / 2;
    sum.data<float>()[0] = static_cast<float>(total);
}

void uncertainty_backward(Context&, const MultitaskLossProblem&, const std::vector<Tensor>& losses, const Tensor& s, const Tensor& dsum,
                          const std::vector<Tensor>& dlosses, const Tensor& ds) {
    for (size_t k = 0; k < losses.size(); ++k) {
        dlosses[k].data<float>()[0] = static_cast<float>(value_of(dsum) * factor(s, k));
        ds.data<float>()[k] = static_cast<float>(value_of(dsum) * (0.5 - factor(s, k) * value_of(losses[k])));
    }
}

void uncertainty_factors(Context&, const MultitaskLossProblem& p, const Tensor& s, const Tensor& weights) {
    for (int64_t k = 0; k < p.tasks; ++k) weights.data<double>()[k] = factor(s, static_cast<size_t>(k));
}

void track(Context&, const MultitaskLossProblem& p, const Tensor& total, const std::vector<Tensor>& losses, const Tensor& weights,
           const Tensor& tracker) {
    double* sums = tracker.data<double>();
    double& broken = sums[2 + 2 * p.tasks];
    if (broken != 0) return;  // true for NaN
    if (!std::isfinite(value_of(total))) {
        broken = value_of(total);
        return;
    }
    sums[0] += value_of(total);
    sums[1 + 2 * p.tasks] += 1;
    for (int64_t k = 0; k < p.tasks; ++k) {
        sums[1 + k] += value_of(losses[static_cast<size_t>(k)]);
        sums[1 + p.tasks + k] += weights.data<double>()[k];
    }
}

template <class Problem>
Refusal on_cpu(const Context& context, const Problem&) {
    return only_on(context, Device::Kind::cpu, "cpu");
}

}  // namespace

std::vector<DirichletWeights> cpu_dirichlet_weights() { return {{"cpu", on_cpu<DirichletProblem>, dirichlet}}; }
std::vector<WeightedSumForward> cpu_weighted_sum_forward() { return {{"cpu", on_cpu<MultitaskLossProblem>, weighted_forward}}; }
std::vector<WeightedSumBackward> cpu_weighted_sum_backward() { return {{"cpu", on_cpu<MultitaskLossProblem>, weighted_backward}}; }
std::vector<UncertaintySumForward> cpu_uncertainty_sum_forward() { return {{"cpu", on_cpu<MultitaskLossProblem>, uncertainty_forward}}; }
std::vector<UncertaintySumBackward> cpu_uncertainty_sum_backward() { return {{"cpu", on_cpu<MultitaskLossProblem>, uncertainty_backward}}; }
std::vector<UncertaintyWeights> cpu_uncertainty_weights() { return {{"cpu", on_cpu<MultitaskLossProblem>, uncertainty_factors}}; }
std::vector<TrackLosses> cpu_track_losses() { return {{"cpu", on_cpu<MultitaskLossProblem>, track}}; }

}  // namespace cmtl
