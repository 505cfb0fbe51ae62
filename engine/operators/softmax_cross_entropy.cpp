#include "engine/operators/softmax_cross_entropy.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/softmax_cross_entropy_problem.hpp"

namespace cmtl {

Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::vector<int64_t>& labels) {
    static const auto forward = cpu_softmax_cross_entropy_forward();
    static const auto backward = cpu_softmax_cross_entropy_backward();
    require(logits.rank() == 2 && logits.size(0) == static_cast<int64_t>(labels.size()), "softmax_cross_entropy",
            "{} labels do not fit logits {}", labels.size(), logits.shape().text());
    const CrossEntropyProblem p{logits.size(0), logits.size(1)};
    for (size_t i = 0; i < labels.size(); ++i)
        if (labels[i] < -1 || labels[i] >= p.classes)
            fail(ErrorKind::input, "softmax_cross_entropy", "label {} of sample {} is outside -1 (unknown) .. {}", labels[i], i, p.classes - 1);
    Tensor loss = context.empty({1}), probabilities = context.empty(logits.shape());
    run_first(context, "softmax_cross_entropy", forward, p, logits, labels, loss, probabilities);
    record(context, "softmax_cross_entropy", {logits}, {&loss},
           [p, probabilities, labels](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
               Tensor dlogits = c.empty({p.n, p.classes});
               run_first(c, "softmax_cross_entropy_backward", backward, p, probabilities, labels, d[0], dlogits);
               return std::vector<Tensor>{dlogits};
           });
    return loss;
}

Tensor softmax(Context& context, const Tensor& logits) {
    static const auto implementations = cpu_softmax();
    require(logits.rank() == 2, "softmax", "logits {} want two axes", logits.shape().text());
    Tensor probabilities = context.empty(logits.shape());
    run_first(context, "softmax", implementations, CrossEntropyProblem{logits.size(0), logits.size(1)}, logits, probabilities);
    return probabilities;
}

}  // namespace cmtl
