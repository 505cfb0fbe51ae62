#include "evaluation/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.hpp"

namespace cmtl {
namespace {

using nlohmann::json;

const json& golden() {
    static const json g = json::parse(read_file(CMTL_SOURCE_DIR "/tests/evaluation/metrics_sklearn.json"));
    return g;
}

TaskPredictions task_of(const json& c) {
    return {c["name"], c["classes"], c["probabilities"].get<std::vector<double>>(),
            c["labels"].get<std::vector<int>>()};
}

// The defined measures are ratios of small integers, sums of them or means: a few units in the last place.
void expect_near(double got, const json& want, const std::string& what) {
    EXPECT_NEAR(got, want.get<double>(), 1e-14) << what;
}

TEST(Metrics, AgreeWithScikitLearn) {
    ASSERT_EQ(golden()["cases"].size(), 5u);
    for (const json& c : golden()["cases"]) {
        const std::string name = c["name"];
        const TaskMetrics m = task_metrics(task_of(c));
        EXPECT_EQ(m.cases, c["cases"].get<int64_t>());
        EXPECT_EQ(m.confusion.counts, c["confusion"].get<std::vector<int64_t>>()) << name;
        expect_near(m.auc, c["auc"], name + " auc");
        expect_near(m.accuracy, c["accuracy"], name + " accuracy");
        expect_near(m.balanced_accuracy, c["balanced_accuracy"], name + " balanced accuracy");
        expect_near(m.f1, c["f1"], name + " f1");
        expect_near(m.ppv, c["ppv"], name + " ppv");
        for (int k = 0; k < m.classes; ++k) {
            const ClassMetrics& got = m.by_class[size_t(k)];
            const json& want = c["by_class"][size_t(k)];
            const std::string what = name + " class " + std::to_string(k) + " ";
            EXPECT_EQ(got.support, want["support"].get<int64_t>()) << what;
            expect_near(got.auc, want["auc"], what + "auc");
            expect_near(got.auc_interval.low, want["delong"]["low"], what + "low");
            expect_near(got.auc_interval.high, want["delong"]["high"], what + "high");
            expect_near(got.sensitivity, want["sensitivity"], what + "sensitivity");
            expect_near(got.specificity, want["specificity"], what + "specificity");
            expect_near(got.ppv, want["ppv"], what + "ppv");
            expect_near(got.npv, want["npv"], what + "npv");
            expect_near(got.f1, want["f1"], what + "f1");
        }
        if (m.classes == 2) {
            EXPECT_EQ(m.sensitivity, m.by_class[1].sensitivity);
            EXPECT_EQ(m.specificity, m.by_class[1].specificity);
            EXPECT_EQ(m.npv, m.by_class[1].npv);
            EXPECT_EQ(m.auc_interval.low, m.by_class[1].auc_interval.low);
        } else {
            EXPECT_TRUE(std::isnan(m.auc_interval.low));
        }
    }
}

TEST(Roc, CurveAndDelongAgreeWithScikitLearnAndTheDefinition) {
    size_t all_points = 0, all_corners = 0;
    for (const json& c : golden()["cases"]) {
        const TaskPredictions task = task_of(c);
        for (int k = 0; k < task.classes; ++k) {
            std::vector<double> scores;
            std::vector<int> labels;
            for (size_t i = 0; i < task.size(); ++i) {
                scores.push_back(task.probability(i, k));
                labels.push_back(task.labels[i] < 0 ? -1 : task.labels[i] == k);
            }
            const json& want = c["by_class"][size_t(k)];
            expect_near(delong_auc(scores, labels).variance, want["delong"]["variance"], "variance");
            const auto curve = roc_curve(scores, labels);
            ASSERT_EQ(curve.size(), want["roc"]["fpr"].size());
            double area = 0;
            for (size_t i = 0; i < curve.size(); ++i) {
                expect_near(curve[i].false_positive_rate, want["roc"]["fpr"][i], "fpr");
                expect_near(curve[i].true_positive_rate, want["roc"]["tpr"][i], "tpr");
                if (i == 0) {
                    EXPECT_EQ(curve[i].threshold, std::numeric_limits<double>::infinity());
                } else {
                    EXPECT_EQ(curve[i].threshold, want["roc"]["thresholds"][i].get<double>());
                }
            }
            // Corners alone enclose the same area, from fewer points.
            const auto corners = roc_curve(scores, labels, true);
            for (size_t i = 1; i < corners.size(); ++i)
                area += (corners[i].false_positive_rate - corners[i - 1].false_positive_rate) *
                        (corners[i].true_positive_rate + corners[i - 1].true_positive_rate) / 2;
            expect_near(area, want["auc"], "area of corners");
            EXPECT_LE(corners.size(), curve.size());
            all_points += curve.size();
            all_corners += corners.size();
            EXPECT_EQ(corners.back().true_positive_rate, 1);
            EXPECT_EQ(corners.back().false_positive_rate, 1);
        }
    }
    EXPECT_LT(2 * all_corners, all_points * 3 / 2);
}

TEST(Roc, NormalQuantileAgreesWithScipy) {
    for (const json& q : golden()["quantiles"])
        EXPECT_NEAR(normal_quantile(q[0].get<double>()), q[1].get<double>(),
                    1e-12 * std::abs(q[1].get<double>()) + 1e-15);
}

TEST(Roc, NotDefinedIsNaNAndNoCurve) {
    const double nan = std::nan("");
    const std::vector<std::pair<std::vector<double>, std::vector<int>>> inputs = {{{}, {}},
                                                                                  {{0.1, 0.9}, {1, 1}},
                                                                                  {{0.1, 0.9}, {0, 0}},
                                                                                  {{0.1, 0.9}, {-1, 1}},
                                                                                  {{0.1, 0.9}, {-1, -1}},
                                                                                  {{nan, 0.9}, {0, 1}}};
    for (const auto& [scores, labels] : inputs) {
        EXPECT_TRUE(std::isnan(auc(scores, labels)));
        EXPECT_TRUE(std::isnan(delong_auc(scores, labels).variance));
        EXPECT_TRUE(std::isnan(delong_auc(scores, labels).interval.low));
        EXPECT_TRUE(roc_curve(scores, labels).empty());
    }
    // A NaN that belongs to a case without label does no harm; one case per class has an AUC and no variance.
    const std::vector<double> scores{nan, 0.9, 0.2};
    const std::vector<int> labels{-1, 1, 0};
    EXPECT_EQ(auc(scores, labels), 1);
    EXPECT_TRUE(std::isnan(delong_auc(scores, labels).variance));
}

TEST(Metrics, OneClassOrNoLabelsNeverFails) {
    TaskPredictions task{"CT", 2, {0.4, 0.6, 0.7, 0.3, 0.5, 0.5}, {1, 1, 1}};
    TaskMetrics m = task_metrics(task);
    EXPECT_TRUE(std::isnan(m.auc));
    EXPECT_TRUE(std::isnan(m.specificity));
    EXPECT_EQ(m.npv, 0);                         // two called negative, none is
    EXPECT_NEAR(m.sensitivity, 1.0 / 3, 1e-15);  // of equal probabilities the lower class is taken
    EXPECT_EQ(m.ppv, 1);
    EXPECT_TRUE(to_json(m)["auc"].is_null());
    EXPECT_TRUE(to_json(m)["auc_ci_delong"].is_null());
    EXPECT_NO_THROW(to_json(m).dump());

    task.labels = {-1, -1, -1};
    m = task_metrics(task);
    EXPECT_EQ(m.cases, 0);
    for (const double v : {m.auc, m.accuracy, m.balanced_accuracy, m.sensitivity, m.specificity, m.ppv, m.npv, m.f1})
        EXPECT_TRUE(std::isnan(v));
    EXPECT_TRUE(std::isnan(mean_auc({m})));
    EXPECT_TRUE(std::isnan(mean_auc({})));

    // Three classes, one of them absent: the macro AUC is the mean of the two that are defined.
    const TaskPredictions three{"Severity", 3, {0.8, 0.1, 0.1, 0.2, 0.5, 0.3, 0.3, 0.4, 0.3}, {0, 1, 0}};
    m = task_metrics(three);
    EXPECT_EQ(m.auc, 1);
    EXPECT_TRUE(std::isnan(m.by_class[2].auc));
    EXPECT_EQ(mean_auc({m, task_metrics(task)}), 1);
}

TEST(Metrics, JsonHasTheDocumentedKeys) {
    const auto j = to_json(task_metrics(task_of(golden()["cases"][0])));
    for (const char* key : {"cases", "auc", "auc_ci_delong", "accuracy", "balanced_accuracy", "sensitivity",
                            "specificity", "ppv", "npv", "f1", "by_class", "confusion_matrix"})
        EXPECT_TRUE(j.contains(key)) << key;
    EXPECT_EQ(j["confusion_matrix"].size(), 2u);
    EXPECT_EQ(j["confusion_matrix"][0].size(), 2u);
    EXPECT_EQ(j["auc_ci_delong"].size(), 2u);
}

}  // namespace
}  // namespace cmtl
