#include "kernels/multitask_loss.hpp"

#include <cmath>
#include <limits>

#include "engine/gpu/draw_key.hpp"
#include "engine/gpu/target.hpp"
#include "engine/operators/multitask_loss_problem.hpp"

namespace cmtl {

namespace {

kernels::TaskLosses task_losses(const std::vector<Tensor>& losses) {
    kernels::TaskLosses out{static_cast<int>(losses.size()), {}};
    for (size_t k = 0; k < losses.size(); ++k) out.loss[k] = losses[k].device_data<float>();
    return out;
}

kernels::TaskGradients task_gradients(const std::vector<Tensor>& gradients) {
    kernels::TaskGradients out{};
    for (size_t k = 0; k < gradients.size(); ++k) out.loss[k] = gradients[k].device_data<float>();
    return out;
}

void dirichlet(Context& context, const DirichletProblem& p, const Tensor& weights) {
    kernels::DirichletAlphas alphas{static_cast<int>(p.alpha.size()), {}};
    for (size_t k = 0; k < p.alpha.size(); ++k) {
        if (!(p.alpha[k] > 0 && std::isfinite(p.alpha[k])))
            fail(ErrorKind::usage, "dirichlet_weights", "alpha {} of a Dirichlet distribution is not above 0", p.alpha[k]);
        alphas.alpha[k] = p.alpha[k];
    }
    on_target(context, [&]<class Target>(Target) {
        kernels::dirichlet_weights<Target>(context.stream(), alphas, static_cast<int>(p.draws), draw_key(context, p.key),
                                           weights.device_data<double>());
    });
}

void weighted_forward(Context& context, const MultitaskLossProblem&, const std::vector<Tensor>& losses, const Tensor& weights,
                      const Tensor& sum) {
    on_target(context, [&]<class Target>(Target) {
        kernels::weighted_sum_forward<Target>(context.stream(), task_losses(losses), weights.device_data<double>(),
                                              sum.device_data<float>());
    });
}

void weighted_backward(Context& context, const MultitaskLossProblem& p, const Tensor& weights, const Tensor& dsum,
                       const std::vector<Tensor>& dlosses) {
    on_target(context, [&]<class Target>(Target) {
        kernels::weighted_sum_backward<Target>(context.stream(), static_cast<int>(p.tasks), weights.device_data<double>(),
                                               dsum.device_data<float>(), task_gradients(dlosses));
    });
}

void uncertainty_forward(Context& context, const MultitaskLossProblem&, const std::vector<Tensor>& losses, const Tensor& s,
                         const Tensor& sum) {
    on_target(context, [&]<class Target>(Target) {
        kernels::uncertainty_sum_forward<Target>(context.stream(), task_losses(losses), s.device_data<float>(), sum.device_data<float>());
    });
}

void uncertainty_backward(Context& context, const MultitaskLossProblem&, const std::vector<Tensor>& losses, const Tensor& s,
                          const Tensor& dsum, const std::vector<Tensor>& dlosses, const Tensor& ds) {
    on_target(context, [&]<class Target>(Target) {
        kernels::uncertainty_sum_backward<Target>(context.stream(), task_losses(losses), s.device_data<float>(), dsum.device_data<float>(),
                                                  task_gradients(dlosses), ds.device_data<float>());
    });
}

void uncertainty_factors(Context& context, const MultitaskLossProblem& p, const Tensor& s, const Tensor& weights) {
    on_target(context, [&]<class Target>(Target) {
        kernels::uncertainty_weights<Target>(context.stream(), static_cast<int>(p.tasks), s.device_data<float>(),
                                             weights.device_data<double>());
    });
}

void track(Context& context, const MultitaskLossProblem&, const Tensor& total, const std::vector<Tensor>& losses, const Tensor& weights,
           const Tensor& tracker) {
    on_target(context, [&]<class Target>(Target) {
        kernels::track_losses<Target>(context.stream(), task_losses(losses), total.device_data<float>(), weights.device_data<double>(),
                                      tracker.device_data<double>());
    });
}

Refusal few_tasks(const Context& context, int64_t tasks) {
    if (tasks > kernels::most_tasks) return fmt::format("takes {} tasks at most", kernels::most_tasks);
    return only_on_gpu(context);
}

Refusal supports(const Context& context, const MultitaskLossProblem& p) { return few_tasks(context, p.tasks); }
Refusal dirichlet_supports(const Context& context, const DirichletProblem& p) {
    if (p.draws > std::numeric_limits<int>::max()) return "more than 2^31 draws";
    return few_tasks(context, static_cast<int64_t>(p.alpha.size()));
}

}  // namespace

std::vector<DirichletWeights> gpu_dirichlet_weights() { return {{"kernel", dirichlet_supports, dirichlet}}; }
std::vector<WeightedSumForward> gpu_weighted_sum_forward() { return {{"kernel", supports, weighted_forward}}; }
std::vector<WeightedSumBackward> gpu_weighted_sum_backward() { return {{"kernel", supports, weighted_backward}}; }
std::vector<UncertaintySumForward> gpu_uncertainty_sum_forward() { return {{"kernel", supports, uncertainty_forward}}; }
std::vector<UncertaintySumBackward> gpu_uncertainty_sum_backward() { return {{"kernel", supports, uncertainty_backward}}; }
std::vector<UncertaintyWeights> gpu_uncertainty_weights() { return {{"kernel", supports, uncertainty_factors}}; }
std::vector<TrackLosses> gpu_track_losses() { return {{"kernel", supports, track}}; }

}  // namespace cmtl
