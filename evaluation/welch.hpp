#pragma once
// Do groups of unequal variance differ in their mean, and which of them?
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

struct GroupSummary {
    int64_t count = 0;  // of values that are not NaN
    double mean = 0;
    double variance = 0;  // over count - 1; NaN below two values, exactly 0 where all values are equal
};
GroupSummary summarise(std::span<const double> values);

// Welch (Biometrika 1951). Agrees with statsmodels' anova_oneway(use_var="unequal", welch_correction=True) and R's
// oneway.test. Where it is not defined all numbers are NaN and `reason` says why: fewer than two groups have values, or
// a group has fewer than two values, or one of equal values only.
struct WelchAnova {
    double f, df1, df2, p;
    std::string reason;
};
WelchAnova welch_anova(std::span<const GroupSummary> groups);

enum class PostHoc { games_howell, dunnett_t3 };

// Two groups of several, compared with unequal variances: t of the difference with Welch's degrees of freedom. p holds
// for all pairs together: Games-Howell by the studentised range of all groups (agrees with statsmodels'
// pairwise_tukeyhsd(use_var="unequal")), Dunnett's T3 by the studentised maximum modulus of all pairs (Dunnett, JASA
// 1980). NaN with a reason for a pair of which a group has fewer than two values or both are
// constant.
struct PairComparison {
    size_t a, b;        // positions of the groups, a < b
    double difference;  // mean of a - mean of b
    double t, df, p;
    std::string reason;
};
// Groups without values take no part: pairs with them are left out, and they do not count among the groups.
std::vector<PairComparison> compare_pairs(std::span<const GroupSummary> groups, PostHoc method);

// "games-howell", "dunnett-t3"; others are Error(usage).
PostHoc post_hoc_named(std::string_view name);

}  // namespace cmtl
