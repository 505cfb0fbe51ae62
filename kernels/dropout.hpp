#pragma once
// Launcher of dropout. Pointers are device memory.
#include <cstdint>

#include "kernels/step_state.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

// y[i] = uniform_float(philox(key, i / 4)[i % 4]) > p ? x[i] / (1 - p) : 0 with 0 <= p < 1: the mask of every other device. It is
// its own backward pass. y may be x.
template <class Target>
void dropout(Stream stream, int64_t count, double p, const DrawKey& key, const float* x, float* y);

// The same for whole channels: x and y are samples of `sample` elements, channels innermost, and channel c of sample n has the
// draw of element n * channels + c.
template <class Target>
void channel_dropout(Stream stream, int64_t count, int64_t sample, int64_t channels, double p, const DrawKey& key, const float* x,
                     float* y);

}  // namespace cmtl::kernels
