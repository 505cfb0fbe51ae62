#pragma once
// torch.nn.functional.cross_entropy(weight, ignore_index=-1), but 0 where no label is known or all of those have weight
// 0.
#include <algorithm>
#include <cmath>

#include "reference/array.hpp"

namespace cmtl::reference {

inline Array softmax(const Array& logits) {
    Array p(logits.sizes);
    for (int64_t n = 0; n < logits.size(0); ++n) {
        double largest = logits(n, 0), sum = 0;
        for (int64_t k = 1; k < logits.size(1); ++k) largest = std::max(largest, logits(n, k));
        for (int64_t k = 0; k < logits.size(1); ++k) sum += p(n, k) = std::exp(logits(n, k) - largest);
        for (int64_t k = 0; k < logits.size(1); ++k) p(n, k) /= sum;
    }
    return p;
}

// logits (N, K), labels in {-1 .. K-1}, weights (K) or none -> one element.
inline Array softmax_cross_entropy(const Array& logits, const std::vector<int64_t>& labels,
                                   const std::vector<double>& weights = {}) {
    double sum = 0, known = 0;
    for (int64_t n = 0; n < logits.size(0); ++n) {
        if (labels[static_cast<size_t>(n)] < 0) continue;
        double largest = logits(n, 0), exponentials = 0;
        for (int64_t k = 1; k < logits.size(1); ++k) largest = std::max(largest, logits(n, k));
        for (int64_t k = 0; k < logits.size(1); ++k) exponentials += std::exp(logits(n, k) - largest);
        const double weight = weights.empty() ? 1.0 : weights[static_cast<size_t>(labels[static_cast<size_t>(n)])];
        sum += weight * (std::log(exponentials) + (largest - logits(n, labels[static_cast<size_t>(n)])));
        known += weight;
    }
    return Array({1}, known > 0 ? sum / known : 0.0);
}

}  // namespace cmtl::reference
