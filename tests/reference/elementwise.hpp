#pragma once
// torch.relu, torch.add and torch.cat along the channels.
#include "reference/array.hpp"

namespace cmtl::reference {

inline Array relu(const Array& x, Kinks* kinks = nullptr) {
    Array y = x;
    for (double& value : y.values) {
        if (kinks) kinks->note(value > 0);
        if (value < 0) value = 0;  // NaN stays
    }
    return y;
}

inline Array add(const Array& a, const Array& b) {
    Array y = a;
    for (int64_t i = 0; i < y.count(); ++i) y[i] = a[i] + b[i];
    return y;
}

inline Array concat(const std::vector<Array>& parts) {
    int64_t channels = 0;
    for (const Array& part : parts) channels += part.size(-1);
    Sizes sizes = parts.front().sizes;
    sizes.back() = channels;
    Array y(sizes);
    const int64_t rows = y.count() / channels;
    int64_t first = 0;
    for (const Array& part : parts) {
        const int64_t own = part.size(-1);
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < own; ++c) y[r * channels + first + c] = part[r * own + c];
        first += own;
    }
    return y;
}

}  // namespace cmtl::reference
