#pragma once
// Precision and recall of one score against two classes. Labels, and what is not defined, as in roc.hpp.
#include <span>
#include <vector>

namespace cmtl {

// Cases with a score >= threshold are called positive.
struct PrecisionRecallPoint {
    double recall, precision, threshold;
};

// From (0, 1), whose threshold is infinite, one point per distinct score with falling threshold: the points of
// sklearn.metrics.precision_recall_curve in reverse order.
std::vector<PrecisionRecallPoint> precision_recall_curve(std::span<const double> scores, std::span<const int> labels);

// The mean of precision over steps of recall, not interpolated; agrees with sklearn.metrics.average_precision_score.
double average_precision(std::span<const double> scores, std::span<const int> labels);

}  // namespace cmtl
