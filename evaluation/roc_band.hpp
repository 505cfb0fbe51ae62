#pragma once
// How far the ROC curve of another cohort of the same size may lie.
#include <cstdint>

#include "evaluation/report.hpp"

namespace cmtl {

// Pointwise: at 101 false positive rates the middle 95 % of the sensitivities of bootstrap replicates (bootstrap.hpp,
// stratified by label), interpolated linearly along each replicate's curve. The outline runs along the upper limit and
// back along the lower one. Empty where no curve is defined, or without replicates.
Curve roc_band(const TaskPredictions& task, int of_class, int replicates, uint64_t seed);

}  // namespace cmtl
