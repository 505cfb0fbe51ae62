#pragma once
// Launchers of softmax and of its cross-entropy with labels. Pointers are device memory; logits and probabilities are f32 (N, K),
// labels i64 (N): -1 unknown, else a class. A label outside -1 .. K-1 makes the loss and its sample's gradients NaN: nothing on
// the device can throw, and a loss that is not a number stops the training step.
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

template <class Target>
void softmax(Stream stream, int64_t n, int64_t classes, const float* logits, float* probabilities);

// loss (1): mean over known labels of -log softmax(logits)[label], 0 without any. weights (K): sum w[label] l / sum
// w[label], 0 where the weights' sum is 0; nullptr: all 1.
template <class Target>
void softmax_cross_entropy_forward(Stream stream, int64_t n, int64_t classes, const float* logits,
                                   const int64_t* labels, const float* weights, float* loss, float* probabilities);

// dlogits = dloss w[label] / sum w[label] * (probabilities - one-hot label), 0 for unknown labels.
template <class Target>
void softmax_cross_entropy_backward(Stream stream, int64_t n, int64_t classes, const float* probabilities,
                                    const int64_t* labels, const float* weights, const float* dloss, float* dlogits);

}  // namespace cmtl::kernels
