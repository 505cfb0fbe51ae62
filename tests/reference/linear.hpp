#pragma once
// torch.nn.functional.linear.
#include "reference/array.hpp"

namespace cmtl::reference {

// x (N, I), weight (O, I), bias (O) or empty -> (N, O).
inline Array linear(const Array& x, const Array& weight, const Array& bias) {
    Array y({x.size(0), weight.size(0)});
    for (int64_t n = 0; n < x.size(0); ++n)
        for (int64_t o = 0; o < weight.size(0); ++o) {
            double sum = bias.empty() ? 0.0 : bias[o];
            for (int64_t i = 0; i < x.size(1); ++i) sum += x(n, i) * weight(o, i);
            y(n, o) = sum;
        }
    return y;
}

}  // namespace cmtl::reference
