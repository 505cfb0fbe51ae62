#pragma once
// Softmax and cross-entropy of a batch's few logits: a launch is all they cost, so the loss takes one block and no second pass.
// A thread takes whole samples; sums are in double and in a fixed order (per thread, per warp, then over the warps), whatever the
// GPU.
// Bytes: forward reads N K floats and N labels, writes N K + 1 floats; backward reads as much and writes N K.
#include "kernels/dialect.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/softmax_cross_entropy.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

constexpr int cross_entropy_threads = 256;

// Probabilities of one row; returns log(sum exp(logit)).
__device__ inline double softmax_row(const float* logits, float* probabilities, int64_t classes) {
    float most = logits[0];
    for (int64_t k = 1; k < classes; ++k) most = most < logits[k] ? logits[k] : most;
    const double largest = static_cast<double>(most);
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) sum += exp(static_cast<double>(logits[k]) - largest);
    for (int64_t k = 0; k < classes; ++k)
        probabilities[k] = static_cast<float>(exp(static_cast<double>(logits[k]) - largest) / sum);
    return largest + log(sum);
}

__global__ void softmax_kernel(int64_t n, int64_t classes, const float* logits, float* probabilities) {
    for (int64_t i = first_item(); i < n; i += item_stride()) softmax_row(logits + i * classes, probabilities + i * classes, classes);
}

// A sample's weight in the mean: its class' weight, else 1.
__device__ __forceinline__ double label_weight(const float* weights, int64_t classes, int64_t label) {
    return weights && label >= 0 && label < classes ? static_cast<double>(weights[label]) : 1.0;
}

__global__ void __launch_bounds__(cross_entropy_threads)
    cross_entropy_forward_kernel(int64_t n, int64_t classes, const float* logits, const int64_t* labels,
                                 const float* weights, float* loss, float* probabilities) {
    double total = 0, known = 0;
    for (int64_t i = threadIdx.x; i < n; i += cross_entropy_threads) {
        const double normaliser = softmax_row(logits + i * classes, probabilities + i * classes, classes);
        const int64_t label = labels[i];
        if (label == -1) continue;
        const double weight = label_weight(weights, classes, label);
        known += weight;
        total += label >= 0 && label < classes
                     ? weight * (normaliser - static_cast<double>(logits[i * classes + label]))
                     : nan("");
    }
    total = block_reduce(total, Sum{});
    known = block_reduce(known, Sum{});
    if (threadIdx.x == 0) *loss = known > 0 ? static_cast<float>(total / known) : 0.0f;
}

__global__ void __launch_bounds__(cross_entropy_threads)
    cross_entropy_backward_kernel(int64_t n, int64_t classes, const float* probabilities, const int64_t* labels,
                                  const float* weights, const float* dloss, float* dlogits) {
    double known = 0;
    for (int64_t i = threadIdx.x; i < n; i += cross_entropy_threads)
        if (labels[i] != -1) known += label_weight(weights, classes, labels[i]);
    known = block_reduce(known, Sum{});
    const float scale = known > 0 ? *dloss / static_cast<float>(known) : 0.0f;
    for (int64_t at = threadIdx.x; at < n * classes; at += cross_entropy_threads) {
        const int64_t label = labels[at / classes], k = at % classes;
        const float share = weights ? static_cast<float>(label_weight(weights, classes, label)) * scale : scale;
        float slope = share * (probabilities[at] - (k == label ? 1.0f : 0.0f));
        if (label == -1) slope = 0;
        if (label < -1 || label >= classes) slope = nanf("");
        dlogits[at] = slope;
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
