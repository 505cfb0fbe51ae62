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

// A sample's weight in the mean: its class' weight, else 1.
double weight_of(const Tensor& weights, int64_t label) {
    return weights.defined() ? static_cast<double>(weights.data<float>()[label]) : 1.0;
}

double known_weight(const Tensor& labels, const Tensor& weights) {
    double sum = 0;
    for (const int64_t label : labels.values<int64_t>())
        if (label >= 0) sum += weight_of(weights, label);
    return sum;
}

void forward(Context&, const CrossEntropyProblem& p, const Tensor& logits, const Tensor& labels, const Tensor& weights,
             const Tensor& loss, const Tensor& probabilities) {
    double total = 0;
    for (int64_t i = 0; i < p.n; ++i) {
        const float* row = logits.data<float>() + i * p.classes;
        const double normaliser = softmax_row(row, probabilities.data<float>() + i * p.classes, p.classes);
        const int64_t label = labels.data<int64_t>()[i];
        if (label >= 0) total += weight_of(weights, label) * (normaliser - static_cast<double>(row[label]));
    }
    const double known = known_weight(labels, weights);
    loss.data<float>()[0] = known > 0 ? static_cast<float>(total / known) : 0.0f;
}

void backward(Context&, const CrossEntropyProblem& p, const Tensor& probabilities, const Tensor& labels,
              const Tensor& weights, const Tensor& dloss, const Tensor& dlogits) {
    const double known = known_weight(labels, weights);
    const float scale = known > 0 ? dloss.data<float>()[0] / static_cast<float>(known) : 0.0f;
    for (int64_t i = 0; i < p.n; ++i) {
        const int64_t label = labels.data<int64_t>()[i];
        const float share =
            label >= 0 && weights.defined() ? static_cast<float>(weight_of(weights, label)) * scale : scale;
        for (int64_t k = 0; k < p.classes; ++k) {
            const int64_t at = i * p.classes + k;
            dlogits.data<float>()[at] =
                label < 0 ? 0.0f : share * (probabilities.data<float>()[at] - (k == label ? 1.0f : 0.0f));
        }
    }
}

Refusal on_cpu(const Context& context, const CrossEntropyProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }

}  // namespace

std::vector<CrossEntropyForward> cpu_softmax_cross_entropy_forward() { return {{"cpu", on_cpu, forward}}; }
std::vector<CrossEntropyBackward> cpu_softmax_cross_entropy_backward() { return {{"cpu", on_cpu, backward}}; }
std::vector<Softmax> cpu_softmax() { return {{"cpu", on_cpu, softmax_forward}}; }

}  // namespace cmtl
