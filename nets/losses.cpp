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

MultitaskLoss::MultitaskLoss(Context& context, const LossOptions& options, int64_t tasks)
    : options_(options), tasks_(tasks) {
    if (options_.name != "random" && options_.name != "equal" && options_.name != "uncertainty")
        fail(ErrorKind::usage, tag, "loss '{}' is unknown: use random, equal or uncertainty", options_.name);
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
}

void MultitaskLoss::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    if (log_variances_.defined()) out.push_back({prefix + "loss.log_variances", log_variances_});
}

std::vector<double> MultitaskLoss::random_weights(const Pass& pass) const {
    std::vector<double> weights(options_.alpha.size(), 0.0), draw(options_.alpha.size());
    if (!pass.training) {
        const double sum = std::accumulate(options_.alpha.begin(), options_.alpha.end(), 0.0);
        for (size_t k = 0; k < weights.size(); ++k) weights[k] = options_.alpha[k] / sum;
        return weights;
    }
    const RandomKey key{pass.seed, Purpose::loss_weights, pass.step};
    for (int64_t i = 0; i < options_.draws; ++i) {
        RandomStream(key, static_cast<uint64_t>(i)).dirichlet(options_.alpha, draw);
        for (size_t k = 0; k < weights.size(); ++k) weights[k] += draw[k] / static_cast<double>(options_.draws);
    }
    return weights;
}

MultitaskLoss::Result MultitaskLoss::operator()(const Pass& pass, const std::vector<Tensor>& logits,
                                                const std::vector<std::vector<int64_t>>& labels) const {
    const auto tasks = static_cast<size_t>(tasks_);
    require(logits.size() == tasks && labels.size() == tasks, tag, "{} logits and {} labels for {} tasks",
            logits.size(), labels.size(), tasks);
    Result result;
    for (size_t k = 0; k < tasks; ++k)
        result.tasks.push_back(softmax_cross_entropy(pass.context, logits[k], labels[k]));

    if (options_.name == "uncertainty") {
        for (const float s : pass.context.to_vector<float>(log_variances_))
            result.weights.push_back(std::exp(-static_cast<double>(s)));
        result.total = uncertainty_sum(pass.context, result.tasks, log_variances_);
        return result;
    }
    result.weights =
        options_.name == "random" ? random_weights(pass) : std::vector<double>(tasks, 1.0 / static_cast<double>(tasks));
    result.total = weighted_sum(pass.context, result.tasks, result.weights);
    return result;
}

}  // namespace cmtl
