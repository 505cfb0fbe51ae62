#include "evaluation/delong.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "evaluation/distributions.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// The variance of the mean of a - b: the covariance of both models is in it.
double variance_of_difference(const std::vector<double>& a, const std::vector<double>& b) {
    const double n = double(a.size());
    double mean = 0, sum = 0;
    for (size_t i = 0; i < a.size(); ++i) mean += (a[i] - b[i]) / n;
    for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
    return sum / (n - 1) / n;
}
}  // namespace

DelongTest delong_test(std::span<const double> scores_a, std::span<const double> scores_b, std::span<const int> labels,
                       double level) {
    require(level > 0 && level < 1, "delong", "confidence level {} is outside (0, 1)", level);
    DelongTest t{auc(scores_a, labels), auc(scores_b, labels), nan, nan, {nan, nan}, nan, nan};
    t.difference = t.auc_a - t.auc_b;
    const Placements a = placements(scores_a, labels), b = placements(scores_b, labels);
    if (std::isnan(t.difference) || a.positive.size() < 2 || a.negative.size() < 2) return t;
    t.variance = variance_of_difference(a.positive, b.positive) + variance_of_difference(a.negative, b.negative);
    // Placements are sums of 1 / n: equal ones may differ in the last bit.
    const double error = std::sqrt(t.variance) < 1e-14 ? 0 : std::sqrt(t.variance);
    const double difference = std::abs(t.difference) < 1e-14 ? 0 : t.difference;
    t.z = difference == 0 ? 0 : difference / error;
    t.p = std::min(1.0, 2 * normal_survival(std::abs(t.z)));
    const double half = normal_quantile(0.5 + level / 2) * error;
    t.interval = {std::max(-1.0, difference - half), std::min(1.0, difference + half)};
    return t;
}

}  // namespace cmtl
