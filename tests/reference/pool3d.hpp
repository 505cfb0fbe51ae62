#pragma once
// torch.nn.MaxPool3d, AvgPool3d (count_include_pad) and AdaptiveAvgPool3d(1).
#include <cmath>
#include <limits>

#include "reference/conv3d.hpp"

namespace cmtl::reference {

// Padding never wins; the first of equal values in D, H, W order wins; NaN wins. `winners`, when given, receives the flat
// index into x of every output's winner.
inline Array max_pool3d(const Array& x, const Axes& kernel, const Axes& stride, const Axes& padding, Kinks* kinks = nullptr,
                        std::vector<int64_t>* winners = nullptr) {
    Array y(windows_of(x, kernel, stride, padding, x.size(4)));
    for (int64_t n = 0; n < y.size(0); ++n)
        for (int64_t d = 0; d < y.size(1); ++d)
            for (int64_t h = 0; h < y.size(2); ++h)
                for (int64_t w = 0; w < y.size(3); ++w)
                    for (int64_t ch = 0; ch < y.size(4); ++ch) {
                        double best = -std::numeric_limits<double>::infinity();
                        int64_t winner = -1;
                        for (int64_t a = 0; a < kernel.d; ++a)
                            for (int64_t b = 0; b < kernel.h; ++b)
                                for (int64_t c = 0; c < kernel.w; ++c) {
                                    const int64_t xd = d * stride.d - padding.d + a, xh = h * stride.h - padding.h + b,
                                                  xw = w * stride.w - padding.w + c;
                                    if (xd < 0 || xd >= x.size(1) || xh < 0 || xh >= x.size(2) || xw < 0 || xw >= x.size(3))
                                        continue;
                                    const double& value = x(n, xd, xh, xw, ch);
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

inline Array avg_pool3d(const Array& x, const Axes& kernel, const Axes& stride, const Axes& padding) {
    Array y(windows_of(x, kernel, stride, padding, x.size(4)));
    for (int64_t n = 0; n < y.size(0); ++n)
        for (int64_t d = 0; d < y.size(1); ++d)
            for (int64_t h = 0; h < y.size(2); ++h)
                for (int64_t w = 0; w < y.size(3); ++w)
                    for (int64_t ch = 0; ch < y.size(4); ++ch) {
                        double sum = 0;
                        for (int64_t a = 0; a < kernel.d; ++a)
                            for (int64_t b = 0; b < kernel.h; ++b)
                                for (int64_t c = 0; c < kernel.w; ++c) {
                                    const int64_t xd = d * stride.d - padding.d + a, xh = h * stride.h - padding.h + b,
                                                  xw = w * stride.w - padding.w + c;
                                    if (xd < 0 || xd >= x.size(1) || xh < 0 || xh >= x.size(2) || xw < 0 || xw >= x.size(3))
                                        continue;
                                    sum += x(n, xd, xh, xw, ch);
                                }
                        y(n, d, h, w, ch) = sum / static_cast<double>(kernel.product());
                    }
    return y;
}

// (N, D, H, W, C) -> (N, C).
inline Array global_avg_pool3d(const Array& x) {
    Array y({x.size(0), x.size(4)});
    for (int64_t n = 0; n < x.size(0); ++n)
        for (int64_t c = 0; c < x.size(4); ++c) {
            double sum = 0;
            for (int64_t d = 0; d < x.size(1); ++d)
                for (int64_t h = 0; h < x.size(2); ++h)
                    for (int64_t w = 0; w < x.size(3); ++w) sum += x(n, d, h, w, c);
            y(n, c) = sum / static_cast<double>(x.size(1) * x.size(2) * x.size(3));
        }
    return y;
}

}  // namespace cmtl::reference
