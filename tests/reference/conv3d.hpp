#pragma once
// torch.nn.functional.conv3d: cross-correlation with zero padding.
#include "base/axes.hpp"
#include "reference/array.hpp"

namespace cmtl::reference {

inline int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding) {
    return (size + 2 * padding - kernel) / stride + 1;
}

// Sizes of what windows over x's grid make, `channels` each.
inline Sizes windows_of(const Array& x, const Axes& kernel, const Axes& stride, const Axes& padding, int64_t channels) {
    return {x.size(0), window_count(x.size(1), kernel.d, stride.d, padding.d),
            window_count(x.size(2), kernel.h, stride.h, padding.h), window_count(x.size(3), kernel.w, stride.w, padding.w),
            channels};
}

// x (N, D, H, W, I), weight (O, kD, kH, kW, I), bias (O) or empty.
inline Array conv3d(const Array& x, const Array& weight, const Array& bias, const Axes& stride, const Axes& padding) {
    const Axes k{weight.size(1), weight.size(2), weight.size(3)};
    const int64_t inputs = x.size(4), outputs = weight.size(0);
    Array y(windows_of(x, k, stride, padding, outputs));
    for (int64_t n = 0; n < y.size(0); ++n)
        for (int64_t d = 0; d < y.size(1); ++d)
            for (int64_t h = 0; h < y.size(2); ++h)
                for (int64_t w = 0; w < y.size(3); ++w)
                    for (int64_t o = 0; o < outputs; ++o) {
                        double sum = bias.empty() ? 0.0 : bias[o];
                        for (int64_t a = 0; a < k.d; ++a)
                            for (int64_t b = 0; b < k.h; ++b)
                                for (int64_t c = 0; c < k.w; ++c) {
                                    const int64_t xd = d * stride.d - padding.d + a, xh = h * stride.h - padding.h + b,
                                                  xw = w * stride.w - padding.w + c;
                                    if (xd < 0 || xd >= x.size(1) || xh < 0 || xh >= x.size(2) || xw < 0 || xw >= x.size(3))
                                        continue;
                                    const double* px = &x(n, xd, xh, xw, 0);
                                    const double* pw = &weight(o, a, b, c, 0);
                                    for (int64_t i = 0; i < inputs; ++i) sum += px[i] * pw[i];
                                }
                        y(n, d, h, w, o) = sum;
                    }
    return y;
}

}  // namespace cmtl::reference
