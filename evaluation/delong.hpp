#pragma once
// Do two models differ in AUC on the same cases?
#include <span>

#include "evaluation/roc.hpp"

namespace cmtl {

// The paired test of DeLong et al. (Biometrics 1988), by mid-ranks in O(n log n); agrees with pROC's
// roc.test(paired = TRUE, method = "delong"). Scores belong to the same cases in the same order; labels as in roc.hpp.
// Fields are NaN where an AUC is not defined or a class has fewer than two members. Models whose placements differ by
// nothing but a constant have no variance to measure a difference by: z is 0 and p is 1 where the AUCs are equal, z
// infinite and p 0 where they are not.
struct DelongTest {
    double auc_a, auc_b;
    double difference;  // a - b
    double variance;    // of the difference
    Interval interval;  // of the difference, normal, cut to [-1, 1]
    double z, p;        // p: two-sided
};
DelongTest delong_test(std::span<const double> scores_a, std::span<const double> scores_b, std::span<const int> labels,
                       double level = 0.95);

}  // namespace cmtl
