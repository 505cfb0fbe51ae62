#pragma once
// How far the ROC and precision-recall curves of another cohort of the same size may lie.
#include <cstdint>

#include "evaluation/report.hpp"

namespace cmtl {

// Pointwise: at 101 places of the horizontal axis the middle 95 % of the curves of bootstrap replicates (bootstrap.hpp,
// stratified by label), named after them. The outline runs along the upper limit and back along the lower one. Empty
// where no curve is defined, or without replicates.

// Sensitivity over false positive rates, interpolated linearly along each replicate's curve; on its vertical pieces the
// upper end.
Curve roc_band(const TaskPredictions& task, int of_class, int replicates, uint64_t seed);

// Precision over recall, read off each replicate's curve as steps: at recall r > 0 the precision at the highest
// threshold that reaches r, at 0 the same just above 0. These are the steps that pages draw, and whose area is
// sklearn.metrics.average_precision_score; a straight line between two points would promise a precision that no
// threshold has (Davis and Goadrich, ICML 2006). Strata have fixed sizes, so precisions are those of the cohort's
// prevalence.
Curve precision_recall_band(const TaskPredictions& task, int of_class, int replicates, uint64_t seed);

}  // namespace cmtl
