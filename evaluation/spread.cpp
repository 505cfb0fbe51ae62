#include "evaluation/spread.hpp"

#include <cmath>
#include <limits>

namespace cmtl {

Spread spread(std::span<const double> values) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    if (values.empty()) return {nan, nan};
    const auto n = static_cast<double>(values.size());
    double mean = 0, squares = 0;
    for (const double v : values) mean += v / n;
    for (const double v : values) squares += (v - mean) * (v - mean);
    return {mean, values.size() > 1 ? std::sqrt(squares / (n - 1)) : nan};
}

}  // namespace cmtl
