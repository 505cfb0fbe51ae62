#pragma once
// p values of a family of tests, adjusted for their number.
#include <span>
#include <string_view>
#include <vector>

namespace cmtl {

enum class Adjustment { benjamini_hochberg, holm, bonferroni };

// In the order of `p`; agrees with statsmodels' multipletests (fdr_bh, holm, bonferroni) and R's p.adjust. Tests whose
// p is NaN are no members of the family and stay NaN.
std::vector<double> adjusted_p(std::span<const double> p, Adjustment method);

// "bh", "holm", "bonferroni"; others are Error(usage).
Adjustment adjustment_named(std::string_view name);

}  // namespace cmtl
