#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/softmax_cross_entropy.hpp"

namespace cmtl {

struct CrossEntropyProblem {
    int64_t n, classes;
    std::string text() const { return fmt::format("{}x{}", n, classes); }
};
// labels: i64 (n); weights: f32 (classes), or undefined
// (logits, labels, weights, loss (1), probabilities)
using CrossEntropyForward =
    Implementation<CrossEntropyProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>;
// (probabilities, labels, weights, dloss (1), dlogits)
using CrossEntropyBackward =
    Implementation<CrossEntropyProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>;
// (logits, probabilities)
using Softmax = Implementation<CrossEntropyProblem, const Tensor&, const Tensor&>;

std::vector<CrossEntropyForward> cpu_softmax_cross_entropy_forward(), gpu_softmax_cross_entropy_forward();
std::vector<CrossEntropyBackward> cpu_softmax_cross_entropy_backward(), gpu_softmax_cross_entropy_backward();
std::vector<Softmax> cpu_softmax(), gpu_softmax();

}  // namespace cmtl
