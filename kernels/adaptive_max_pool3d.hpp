#pragma once
// Launchers of the adaptive maximum. Pointers are device memory; layout N, D, H, W, C.
#include <cstdint>

#include "base/axes.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct AdaptiveMaxPool3dSizes {
    int64_t n, channels;
    Axes in, out;  // positions of x and of y, at most 30000 an axis and 2^31 - 1 in all
};

// Window o of an axis: floor(o in / out) up to ceil((o + 1) in / out). The first of equal values wins (in D, H, W
// order), NaN does. winner: the position in the sample's grid, or nullptr.
template <class Target>
void adaptive_max_pool3d_forward(Stream stream, const AdaptiveMaxPool3dSizes& s, const float* x, float* y,
                                 int32_t* winner);
template <class Target>
void adaptive_max_pool3d_backward(Stream stream, const AdaptiveMaxPool3dSizes& s, const float* dy,
                                  const int32_t* winner, float* dx);

}  // namespace cmtl::kernels
