#pragma once
// The multitask loss and its competitors.
#include <string>
#include <vector>

#include "nets/covid_mtl.hpp"

namespace cmtl {

struct LossOptions {
    std::string name = "random";  // random | equal | uncertainty
    int64_t draws = 2;            // random: number of Dirichlet draws averaged
    std::vector<double> alpha{};  // random: one per task, positive; empty: all 1
};

// L = sum_k w_k CE_k over the tasks. random: w = mean of `draws` draws from Dirichlet(alpha), draw i keyed by (seed,
// step, i); outside training their expectation, so that losses of different epochs compare. equal: 1/K. uncertainty:
// learned log-variances, which are this module's parameters ("loss.log_variances") and belong into the optimiser.
class MultitaskLoss : public Module {
  public:
    // Throws Error(usage) for options that make no sense.
    MultitaskLoss(Context& context, const LossOptions& options, int64_t tasks);
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
    Tensor constant_;  // equal weights, or the expectation of the random ones
};

}  // namespace cmtl
