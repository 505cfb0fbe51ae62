#include "evaluation/roc.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// The scores of either class; `defined` is false where no curve exists.
struct Classes {
    std::vector<double> positive, negative;
    bool defined = true;
};

Classes split(std::span<const double> scores, std::span<const int> labels) {
    require(scores.size() == labels.size(), "roc", "{} scores and {} labels", scores.size(), labels.size());
    Classes c;
    for (size_t i = 0; i < scores.size(); ++i) {
        if (labels[i] < 0) continue;
        require(labels[i] <= 1, "roc", "label {} of case {} is not 1, 0 or -1", labels[i], i);
        if (std::isnan(scores[i])) c.defined = false;
        (labels[i] ? c.positive : c.negative).push_back(scores[i]);
    }
    c.defined = c.defined && !c.positive.empty() && !c.negative.empty();
    return c;
}

// Ranks from 1, equal values sharing the mean of theirs.
std::vector<double> mid_ranks(std::span<const double> values) {
    std::vector<size_t> order(values.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
    std::vector<double> ranks(values.size());
    for (size_t i = 0; i < order.size();) {
        size_t j = i;
        while (j < order.size() && values[order[j]] == values[order[i]]) ++j;
        for (size_t k = i; k < j; ++k) ranks[order[k]] = 0.5 * double(i + j + 1);
        i = j;
    }
    return ranks;
}

double mean(std::span<const double> v) { return std::accumulate(v.begin(), v.end(), 0.0) / double(v.size()); }

double sample_variance(std::span<const double> v) {
    const double m = mean(v);
    double sum = 0;
    for (const double x : v) sum += (x - m) * (x - m);
    return sum / double(v.size() - 1);
}
}  // namespace

double auc(std::span<const double> scores, std::span<const int> labels) {
    const Classes c = split(scores, labels);
    if (!c.defined) return nan;
    std::vector<double> all = c.positive;
    all.insert(all.end(), c.negative.begin(), c.negative.end());
    const std::vector<double> ranks = mid_ranks(all);
    const double m = double(c.positive.size()), n = double(c.negative.size());
    // Mann-Whitney U; ranks are multiples of a half, so the sum is exact.
    const double u =
        std::accumulate(ranks.begin(), ranks.begin() + std::ptrdiff_t(c.positive.size()), 0.0) - m * (m + 1) / 2;
    return u / (m * n);
}

Placements placements(std::span<const double> scores, std::span<const int> labels) {
    const Classes c = split(scores, labels);
    if (!c.defined) return {};
    std::vector<double> all = c.positive;
    all.insert(all.end(), c.negative.begin(), c.negative.end());
    const std::vector<double> together = mid_ranks(all), of_positive = mid_ranks(c.positive),
                              of_negative = mid_ranks(c.negative);
    const size_t m = c.positive.size(), n = c.negative.size();
    Placements p;
    for (size_t i = 0; i < m; ++i) p.positive.push_back((together[i] - of_positive[i]) / double(n));
    for (size_t i = 0; i < n; ++i) p.negative.push_back(1 - (together[m + i] - of_negative[i]) / double(m));
    return p;
}

DelongAuc delong_auc(std::span<const double> scores, std::span<const int> labels, double level) {
    require(level > 0 && level < 1, "roc", "confidence level {} is outside (0, 1)", level);
    const Placements p = placements(scores, labels);
    DelongAuc result{auc(scores, labels), nan, {nan, nan}};
    if (p.positive.size() < 2 || p.negative.size() < 2) return result;
    result.variance = sample_variance(p.positive) / double(p.positive.size()) +
                      sample_variance(p.negative) / double(p.negative.size());
    const double half = normal_quantile(0.5 + level / 2) * std::sqrt(result.variance);
    result.interval = {std::max(0.0, result.auc - half), std::min(1.0, result.auc + half)};
    return result;
}

std::vector<RocPoint> roc_curve(std::span<const double> scores, std::span<const int> labels, bool corners_only) {
    const Classes c = split(scores, labels);
    if (!c.defined) return {};
    std::vector<std::pair<double, int>> sorted;
    for (const double s : c.positive) sorted.emplace_back(s, 1);
    for (const double s : c.negative) sorted.emplace_back(s, 0);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first > b.first; });

    struct Count {
        int64_t fp, tp;
        double threshold;
    };
    std::vector<Count> counts{{0, 0, std::numeric_limits<double>::infinity()}};
    for (size_t i = 0; i < sorted.size();) {
        Count next = counts.back();
        next.threshold = sorted[i].first;
        for (; i < sorted.size() && sorted[i].first == next.threshold; ++i) (sorted[i].second ? next.tp : next.fp) += 1;
        // Collinear with the last two points: the middle one goes.
        if (corners_only && counts.size() >= 2) {
            const Count &b = counts.back(), &a = counts[counts.size() - 2];
            if ((b.fp - a.fp) * (next.tp - b.tp) == (next.fp - b.fp) * (b.tp - a.tp)) counts.pop_back();
        }
        counts.push_back(next);
    }
    std::vector<RocPoint> points;
    for (const Count& k : counts)
        points.push_back(
            {double(k.fp) / double(c.negative.size()), double(k.tp) / double(c.positive.size()), k.threshold});
    return points;
}

double normal_quantile(double p) {
    require(p > 0 && p < 1, "roc", "probability {} is outside (0, 1)", p);
    // By symmetry the lower tail, where erfc keeps its digits; called once per interval, so bisection will do.
    if (p > 0.5) return -normal_quantile(1 - p);
    double low = -40, high = 0;
    for (int i = 0; i < 100; ++i) {
        const double middle = 0.5 * (low + high);
        (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

}  // namespace cmtl
