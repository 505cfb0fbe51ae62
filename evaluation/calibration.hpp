#pragma once
// Are probabilities what they say? Cases without a label are left out; NaN where none has one.
#include <cstdint>
#include <vector>

#include "evaluation/predictions.hpp"

namespace cmtl {

// Cases whose probability lies in [low, high), the last bin including 1.
struct ReliabilityBin {
    double low, high;
    int64_t cases;
    double predicted, observed;  // mean probability, and share of cases of which it came true; NaN in an empty bin
};

// Of one class's probability, in bins of equal width; filled bins agree with sklearn.calibration.calibration_curve
// except for probabilities that lie on an edge, which it counts into the bin below.
std::vector<ReliabilityBin> reliability(const TaskPredictions& task, int of_class, int bins = 10);

// Expected calibration error (Guo et al., ICML 2017): of the most probable class's probability, the distance between
// mean probability and accuracy over bins of equal width, weighted by their cases.
double calibration_error(const TaskPredictions& task, int bins = 10);

// Mean squared distance to the truth; two classes: of class 1 alone, more: summed over classes (as
// sklearn.metrics.brier_score_loss).
double brier_score(const TaskPredictions& task);
// Mean -ln of the true class's probability, which counts as no less than 2^-52 (as sklearn.metrics.log_loss).
double log_loss(const TaskPredictions& task);

// Temperature scaling (Guo et al.): softmax(ln p / T). fit_temperature gives the T in [0.01, 100] of least log loss,
// NaN without labels; probabilities of 0 count as 2^-52 in it.
double fit_temperature(const TaskPredictions& task);
TaskPredictions scaled_by_temperature(const TaskPredictions& task, double temperature);

}  // namespace cmtl
