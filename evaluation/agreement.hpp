#pragma once
// Agreement of predicted with true classes beyond what chance gives. NaN where a denominator is 0, as it is where all
// cases are of one class and called so.
#include "evaluation/metrics.hpp"

namespace cmtl {

// Matthews' correlation, for any number of classes; agrees with sklearn.metrics.matthews_corrcoef.
double matthews_correlation(const ConfusionMatrix& confusion);
// Cohen's kappa; `quadratic` weighs a mistake by the square of its distance (for ordered classes). Agrees with
// sklearn.metrics.cohen_kappa_score.
double cohens_kappa(const ConfusionMatrix& confusion, bool quadratic = false);

}  // namespace cmtl
