#include "evaluation/curve_bands.hpp"

#include <algorithm>
#include <functional>

#include "evaluation/bootstrap.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/statistics_golden.hpp"

namespace cmtl {
namespace {

// The precision at the highest threshold that calls s per cent of the positives, and at least one: by counting cases,
// without a curve.
double precision_by_counting(const std::vector<double>& scores, const std::vector<int>& labels, int64_t s) {
    const int64_t positives = std::count(labels.begin(), labels.end(), 1);
    auto thresholds = scores;
    std::sort(thresholds.begin(), thresholds.end(), std::greater());
    for (const double t : thresholds) {
        int64_t tp = 0, all = 0;
        for (size_t i = 0; i < scores.size(); ++i)
            if (scores[i] >= t) ++all, tp += labels[i];
        if (tp > 0 && 100 * tp >= s * positives) return double(tp) / double(all);
    }
    return -1;
}

// numpy.percentile of values in any order.
double percentile(std::vector<double> values, double percent) {
    std::sort(values.begin(), values.end());
    const double at = percent / 100 * double(values.size() - 1);
    const auto low = size_t(at);
    return low + 1 < values.size() ? values[low] + (at - double(low)) * (values[low + 1] - values[low]) : values[low];
}

TEST(PrecisionRecallBand, IsTheMiddleOfReplicatesReadByCounting) {
    constexpr int replicates = 60;
    // The golden tables: untied and tied scores, and one class of three; a case without a label in each.
    for (const size_t table : {0, 1, 2}) {
        TaskPredictions task = test::task_of(test::statistics_golden()["measures"][table]);
        task.labels[3] = -1;
        const auto scores = class_scores(task, 1);
        const auto labels = class_labels(task, 1);
        const Curve band = precision_recall_band(task, 1, replicates, 9);
        ASSERT_EQ(band.x.size(), 202u);
        EXPECT_EQ(band.name, "middle 95 % of 60 bootstrap replicates");
        std::vector<std::vector<double>> heights(101);
        for (uint64_t r = 0; r < replicates; ++r) {
            std::vector<double> drawn;
            std::vector<int> known;
            for (const size_t i : bootstrap_cases(labels, 9, r)) drawn.push_back(scores[i]), known.push_back(labels[i]);
            for (int64_t s = 0; s <= 100; ++s) heights[size_t(s)].push_back(precision_by_counting(drawn, known, s));
        }
        for (size_t s = 0; s <= 100; ++s) {
            EXPECT_EQ(band.x[s], double(s) / 100);
            EXPECT_EQ(band.x[201 - s], band.x[s]);
            EXPECT_NEAR(band.y[s], percentile(heights[s], 97.5), 1e-12) << table << " at " << s;
            EXPECT_NEAR(band.y[201 - s], percentile(heights[s], 2.5), 1e-12) << table << " at " << s;
        }
    }
}

// Ten negatives above all forty positives: no draw differs, and 40 of 50 calls are right at any recall, also just above
// 0, where the curve comes up from precision 0.
TEST(PrecisionRecallBand, IsALineWhereDrawsCannotDiffer) {
    TaskPredictions task{"CT", 2, {}, {}};
    for (int i = 0; i < 50; ++i) {
        const double q = i < 10 ? 0.9 : 0.3;
        task.labels.push_back(i >= 10);
        task.probabilities.insert(task.probabilities.end(), {1 - q, q});
    }
    for (const double y : precision_recall_band(task, 1, 40, 1).y) EXPECT_EQ(y, 0.8);
}

TEST(PrecisionRecallBand, IsEmptyWhereNoCurveIs) {
    const TaskPredictions task{"CT", 2, {0.5, 0.5, 0.4, 0.6}, {0, 1}};
    EXPECT_FALSE(precision_recall_band(task, 1, 5, 2).x.empty());
    EXPECT_TRUE(precision_recall_band(task, 1, 0, 2).x.empty());
    EXPECT_TRUE(precision_recall_band({"CT", 2, {0.5, 0.5}, {1}}, 1, 50, 2).x.empty());
}

}  // namespace
}  // namespace cmtl
