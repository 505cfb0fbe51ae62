#pragma once
// torch.nn.AdaptiveMaxPool3d.
#include <cmath>
#include <limits>

#include "base/axes.hpp"
#include "reference/array.hpp"

namespace cmtl::reference {

// Output o of an axis looks at every input i with floor(o in / out) <= i < (o + 1) in / out. The first of equal values
// in D, H, W order wins; NaN wins. `winners` receives the flat index into x of every output's winner.
inline Array adaptive_max_pool3d(const Array& x, const Axes& out, Kinks* kinks = nullptr,
                                 std::vector<int64_t>* winners = nullptr) {
    const auto under = [](int64_t i, int64_t o, int64_t in, int64_t outs) {
        return i >= o * in / outs && i * outs < (o + 1) * in;
    };
    Array y({x.size(0), out.d, out.h, out.w, x.size(4)});
    for (int64_t n = 0; n < y.size(0); ++n)
        for (int64_t d = 0; d < out.d; ++d)
            for (int64_t h = 0; h < out.h; ++h)
                for (int64_t w = 0; w < out.w; ++w)
                    for (int64_t ch = 0; ch < y.size(4); ++ch) {
                        double best = -std::numeric_limits<double>::infinity();
                        int64_t winner = -1;
                        for (int64_t a = 0; a < x.size(1); ++a)
                            for (int64_t b = 0; b < x.size(2); ++b)
                                for (int64_t c = 0; c < x.size(3); ++c) {
                                    if (!under(a, d, x.size(1), out.d) || !under(b, h, x.size(2), out.h) ||
                                        !under(c, w, x.size(3), out.w))
                                        continue;
                                    const double& value = x(n, a, b, c, ch);
                                    if (winner < 0 || value > best || std::isnan(value)) {
                                        best = value;
                                        winner = &value - x.values.data();
                                    }
                                }
                        y(n, d, h, w, ch) = best;
                        if (kinks) kinks->note(static_cast<uint64_t>(winner));
                        if (winners) winners->push_back(winner);
                    }
    return y;
}

}  // namespace cmtl::reference
