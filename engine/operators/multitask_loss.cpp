#include "engine/operators/multitask_loss.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/multitask_loss_problem.hpp"

namespace cmtl {

namespace {

MultitaskLossProblem checked(std::string_view op, const std::vector<Tensor>& losses, const Tensor& weights) {
    require(!losses.empty() && weights.shape() == Shape{static_cast<int64_t>(losses.size())}, op, "{} weights for {} losses",
            weights.count(), losses.size());
    for (const Tensor& t : losses) require(t.count() == 1, op, "a loss is {}, not one element", t.shape().text());
    return {weights.count()};
}

std::vector<Tensor> scalars(Context& context, int64_t count) {
    std::vector<Tensor> out;
    for (int64_t k = 0; k < count; ++k) out.push_back(context.empty({1}));
    return out;
}

std::vector<Tensor> detached(const std::vector<Tensor>& tensors) {
    std::vector<Tensor> out;
    for (const Tensor& t : tensors) out.push_back(t.detach());
    return out;
}

}  // namespace

Tensor dirichlet_weights(Context& context, const RandomKey& key, const std::vector<double>& alpha, int64_t draws) {
    static const auto list = joined(cpu_dirichlet_weights(), gpu_dirichlet_weights());
    require(!alpha.empty() && draws >= 1, "dirichlet_weights", "{} draws of {} weights", draws, alpha.size());
    Tensor weights = context.empty({static_cast<int64_t>(alpha.size())}, Dtype::f64);
    run_first(context, "dirichlet_weights", list, DirichletProblem{key, alpha, draws}, weights);
    return weights;
}

Tensor weighted_sum(Context& context, const std::vector<Tensor>& losses, const Tensor& weights) {
    static const auto forward = joined(cpu_weighted_sum_forward(), gpu_weighted_sum_forward());
    static const auto backward = joined(cpu_weighted_sum_backward(), gpu_weighted_sum_backward());
    const MultitaskLossProblem p = checked("weighted_sum", losses, weights);
    Tensor sum = context.empty({1});
    run_first(context, "weighted_sum", forward, p, losses, weights, sum);
    record(context, "weighted_sum", losses, {&sum}, [p, weights](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
        std::vector<Tensor> gradients = scalars(c, p.tasks);
        run_first(c, "weighted_sum_backward", backward, p, weights, d[0], gradients);
        return gradients;
    });
    return sum;
}

Tensor weighted_sum(Context& context, const std::vector<Tensor>& losses, const std::vector<double>& weights) {
    return weighted_sum(context, losses, context.from<double>({static_cast<int64_t>(weights.size())}, weights));
}

Tensor uncertainty_sum(Context& context, const std::vector<Tensor>& losses, const Tensor& log_variances) {
    static const auto forward = joined(cpu_uncertainty_sum_forward(), gpu_uncertainty_sum_forward());
    static const auto backward = joined(cpu_uncertainty_sum_backward(), gpu_uncertainty_sum_backward());
    const MultitaskLossProblem p = checked("uncertainty_sum", losses, log_variances);
    Tensor sum = context.empty({1});
    run_first(context, "uncertainty_sum", forward, p, losses, log_variances, sum);
    std::vector<Tensor> inputs = losses;
    inputs.push_back(log_variances);
    record(context, "uncertainty_sum", inputs, {&sum},
           [p, losses = detached(losses), s = log_variances.detach()](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
               std::vector<Tensor> gradients = scalars(c, p.tasks);
               Tensor ds = c.empty(s.shape());
               run_first(c, "uncertainty_sum_backward", backward, p, losses, s, d[0], gradients, ds);
               gradients.push_back(ds);
               return gradients;
           });
    return sum;
}

Tensor uncertainty_weights(Context& context, const Tensor& log_variances) {
    static const auto list = joined(cpu_uncertainty_weights(), gpu_uncertainty_weights());
    Tensor weights = context.empty(log_variances.shape(), Dtype::f64);
    run_first(context, "uncertainty_weights", list, MultitaskLossProblem{log_variances.count()}, log_variances, weights);
    return weights;
}

void track_losses(Context& context, const Tensor& total, const std::vector<Tensor>& losses, const Tensor& weights, const Tensor& tracker) {
    static const auto list = joined(cpu_track_losses(), gpu_track_losses());
    const MultitaskLossProblem p = checked("track_losses", losses, weights);
    require(tracker.shape() == Shape{3 + 2 * p.tasks} && tracker.dtype() == Dtype::f64, "track_losses", "a tracker {} {} for {} tasks",
            name_of(tracker.dtype()), tracker.shape().text(), p.tasks);
    run_first(context, "track_losses", list, p, total, losses, weights, tracker);
}

}  // namespace cmtl
