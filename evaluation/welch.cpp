#include "evaluation/welch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.hpp"
#include "evaluation/distributions.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
}  // namespace

GroupSummary summarise(std::span<const double> values) {
    GroupSummary g;
    double sum = 0, first = nan, largest = 0;
    bool constant = true;
    for (const double v : values) {
        if (std::isnan(v)) continue;
        if (++g.count == 1) first = v;
        constant = constant && v == first;
        largest = std::max(largest, std::abs(v));
    }
    if (g.count == 0) return {0, nan, nan};
    // Values are taken in units of the largest: squares of features of 1e200 would be infinite.
    const double unit = largest > 0 ? largest : 1;
    for (const double v : values)
        if (!std::isnan(v)) sum += (v - first) / unit;
    const double mean = sum / double(g.count);
    double squares = 0, rest = 0;
    for (const double v : values) {
        if (std::isnan(v)) continue;
        const double d = (v - first) / unit - mean;
        squares += d * d, rest += d;
    }
    g.mean = constant ? first : first + unit * mean;
    g.variance = g.count < 2 ? nan
                 : constant  ? 0
                             : (squares - rest * rest / double(g.count)) / double(g.count - 1) * unit * unit;
    return g;
}

WelchAnova welch_anova(std::span<const GroupSummary> groups) {
    WelchAnova result{nan, nan, nan, nan, {}};
    double k = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
        if (groups[g].count == 0) continue;
        k += 1;
        if (!result.reason.empty()) continue;
        if (groups[g].count < 2)
            result.reason = "a group has a single value";
        else if (groups[g].variance == 0)
            result.reason = "a group is constant";
        else if (!std::isfinite(groups[g].variance))
            result.reason = "a group has infinite values";
    }
    if (k < 2) result.reason = "fewer than two groups have values";
    if (!result.reason.empty()) return result;
    double total = 0, mean = 0;
    for (const GroupSummary& g : groups)
        if (g.count) total += double(g.count) / g.variance;
    // Relative to the first mean, which keeps the digits of differences between large means.
    const double origin = std::find_if(groups.begin(), groups.end(), [](const auto& g) { return g.count > 0; })->mean;
    for (const GroupSummary& g : groups)
        if (g.count) mean += double(g.count) / g.variance / total * (g.mean - origin);
    double between = 0, lambda = 0;
    for (const GroupSummary& g : groups) {
        if (g.count == 0) continue;
        const double w = double(g.count) / g.variance, d = g.mean - origin - mean;
        between += w * d * d;
        lambda += (1 - w / total) * (1 - w / total) / double(g.count - 1);
    }
    result.df1 = k - 1;
    result.df2 = (k * k - 1) / (3 * lambda);
    result.f = between / (k - 1) / (1 + 2 * (k - 2) / (k * k - 1) * lambda);
    result.p = f_survival(result.f, result.df1, result.df2);
    return result;
}

std::vector<PairComparison> compare_pairs(std::span<const GroupSummary> groups, PostHoc method) {
    const auto k = static_cast<int>(std::count_if(groups.begin(), groups.end(), [](const auto& g) { return g.count; }));
    std::vector<PairComparison> pairs;
    for (size_t i = 0; i < groups.size(); ++i)
        for (size_t j = i + 1; j < groups.size(); ++j) {
            const GroupSummary &a = groups[i], &b = groups[j];
            if (a.count == 0 || b.count == 0) continue;
            PairComparison c{i, j, a.mean - b.mean, nan, nan, nan, {}};
            const double va = a.variance / double(a.count), vb = b.variance / double(b.count), v = va + vb;
            if (a.count < 2 || b.count < 2) {
                c.reason = "a group has a single value";
            } else if (v == 0) {
                c.reason = "both groups are constant";
            } else if (!std::isfinite(v)) {
                c.reason = "a group has infinite values";
            } else {
                const double sa = va / v, sb = vb / v;
                c.t = c.difference / std::sqrt(v);
                c.df = 1 / (sa * sa / double(a.count - 1) + sb * sb / double(b.count - 1));
                c.p = method == PostHoc::games_howell
                          ? studentized_range_survival(std::abs(c.t) * std::numbers::sqrt2, k, c.df)
                          : maximum_modulus_survival(std::abs(c.t), k * (k - 1) / 2, c.df);
            }
            pairs.push_back(std::move(c));
        }
    return pairs;
}

PostHoc post_hoc_named(std::string_view name) {
    if (name == "games-howell") return PostHoc::games_howell;
    if (name == "dunnett-t3") return PostHoc::dunnett_t3;
    fail(ErrorKind::usage, "welch", "'{}' is no post-hoc test: games-howell or dunnett-t3", name);
}

}  // namespace cmtl
