#pragma once
// torch.nn.functional.dropout in training, with a mask that is a function of (seed, purpose, step).
#include "reference/array.hpp"
#include "reference/random.hpp"

namespace cmtl::reference {

// 1 where element i is kept.
inline Array dropout_mask(const Sizes& sizes, double p, uint64_t seed, uint32_t purpose, uint64_t step) {
    Array mask(sizes);
    for (int64_t i = 0; i < mask.count(); ++i) {
        const Words words = draw(seed, purpose, step, static_cast<uint64_t>(i / 4));
        mask[i] = unit(words[static_cast<size_t>(i % 4)]) > static_cast<float>(p) ? 1.0 : 0.0;
    }
    return mask;
}

inline Array dropout(const Array& x, double p, const Array& mask) {
    Array y = x;
    for (int64_t i = 0; i < y.count(); ++i) y[i] = mask[i] != 0 ? x[i] / (1 - p) : 0.0;
    return y;
}

}  // namespace cmtl::reference
