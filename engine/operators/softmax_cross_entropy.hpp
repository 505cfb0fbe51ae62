#pragma once
#include <vector>

#include "engine/context.hpp"

namespace cmtl {

// Labels as the operators take them: i64 (N) on the context's device. Throws Error(input) for one outside {-1 .. classes-1}.
Tensor class_labels(Context& context, const std::vector<int64_t>& labels, int64_t classes);

// Mean over the samples with a known label of -log softmax(logits)[label]; 0 when no label is known.
// logits: (N, K) f32; labels: i64 (N), values in {-1 .. K-1}, -1 unknown. weights: f32 (K), a factor for each class,
// none below 0: sum w[label] loss / sum w[label] over the known labels, and 0 where that sum is 0; undefined: all 1. As
// torch cross_entropy(weight, ignore_index=-1), which gives NaN in place of that 0. The second form takes labels from
// the host, as class_labels().
Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const Tensor& labels, const Tensor& weights = {});
Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::vector<int64_t>& labels,
                             const Tensor& weights = {});

// Probabilities, not recorded on the tape: (N, K) -> (N, K).
Tensor softmax(Context& context, const Tensor& logits);

}  // namespace cmtl
