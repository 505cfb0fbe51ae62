#pragma once
// Sums of the tasks' losses.
#include <cmath>

#include "reference/array.hpp"

namespace cmtl::reference {

inline Array weighted_sum(const std::vector<Array>& losses, const std::vector<double>& weights) {
    Array total({1});
    for (size_t k = 0; k < losses.size(); ++k) total[0] += weights[k] * losses[k][0];
    return total;
}

// Kendall, Gal and Cipolla, CVPR 2018, classification: sum_k exp(-s_k) loss_k + s_k / 2.
inline Array uncertainty_sum(const std::vector<Array>& losses, const Array& log_variances) {
    Array total({1});
    for (size_t k = 0; k < losses.size(); ++k) {
        const double s = log_variances[static_cast<int64_t>(k)];
        total[0] += std::exp(-s) * losses[k][0] + s / 2;
    }
    return total;
}

}  // namespace cmtl::reference
