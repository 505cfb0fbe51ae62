#pragma once
// A value's grey level: the number of edges low + i * step, each rounded as it is written, that are not above it; 1 to
// `most`.
#include <algorithm>

namespace cmtl::reference {

inline int level(double value, double low, double step, int most) {
    int edges = 0;
    for (int i = 0; i < most; ++i) {
        const double product = static_cast<double>(i) * step;
        if (low + product <= value) edges = i + 1;
    }
    return std::max(edges, 1);
}

}  // namespace cmtl::reference
