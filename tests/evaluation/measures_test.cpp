#include "evaluation/measures.hpp"

#include <algorithm>
#include <cmath>

#include "evaluation/agreement.hpp"
#include "evaluation/calibration.hpp"
#include "evaluation/mcnemar.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/precision_recall.hpp"
#include "evaluation/statistics_golden.hpp"
#include "evaluation/thresholds.hpp"

namespace cmtl {
namespace {

using test::agrees;
using test::numbers;
using test::task_of;

const nlohmann::json& cases() { return test::statistics_golden()["measures"]; }

TEST(Measures, AgreeWithScikitLearn) {
    ASSERT_EQ(cases().size(), 4u);
    for (const auto& c : cases()) {
        const TaskPredictions task = task_of(c);
        const auto values = measures_of(task);
        ASSERT_EQ(values.size(), measure_list().size());
        for (const char* key :
             {"auc_micro", "average_precision", "mcc", "kappa", "kappa_quadratic", "brier", "log_loss", "ece"})
            EXPECT_TRUE(agrees(values[measure_index(key)], c[key], 1e-11)) << key;
        const TaskMetrics m = task_metrics(task);
        EXPECT_EQ(values[measure_index("auc")], m.auc);
        EXPECT_EQ(values[measure_index("balanced_accuracy")], m.balanced_accuracy);
        EXPECT_EQ(values[measure_index("npv")], m.npv);
        EXPECT_TRUE(std::isnan(task_metrics(task, MetricIntervals::none).by_class[1].auc_interval.low));
    }
}

TEST(Measures, CasesWithoutLabelChangeNothing) {
    TaskPredictions task = task_of(cases()[2]);
    const auto before = measures_of(task);
    for (const double p : {0.9, 0.05, 0.05}) task.probabilities.push_back(p);
    task.labels.push_back(-1);
    const auto after = measures_of(task);
    for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i], after[i]) << measure_list()[i].key;
    const std::vector<size_t> order{3, 3, 0};
    const TaskPredictions chosen = chosen_cases(task, order);
    EXPECT_EQ(chosen.labels, (std::vector<int>{task.labels[3], task.labels[3], task.labels[0]}));
    EXPECT_EQ(chosen.probability(2, 1), task.probability(0, 1));
}

TEST(Measures, NothingKnownIsNaN) {
    const TaskPredictions none{"T", 3, {0.2, 0.3, 0.5}, {-1}};
    for (const double v : measures_of(none)) EXPECT_TRUE(std::isnan(v));
    EXPECT_TRUE(std::isnan(fit_temperature(none)));
    // One class, all called so: agreement that chance gives, too.
    const TaskPredictions one{"T", 2, {0.9, 0.1, 0.8, 0.2}, {0, 0}};
    const auto values = measures_of(one);
    EXPECT_EQ(values[measure_index("accuracy")], 1);
    for (const char* key : {"auc", "auc_micro", "average_precision", "mcc", "kappa"})
        EXPECT_TRUE(std::isnan(values[measure_index(key)])) << key;
    EXPECT_ANY_THROW(measure_index("roc"));
}

TEST(PrecisionRecall, CurveAgreesWithScikitLearn) {
    for (const auto& c : cases()) {
        const TaskPredictions task = task_of(c);
        const auto curve = precision_recall_curve(class_scores(task, 1), class_labels(task, 1));
        const auto recall = numbers(c["pr"]["recall"]), precision = numbers(c["pr"]["precision"]),
                   thresholds = numbers(c["pr"]["thresholds"]);
        ASSERT_EQ(curve.size(), recall.size());
        EXPECT_TRUE(std::isinf(curve[0].threshold));
        for (size_t i = 0; i < curve.size(); ++i) {
            EXPECT_NEAR(curve[i].recall, recall[i], 1e-14);
            EXPECT_NEAR(curve[i].precision, precision[i], 1e-14);
            if (i) {
                EXPECT_EQ(curve[i].threshold, thresholds[i - 1]);
            }
        }
        EXPECT_TRUE(
            agrees(average_precision(class_scores(task, 1), class_labels(task, 1)), c["average_precision_1"], 1e-13));
    }
}

TEST(Thresholds, AreWhereTheCurveSays) {
    for (const auto& c : cases()) {
        const TaskPredictions task = task_of(c);
        const auto scores = class_scores(task, 1);
        const auto labels = class_labels(task, 1);
        EXPECT_EQ(youden_point(scores, labels).threshold, c["youden"].get<double>());
        const OperatingPoint sensitive = point_at_sensitivity(scores, labels, 0.9);
        EXPECT_EQ(sensitive.threshold, c["at_sensitivity"].get<double>());
        EXPECT_GE(sensitive.sensitivity, 0.9);
        const OperatingPoint specific = point_at_specificity(scores, labels, 0.8);
        EXPECT_EQ(specific.threshold, c["at_specificity"].get<double>());
        EXPECT_GE(specific.specificity, 0.8);
    }
    const std::vector<double> scores{0.1, 0.4, 0.6, 0.9, 0.5};
    const std::vector<int> labels{0, 1, 0, 1, -1};
    const OperatingPoint p = operating_point(scores, labels, 0.4);
    EXPECT_EQ(p.sensitivity, 1);
    EXPECT_EQ(p.specificity, 0.5);
    EXPECT_EQ(p.ppv, 2.0 / 3);
    EXPECT_EQ(p.npv, 1);
    EXPECT_EQ(p.accuracy, 0.75);
    EXPECT_TRUE(std::isinf(point_at_specificity(std::vector<double>{0.5, 0.5}, std::vector<int>{0, 1}, 0.9).threshold));
    EXPECT_TRUE(std::isnan(youden_point(scores, std::vector<int>{1, 1, 1, 1, 1}).threshold));
}

TEST(Calibration, BinsAndTemperatureAgreeWithTheirGoldens) {
    for (const auto& c : cases()) {
        const TaskPredictions task = task_of(c);
        if (!c["reliability"].is_null()) {
            std::vector<ReliabilityBin> filled;
            for (const ReliabilityBin& b : reliability(task, 1))
                if (b.cases) filled.push_back(b);
            const auto observed = numbers(c["reliability"]["observed"]),
                       predicted = numbers(c["reliability"]["predicted"]);
            ASSERT_EQ(filled.size(), observed.size());
            for (size_t b = 0; b < filled.size(); ++b) {
                EXPECT_NEAR(filled[b].observed, observed[b], 1e-14);
                EXPECT_NEAR(filled[b].predicted, predicted[b], 1e-14);
                EXPECT_GE(filled[b].predicted, filled[b].low);
                EXPECT_LT(filled[b].predicted, filled[b].high);
            }
        }
        const double temperature = fit_temperature(task);
        EXPECT_TRUE(agrees(temperature, c["temperature"]));
        const TaskPredictions scaled = scaled_by_temperature(task, temperature);
        EXPECT_TRUE(agrees(log_loss(scaled), c["scaled_log_loss"]));
        EXPECT_LE(log_loss(scaled), log_loss(task));
        for (size_t i = 0; i < task.size(); ++i) EXPECT_EQ(scaled.predicted(i), task.predicted(i));
        // What was scaled needs no more of it; probabilities above 0 come back from any temperature.
        EXPECT_NEAR(fit_temperature(scaled), 1, 1e-6);
        if (!c["reliability"].is_null()) {
            const TaskPredictions back = scaled_by_temperature(scaled, 1 / temperature);
            for (size_t i = 0; i < back.probabilities.size(); ++i)
                EXPECT_NEAR(back.probabilities[i], task.probabilities[i], 1e-12);
        }
    }
}

TEST(Calibration, EdgesAndSeparableCases) {
    const TaskPredictions task{"T", 2, {0, 1, 0.5, 0.5, 1, 0}, {1, 1, 0}};
    const auto bins = reliability(task, 1, 2);
    EXPECT_EQ(bins[0].cases, 1);
    EXPECT_EQ(bins[1].cases, 2);
    EXPECT_EQ(bins[1].observed, 1);
    EXPECT_EQ(bins[1].predicted, 0.75);
    EXPECT_TRUE(std::isnan(reliability(task, 1, 4)[1].observed));
    // Always right: the surer the better, down to the bound.
    EXPECT_NEAR(fit_temperature({"T", 2, {0.4, 0.6, 0.7, 0.3}, {1, 0}}), 0.01, 1e-9);
    EXPECT_NEAR(fit_temperature({"T", 2, {0.4, 0.6, 0.7, 0.3}, {0, 1}}), 100, 1e-5);
    EXPECT_TRUE(std::isfinite(log_loss({"T", 2, {1, 0}, {1}})));
}

TEST(McNemar, AgreesWithStatsmodels) {
    ASSERT_EQ(test::statistics_golden()["mcnemar"].size(), 7u);
    for (const auto& row : test::statistics_golden()["mcnemar"]) {
        const McNemarTest t = mcnemar_test(row[0].get<int64_t>(), row[1].get<int64_t>());
        EXPECT_TRUE(agrees(t.p_exact, row[2])) << row.dump();
        EXPECT_TRUE(agrees(t.statistic, row[3])) << row.dump();
        EXPECT_TRUE(agrees(t.p_corrected, row[4])) << row.dump();
    }
    const McNemarTest none = mcnemar_test(0, 0);
    EXPECT_EQ(none.p_exact, 1);
    EXPECT_EQ(none.p_corrected, 1);
    const McNemarTest t = mcnemar_test(std::vector<int>{0, 1, 1, 2, 0}, std::vector<int>{0, 0, 2, 1, 2},
                                       std::vector<int>{0, 1, 2, 2, -1});
    EXPECT_EQ(t.only_a, 2);
    EXPECT_EQ(t.only_b, 1);
}

}  // namespace
}  // namespace cmtl
