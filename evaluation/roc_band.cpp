#include "evaluation/roc_band.hpp"

#include "base/parallel.hpp"
#include "evaluation/bootstrap.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/roc.hpp"

namespace cmtl {

namespace {
constexpr size_t steps = 100;

// Sensitivity at rates 0, 1/steps, ..., 1; on a vertical piece of the curve its upper end.
void sensitivities(const std::vector<RocPoint>& curve, std::vector<std::vector<double>>& at, size_t replicate) {
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
        at[s][replicate] = v;
    }
}
}  // namespace

Curve roc_band(const TaskPredictions& task, int of_class, int replicates, uint64_t seed) {
    const auto scores = class_scores(task, of_class);
    const auto labels = class_labels(task, of_class);
    if (replicates <= 0 || roc_curve(scores, labels).empty()) return {};
    std::vector<std::vector<double>> at(steps + 1, std::vector<double>(size_t(replicates)));
    parallel_ranges(replicates, [&](int64_t begin, int64_t end) {
        std::vector<double> drawn_scores;
        std::vector<int> drawn_labels;
        for (int64_t r = begin; r < end; ++r) {
            drawn_scores.clear(), drawn_labels.clear();
            for (const size_t i : bootstrap_cases(labels, seed, uint64_t(r)))
                drawn_scores.push_back(scores[i]), drawn_labels.push_back(labels[i]);
            sensitivities(roc_curve(drawn_scores, drawn_labels, true), at, size_t(r));
        }
    });
    Curve band{"95 % band", {}, {}};
    std::vector<Interval> limits;
    for (const auto& values : at) limits.push_back(percentile_interval(values));
    for (size_t s = 0; s <= steps; ++s) band.x.push_back(double(s) / steps), band.y.push_back(limits[s].high);
    for (size_t s = steps + 1; s-- > 0;) band.x.push_back(double(s) / steps), band.y.push_back(limits[s].low);
    return band;
}

}  // namespace cmtl
