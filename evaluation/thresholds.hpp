#pragma once
// Thresholds of a score at which a two-class test may be operated. Labels, and what is not defined, as in roc.hpp.
#include <span>

namespace cmtl {

// What a threshold does: a case is called positive when its score is >= threshold. An infinite threshold calls nothing.
struct OperatingPoint {
    double threshold, sensitivity, specificity, ppv, npv, accuracy;
};
OperatingPoint operating_point(std::span<const double> scores, std::span<const int> labels, double threshold);

// The largest sensitivity + specificity - 1 (Youden 1950); of equals the highest threshold.
OperatingPoint youden_point(std::span<const double> scores, std::span<const int> labels);
// The highest threshold whose sensitivity is at least this; and the lowest whose specificity is. Of all such thresholds
// they have the highest specificity, and sensitivity.
OperatingPoint point_at_sensitivity(std::span<const double> scores, std::span<const int> labels, double sensitivity);
OperatingPoint point_at_specificity(std::span<const double> scores, std::span<const int> labels, double specificity);

}  // namespace cmtl
