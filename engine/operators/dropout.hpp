#pragma once
#include "engine/context.hpp"
#include "engine/random.hpp"

namespace cmtl {

// Zeroes each element with probability p and scales the rest by 1 / (1 - p). Element i (in NDHWC order) is kept when
// uniform_float(philox(key, i / 4)[i % 4]) > p: the same mask on every device. p = 0 returns x itself.
// Throws Error(internal) unless 0 <= p < 1.
Tensor dropout(Context& context, const Tensor& x, double p, const RandomKey& key);

// Zeroes whole channels of a sample, as torch.nn.Dropout3d: what dropout() does to the N x C channels of x (N, ..., C),
// each of which keeps or loses all its elements.
Tensor channel_dropout(Context& context, const Tensor& x, double p, const RandomKey& key);

}  // namespace cmtl
