#include <algorithm>
#include <cmath>

#include "engine/operators/softmax_cross_entropy_problem.hpp"

namespace cmtl {

namespace {

// Probabilities of one row; returns log(sum exp(logit)).
double softmax_row(const float* logits, float* probabilities, int64_t classes) {
    const double largest = static_cast<double>(*std::max_element(logits, logits + classes));
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(logits[k]) - largest);
    for (int64_t k = 0; k < classes; ++k)
        probabilities[k] = static_cast<float>(std::exp(static_cast<double>(logits[k]) - largest) / sum);
    return largest + std::log(sum);
}

void softmax_forward(Context&, const CrossEntropyProblem& p, const Tensor& logits, const Tensor& probabilities) {
    for (int64_t i = 0; i < p.n; ++i)
        softmax_row(logits.data<float>() + i * p.classes, probabilities.data<float>() + i * p.classes, p.classes);
}

int64_t known_labels(const Tensor& labels) {
    const auto values = labels.values<int64_t>();
    return labels.count() - std::count(values.begin(), values.end(), int64_t{-1});
}

void forward(Context&, const CrossEntropyProblem& p, const Tensor& logits, const Tensor& labels, const Tensor& loss,
             const Tensor& probabilities) {
    double total = 0;
    for (int64_t i = 0; i < p.n; ++i) {
        const float* row = logits.data<float>() + i * p.classes;
        const double normaliser = softmax_row(row, probabilities.data<float>() + i * p.classes, p.classes);
        const int64_t label = labels.data<int64_t>()[i];
        if (label >= 0) total += normaliser - static_cast<double>(row[label]);
    }
    const int64_t known = known_labels(labels);
    loss.data<float>()[0] = known ? static_cast<float>(total / static_cast<double>(known)) : 0.0f;
}

void backward(Context&, const CrossEntropyProblem& p, const Tensor& probabilities, const Tensor& labels,
              const Tensor& dloss, const Tensor& dlogits) {
    const int64_t known = known_labels(labels);
    const float scale = known ? dloss.data<float>()[0] / static_cast<float>(known) : 0.0f;
    for (int64_t i = 0; i < p.n; ++i)
        for (int64_t k = 0; k < p.classes; ++k) {
            const int64_t label = labels.data<int64_t>()[i], at = i * p.classes + k;
            dlogits.data<float>()[at] = label < 0 ? 0.0f : scale * (probabilities.data<float>()[at] - (k == label ? 1.0f : 0.0f));
        }
}

Refusal on_cpu(const Context& context, const CrossEntropyProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }

}  // namespace

std::vector<CrossEntropyForward> cpu_softmax_cross_entropy_forward() { return {{"cpu", on_cpu, forward}}; }
std::vector<CrossEntropyBackward> cpu_softmax_cross_entropy_backward() { return {{"cpu", on_cpu, backward}}; }
std::vector<Softmax> cpu_softmax() { return {{"cpu", on_cpu, softmax_forward}}; }

}  // namespace cmtl
