#include "evaluation/curve_bands.hpp"

#include <fmt/format.h>

#include <functional>

#include "base/parallel.hpp"
#include "evaluation/bootstrap.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/precision_recall.hpp"
#include "evaluation/roc.hpp"

namespace cmtl {

namespace {
constexpr size_t steps = 100;

// Writes a curve's heights at 0, 1/steps, ..., 1. Both classes have members.
using Reader =
    std::function<void(const std::vector<double>& scores, const std::vector<int>& labels, std::span<double> heights)>;

Curve band(const TaskPredictions& task, int of_class, int replicates, uint64_t seed, const Reader& read) {
    const auto scores = class_scores(task, of_class);
    const auto labels = class_labels(task, of_class);
    if (replicates <= 0 || roc_curve(scores, labels).empty()) return {};
    std::vector<std::vector<double>> at(steps + 1, std::vector<double>(size_t(replicates)));
    parallel_ranges(replicates, [&](int64_t begin, int64_t end) {
        std::vector<double> drawn_scores, heights(steps + 1);
        std::vector<int> drawn_labels;
        for (int64_t r = begin; r < end; ++r) {
            drawn_scores.clear(), drawn_labels.clear();
            for (const size_t i : bootstrap_cases(labels, seed, uint64_t(r)))
                drawn_scores.push_back(scores[i]), drawn_labels.push_back(labels[i]);
            read(drawn_scores, drawn_labels, heights);
            for (size_t s = 0; s <= steps; ++s) at[s][size_t(r)] = heights[s];
        }
    });
    Curve outline{fmt::format("middle 95 % of {} bootstrap replicates", replicates), {}, {}};
    std::vector<Interval> limits;
    for (const auto& values : at) limits.push_back(percentile_interval(values));
    for (size_t s = 0; s <= steps; ++s) outline.x.push_back(double(s) / steps), outline.y.push_back(limits[s].high);
    for (size_t s = steps + 1; s-- > 0;) outline.x.push_back(double(s) / steps), outline.y.push_back(limits[s].low);
    return outline;
}

void read_sensitivities(const std::vector<double>& scores, const std::vector<int>& labels, std::span<double> heights) {
    const auto curve = roc_curve(scores, labels, true);
    size_t next = 0;
    for (size_t s = 0; s <= steps; ++s) {
        const double rate = double(s) / steps;
        while (next < curve.size() && curve[next].false_positive_rate <= rate) ++next;
        double v = curve[next - 1].true_positive_rate;
        if (next < curve.size()) {
            const RocPoint &a = curve[next - 1], &b = curve[next];
            v += (rate - a.false_positive_rate) / (b.false_positive_rate - a.false_positive_rate) *
                 (b.true_positive_rate - a.true_positive_rate);
        }
        heights[s] = v;
    }
}

void read_precisions(const std::vector<double>& scores, const std::vector<int>& labels, std::span<double> heights) {
    const auto curve = precision_recall_curve(scores, labels);
    size_t at = 0;
    for (size_t s = 0; s <= steps; ++s) {
        // Equal ratios of whole numbers are equal doubles.
        while (curve[at].recall < double(s) / steps || curve[at].recall == 0) ++at;
        heights[s] = curve[at].precision;
    }
}
}  // namespace

Curve roc_band(const TaskPredictions& task, int of_class, int replicates, uint64_t seed) {
    return band(task, of_class, replicates, seed, read_sensitivities);
}

Curve precision_recall_band(const TaskPredictions& task, int of_class, int replicates, uint64_t seed) {
    return band(task, of_class, replicates, seed, read_precisions);
}

}  // namespace cmtl
