#include "nets/losses.hpp"

#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "engine/operators/multitask_loss.hpp"
#include "engine/operators/softmax_cross_entropy.hpp"

namespace cmtl {
namespace {

constexpr std::string_view tag = "loss";

}  // namespace

MultitaskLoss::MultitaskLoss(Context& context, const LossOptions& options, int64_t tasks,
                             const ClassWeights& class_weights)
    : options_(options), tasks_(tasks) {
    if (options_.name != "random" && options_.name != "equal" && options_.name != "uncertainty" &&
        options_.name != "fixed")
        fail(ErrorKind::usage, tag, "loss '{}' is unknown: use random, equal, uncertainty or fixed", options_.name);
    if (options_.draws < 1) fail(ErrorKind::usage, tag, "draws {}: at least 1 is needed", options_.draws);
    if (options_.alpha.empty()) options_.alpha.assign(static_cast<size_t>(tasks), 1.0);
    if (options_.alpha.size() != static_cast<size_t>(tasks))
        fail(ErrorKind::usage, tag, "alpha has {} values for {} tasks", options_.alpha.size(), tasks);
    for (const double alpha : options_.alpha)
        if (!(alpha > 0.0 && std::isfinite(alpha))) fail(ErrorKind::usage, tag, "alpha {} is not positive", alpha);
    if (options_.name == "uncertainty") {
        log_variances_ = context.zeros({tasks});
        log_variances_.set_requires_grad();
    }
    if (options_.name == "fixed") {
        if (options_.weights.size() != static_cast<size_t>(tasks))
            fail(ErrorKind::usage, tag, "the fixed loss has {} weights for {} tasks: give one per task",
                 options_.weights.size(), tasks);
        for (const double weight : options_.weights)
            if (!(weight >= 0.0 && std::isfinite(weight)))
                fail(ErrorKind::usage, tag, "weight {} of a task is below 0 or not finite", weight);
    }
    require(class_weights.empty() || class_weights.size() == static_cast<size_t>(tasks), tag,
            "class weights of {} tasks for {}", class_weights.size(), tasks);
    for (const std::vector<double>& weights : class_weights)
        class_weights_.push_back(context.from<float>({static_cast<int64_t>(weights.size())},
                                                     std::vector<float>(weights.begin(), weights.end())));
    const double sum = std::accumulate(options_.alpha.begin(), options_.alpha.end(), 0.0);
    std::vector<double> weights;
    for (const double alpha : options_.alpha)
        weights.push_back(options_.name == "random" ? alpha / sum : 1.0 / static_cast<double>(tasks));
    if (options_.name == "fixed") weights = options_.weights;
    constant_ = context.from<double>({tasks}, weights);
}

void MultitaskLoss::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    if (log_variances_.defined()) out.push_back({prefix + "loss.log_variances", log_variances_});
}

MultitaskLoss::Result MultitaskLoss::operator()(const Pass& pass, const std::vector<Tensor>& logits,
                                                const std::vector<Tensor>& labels) const {
    const auto tasks = static_cast<size_t>(tasks_);
    require(logits.size() == tasks && labels.size() == tasks, tag, "{} logits and {} labels for {} tasks",
            logits.size(), labels.size(), tasks);
    Result result;
    for (size_t k = 0; k < tasks; ++k)
        result.tasks.push_back(
            softmax_cross_entropy(pass.context, logits[k], labels[k],
                                  pass.training && !class_weights_.empty() ? class_weights_[k] : Tensor()));

    if (options_.name == "uncertainty") {
        result.weights = uncertainty_weights(pass.context, log_variances_);
        result.total = uncertainty_sum(pass.context, result.tasks, log_variances_);
        return result;
    }
    result.weights = options_.name == "random" && pass.training
                         ? dirichlet_weights(pass.context, {pass.seed, Purpose::loss_weights, whole_step(pass.step)},
                                             options_.alpha, options_.draws)
                         : constant_;
    result.total = weighted_sum(pass.context, result.tasks, result.weights);
    return result;
}

MultitaskLoss::Result MultitaskLoss::operator()(const Pass& pass, const std::vector<Tensor>& logits,
                                                const std::vector<std::vector<int64_t>>& labels) const {
    require(logits.size() == labels.size(), tag, "{} logits, but labels of {} tasks", logits.size(), labels.size());
    std::vector<Tensor> there;
    for (size_t k = 0; k < labels.size(); ++k) {
        require(logits[k].rank() == 2 && logits[k].size(0) == static_cast<int64_t>(labels[k].size()), tag, "{} labels for logits {}",
                labels[k].size(), logits[k].shape().text());
        there.push_back(class_labels(pass.context, labels[k], logits[k].size(1)));
    }
    return (*this)(pass, logits, there);
}

}  // namespace cmtl
