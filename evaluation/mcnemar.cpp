#include "evaluation/mcnemar.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "evaluation/distributions.hpp"

namespace cmtl {

McNemarTest mcnemar_test(int64_t only_a, int64_t only_b) {
    McNemarTest t{only_a, only_b};
    const double n = double(only_a + only_b);
    if (n <= 0) return t;
    t.p_exact = std::min(1.0, 2 * binomial_cdf(double(std::min(only_a, only_b)), n, 0.5));
    const double excess = double(std::abs(only_a - only_b)) - 1;
    t.statistic = excess * excess / n;
    t.p_corrected = chi_square_survival(t.statistic, 1);
    return t;
}

McNemarTest mcnemar_test(std::span<const int> predicted_a, std::span<const int> predicted_b,
                         std::span<const int> labels) {
    require(predicted_a.size() == labels.size() && predicted_b.size() == labels.size(), "mcnemar",
            "{} and {} predictions of {} cases", predicted_a.size(), predicted_b.size(), labels.size());
    int64_t only_a = 0, only_b = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] < 0) continue;
        const bool a = predicted_a[i] == labels[i], b = predicted_b[i] == labels[i];
        only_a += a && !b, only_b += b && !a;
    }
    return mcnemar_test(only_a, only_b);
}

}  // namespace cmtl
