#include "evaluation/thresholds.hpp"

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "evaluation/roc.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr OperatingPoint undefined{nan, nan, nan, nan, nan, nan};
// Rates are ratios that were rounded once: 0.95 is met by 19 of 20.
constexpr double rounding = 1e-12;
}  // namespace

OperatingPoint operating_point(std::span<const double> scores, std::span<const int> labels, double threshold) {
    require(scores.size() == labels.size(), "thresholds", "{} scores and {} labels", scores.size(), labels.size());
    double tp = 0, fp = 0, tn = 0, fn = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
        if (labels[i] < 0) continue;
        const bool called = scores[i] >= threshold;
        (labels[i] ? (called ? tp : fn) : (called ? fp : tn)) += 1;
    }
    const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : nan; };
    return {threshold,          ratio(tp, tp + fn), ratio(tn, tn + fp),
            ratio(tp, tp + fp), ratio(tn, tn + fn), ratio(tp + tn, tp + fp + tn + fn)};
}

OperatingPoint youden_point(std::span<const double> scores, std::span<const int> labels) {
    const auto curve = roc_curve(scores, labels);
    if (curve.empty()) return undefined;
    const RocPoint* best = &curve.front();
    const auto index = [](const RocPoint& p) { return p.true_positive_rate - p.false_positive_rate; };
    for (const RocPoint& p : curve)
        if (index(p) > index(*best) + rounding) best = &p;
    return operating_point(scores, labels, best->threshold);
}

OperatingPoint point_at_sensitivity(std::span<const double> scores, std::span<const int> labels, double sensitivity) {
    for (const RocPoint& p : roc_curve(scores, labels))
        if (p.true_positive_rate >= sensitivity - rounding) return operating_point(scores, labels, p.threshold);
    return undefined;
}

OperatingPoint point_at_specificity(std::span<const double> scores, std::span<const int> labels, double specificity) {
    const auto curve = roc_curve(scores, labels);
    for (size_t i = curve.size(); i-- > 0;)
        if (1 - curve[i].false_positive_rate >= specificity - rounding)
            return operating_point(scores, labels, curve[i].threshold);
    return undefined;
}

}  // namespace cmtl
