#include "evaluation/precision_recall.hpp"

#include <cmath>
#include <limits>

#include "evaluation/roc.hpp"

namespace cmtl {

std::vector<PrecisionRecallPoint> precision_recall_curve(std::span<const double> scores, std::span<const int> labels) {
    double positives = 0, negatives = 0;
    for (const int label : labels) positives += label == 1, negatives += label == 0;
    std::vector<PrecisionRecallPoint> points;
    for (const RocPoint& p : roc_curve(scores, labels)) {
        // Rates are ratios of whole numbers: rounding gives those back.
        const double tp = std::round(p.true_positive_rate * positives),
                     fp = std::round(p.false_positive_rate * negatives);
        points.push_back({p.true_positive_rate, tp + fp > 0 ? tp / (tp + fp) : 1, p.threshold});
    }
    return points;
}

double average_precision(std::span<const double> scores, std::span<const int> labels) {
    const auto points = precision_recall_curve(scores, labels);
    if (points.empty()) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0;
    for (size_t i = 1; i < points.size(); ++i) sum += (points[i].recall - points[i - 1].recall) * points[i].precision;
    return sum;
}

}  // namespace cmtl
