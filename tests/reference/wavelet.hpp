#pragma once
// The undecimated coif1 wavelet of level 1 along one axis, as PyWavelets' swt sums it: of an (outer, n, inner) array, n
// even, that goes on periodically. What wraps around the end is added first, the highest tap before the others. T:
// float or double; in float PyWavelets' fourth tap is not the rounded one of double.
#include <cstdint>
#include <vector>

namespace cmtl::reference {

template <class T>
std::vector<T> coif1(const std::vector<T>& x, int64_t outer, int64_t n, int64_t inner, bool high_pass) {
    const T large = sizeof(T) == 4 ? static_cast<T>(0.85257196) : static_cast<T>(0.8525720202116004);
    const std::vector<T> low{static_cast<T>(-0.015655728135791993), static_cast<T>(-0.07273261951252645),
                             static_cast<T>(0.3848648468648578),    large,
                             static_cast<T>(0.3378976624574818),    static_cast<T>(-0.07273261951252645)};
    std::vector<T> filter = low;
    if (high_pass)  // the quadrature mirror
        for (size_t k = 0; k < 6; ++k) filter[k] = k % 2 ? low[5 - k] : -low[5 - k];
    std::vector<T> y(x.size());
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t c = 0; c < inner; ++c)
            for (int64_t i = 0; i < n; ++i) {
                const int64_t wrapped = i + 3 - n;  // taps 0 to this one
                T sum = 0;
                const auto add = [&](int64_t k) {
                    const int64_t from = ((i + 3 - k) % n + n) % n;
                    const T product =
                        filter[static_cast<size_t>(k)] * x[static_cast<size_t>((o * n + from) * inner + c)];
                    sum = sum + product;
                };
                for (int64_t k = wrapped; k >= 0; --k) add(k);
                for (int64_t k = wrapped >= 0 ? wrapped + 1 : 0; k < 6; ++k) add(k);
                y[static_cast<size_t>((o * n + i) * inner + c)] = sum;
            }
    return y;
}

}  // namespace cmtl::reference
