#pragma once
// Receiver operating characteristics of one score against two classes.
//
// Everywhere: labels are 1 (positive), 0 (negative) or -1 (unknown: left out); scores and labels have equal length.
// Where a class has no member, or a score that counts is NaN, the result is not defined: NaN (or no points), never an
// error.
#include <span>
#include <vector>

namespace cmtl {

// Area under the curve: the share of positive-negative pairs in which the positive scores higher, a tie counting one
// half. Agrees with sklearn.metrics.roc_auc_score.
double auc(std::span<const double> scores, std::span<const int> labels);

struct Interval {
    double low, high;
};

// AUC with the variance of DeLong et al. (Biometrics 1988), computed by mid-ranks (Sun and Xu, IEEE SPL 2014) in
// O(n log n), and the normal interval of the given level cut to [0, 1], as pROC's ci.auc(method = "delong") gives it.
// The variance needs two members in either class; with fewer it and the interval are NaN.
struct DelongAuc {
    double auc, variance;
    Interval interval;
};
DelongAuc delong_auc(std::span<const double> scores, std::span<const int> labels, double level = 0.95);

// Each positive's share of negatives below it and each negative's share of positives above it, ties halved, in the
// order of the cases; both empty where no curve is defined. Their variances are DeLong's.
struct Placements {
    std::vector<double> positive, negative;
};
Placements placements(std::span<const double> scores, std::span<const int> labels);

// A case is called positive when its score is >= threshold; the first point, (0, 0), has an infinite one.
struct RocPoint {
    double false_positive_rate, true_positive_rate, threshold;
};

// One point per distinct score, from (0, 0) to (1, 1); agrees with sklearn.metrics.roc_curve(drop_intermediate=False).
// `corners_only` leaves out points that lie on the line between their neighbours: the same picture from fewer points.
std::vector<RocPoint> roc_curve(std::span<const double> scores, std::span<const int> labels, bool corners_only = false);

// The value below which a standard normal variable falls with probability p (0 < p < 1).
double normal_quantile(double p);

}  // namespace cmtl
