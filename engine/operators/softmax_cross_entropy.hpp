#pragma once
#include <vector>

#include "engine/context.hpp"

namespace cmtl {

// Mean over the samples with a known label of -log softmax(logits)[label]; 0 when no label is known.
// logits: (N, K) f32; labels: N values in {-1 .. K-1}, -1 unknown. As torch cross_entropy(ignore_index=-1).
// Throws Error(input) for labels out of range.
Tensor softmax_cross_entropy(Context& context, const Tensor& logits, const std::vector<int64_t>& labels);

// Probabilities, not recorded on the tape: (N, K) -> (N, K).
Tensor softmax(Context& context, const Tensor& logits);

}  // namespace cmtl
