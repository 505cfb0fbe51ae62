#pragma once
// The sums behind first-order features, in long double.
#include <cmath>
#include <vector>

namespace cmtl::reference {

struct FirstOrder {
    long double sum = 0, squares = 0;                                // of x, of (x + shift)^2
    long double absolute = 0, second = 0, third = 0, fourth = 0;     // of |x - mean| and powers of x - mean
    long double inner_count = 0, inner_sum = 0, inner_absolute = 0;  // of x in [low, high]; of |x - inner_mean| there
};

inline FirstOrder first_order(const std::vector<double>& values, double shift, double mean, double low, double high,
                              double inner_mean) {
    FirstOrder s;
    for (const double v : values) {
        const long double x = v, away = x - static_cast<long double>(mean);
        s.sum += x;
        s.squares += (x + static_cast<long double>(shift)) * (x + static_cast<long double>(shift));
        s.absolute += std::fabs(away);
        s.second += away * away;
        s.third += away * away * away;
        s.fourth += away * away * away * away;
        if (v < low || v > high) continue;
        s.inner_count += 1;
        s.inner_sum += x;
        s.inner_absolute += std::fabs(x - static_cast<long double>(inner_mean));
    }
    return s;
}

}  // namespace cmtl::reference
