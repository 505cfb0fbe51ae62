#include "engine/operators/softmax_cross_entropy.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/softmax_cross_entropy_problem.hpp"

namespace cmtl {

Tensor class_labels(Context& context, const std::vector<int64_t>& labels, int64_t classes) {
    for (size_t i = 0; i < labels.size(); ++i)
        if (labels[i] < -1 || labels[i] >= classes)
            fail(ErrorKind::input, "softmax_cross_entropy", "label {} of sample {} is outside -1 (unknown) .. {}", labels[i], i, classes - 1);
    return context.from<int64_t>({static_cast<int64_t>(labels.size())}, labels);
}

Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const Tensor& labels, const Tensor& weights) {
    static const auto forward = joined(cpu_softmax_cross_entropy_forward(), gpu_softmax_cross_entropy_forward());
    static const auto backward = joined(cpu_softmax_cross_entropy_backward(), gpu_softmax_cross_entropy_backward());
    require(logits.rank() == 2 && labels.shape() == Shape{logits.size(0)} && labels.dtype() == Dtype::i64, "softmax_cross_entropy",
            "labels {} {} do not fit logits {}", name_of(labels.dtype()), labels.shape().text(), logits.shape().text());
    require(!weights.defined() || (weights.shape() == Shape{logits.size(1)} && weights.dtype() == Dtype::f32),
            "softmax_cross_entropy", "weights {} do not fit logits {}", weights.defined() ? weights.shape().text() : "",
            logits.shape().text());
    const CrossEntropyProblem p{logits.size(0), logits.size(1)};
    Tensor loss = context.empty({1}), probabilities = context.empty(logits.shape());
    run_first(context, "softmax_cross_entropy", forward, p, logits, labels, weights, loss, probabilities);
    record(context, "softmax_cross_entropy", {logits}, {&loss},
           [p, probabilities, labels, weights](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
               Tensor dlogits = c.empty({p.n, p.classes});
               run_first(c, "softmax_cross_entropy_backward", backward, p, probabilities, labels, weights, d[0],
                         dlogits);
               return std::vector<Tensor>{dlogits};
           });
    return loss;
}

Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::vector<int64_t>& labels,
                             const Tensor& weights) {
    require(logits.rank() == 2, "softmax_cross_entropy", "logits {} want two axes", logits.shape().text());
    return softmax_cross_entropy(context, logits, class_labels(context, labels, logits.size(1)), weights);
}

Tensor softmax(Context& context, const Tensor& logits) {
    static const auto implementations = joined(cpu_softmax(), gpu_softmax());
    require(logits.rank() == 2, "softmax", "logits {} want two axes", logits.shape().text());
    Tensor probabilities = context.empty(logits.shape());
    run_first(context, "softmax", implementations, CrossEntropyProblem{logits.size(0), logits.size(1)}, logits, probabilities);
    return probabilities;
}

}  // namespace cmtl
