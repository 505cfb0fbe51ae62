#pragma once
// One line through the cubic B-spline: coefficients by the two recursions on the line with its ends repeated 12 times,
// then four of them for each output. Every operation rounded by itself, in this order.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace cmtl::reference {

// taps[o].first and .weight[4] say what output o reads.
template <class Tap>
std::vector<float> resample_spline(const std::vector<float>& line, const std::vector<Tap>& taps) {
    constexpr int64_t pad = 12;
    const int64_t in = static_cast<int64_t>(line.size()), n = in + 2 * pad;
    const double z = std::sqrt(3.0) - 2, gain = (1 - z) * (1 - 1 / z);
    std::vector<double> c;
    for (int64_t i = 0; i < n; ++i)
        c.push_back(static_cast<double>(line[static_cast<size_t>(std::clamp<int64_t>(i - pad, 0, in - 1))]) * gain);
    double first = 0, power = z;
    for (size_t i = 0; i < std::min<size_t>(c.size(), 40); ++i) {
        first += power * c[i];
        power *= z;
    }
    c[0] += first;
    for (size_t i = 1; i < c.size(); ++i) c[i] += z * c[i - 1];
    c.back() *= z / (z - 1);
    for (size_t i = c.size() - 1; i-- > 0;) c[i] = z * (c[i + 1] - c[i]);
    std::vector<float> out;
    for (const Tap& tap : taps) {
        const double* a = c.data() + tap.first;
        out.push_back(static_cast<float>(tap.weight[0] * a[0] + tap.weight[1] * a[1] + tap.weight[2] * a[2] +
                                         tap.weight[3] * a[3]));
    }
    return out;
}

}  // namespace cmtl::reference
