#pragma once
// Do two models differ in accuracy on the same cases?
#include <cstdint>
#include <span>

namespace cmtl {

// McNemar's test of the cases that one model alone gets right. Agrees with statsmodels' mcnemar(exact=True) and
// mcnemar(exact=False, correction=True). No such case: p is 1, the statistic 0.
struct McNemarTest {
    int64_t only_a = 0, only_b = 0;  // right by one model alone
    double p_exact = 1;              // two-sided binomial
    double statistic = 0;            // (|only_a - only_b| - 1)^2 / (only_a + only_b)
    double p_corrected = 1;          // chi-square, one degree of freedom
};
McNemarTest mcnemar_test(int64_t only_a, int64_t only_b);

// Predicted classes and labels of the same cases; negative labels are left out.
McNemarTest mcnemar_test(std::span<const int> predicted_a, std::span<const int> predicted_b,
                         std::span<const int> labels);

}  // namespace cmtl
