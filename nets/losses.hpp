#pragma once
// The multitask loss and its competitors.
#include <string>
#include <vector>

#include "nets/covid_mtl.hpp"

namespace cmtl {

struct LossOptions {
    std::string name = "random";    // random | equal | uncertainty | fixed
    int64_t draws = 2;              // random: number of Dirichlet draws averaged
    std::vector<double> alpha{};    // random: one per task, positive; empty: all 1
    std::vector<double> weights{};  // fixed: one per task, taken as they are (not normalised)
    // Of the classes in the training loss: none (all 1), balanced, or JSON text, a list for each task:
    // "[[1,2],[1,1],[1,1,3]]". training/class_weights turns it into numbers.
    std::string class_weights = "none";
};

// One factor per class, for each task; empty: all 1.
using ClassWeights = std::vector<std::vector<double>>;

// L = sum_k w_k CE_k over the tasks. random: w = mean of `draws` draws from Dirichlet(alpha), draw i keyed by (seed,
// step, i), so that the micro-batches of a step share it; outside training their expectation, so that losses of
// different epochs compare. equal: 1/K. fixed: the options' weights. uncertainty: learned log-variances, which are this
// module's parameters ("loss.log_variances") and belong into the optimiser. Class weights count in training only.
class MultitaskLoss : public Module {
  public:
    // Throws Error(usage) for options that make no sense.
    MultitaskLoss(Context& context, const LossOptions& options, int64_t tasks, const ClassWeights& class_weights = {});
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;

    struct Result {
        Tensor total;                 // one element, recorded
        std::vector<Tensor> tasks;    // cross-entropy per task
        Tensor weights;               // f64 (tasks), used this step (uncertainty: exp(-s))
    };
    // labels[k]: i64 (N), as class_labels() makes them. The second form takes them from the host.
    Result operator()(const Pass& pass, const std::vector<Tensor>& logits, const std::vector<Tensor>& labels) const;
    Result operator()(const Pass& pass, const std::vector<Tensor>& logits,
                      const std::vector<std::vector<int64_t>>& labels) const;

  private:
    LossOptions options_;
    int64_t tasks_;
    Tensor log_variances_;
    Tensor constant_;                    // equal or fixed weights, or the expectation of the random ones
    std::vector<Tensor> class_weights_;  // f32 (classes) by task, or empty
};

}  // namespace cmtl
