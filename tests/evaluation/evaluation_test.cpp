#include "evaluation/evaluation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "evaluation/bootstrap.hpp"
#include "evaluation/curve_bands.hpp"
#include "evaluation/evaluation_report.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/page_check.hpp"

namespace cmtl {
namespace {

// Sixty cases; `strength` says how well the probabilities follow the labels.
Predictions cohort(double strength, double phase) {
    Predictions p;
    TaskPredictions two{"CT", 2, {}, {}}, three{"Severity", 3, {}, {}};
    for (int i = 0; i < 60; ++i) {
        p.ids.push_back("case" + std::to_string(i));
        const int ct = i % 3 != 0, severity = i % 3;
        const double noise = std::sin(12.9898 * i + phase);
        const double q = 1 / (1 + std::exp(-strength * (ct - 0.5) - noise));
        two.labels.push_back(i == 7 ? -1 : ct);
        two.probabilities.insert(two.probabilities.end(), {1 - q, q});
        three.labels.push_back(severity);
        double sum = 0, w[3];
        for (int c = 0; c < 3; ++c)
            sum += w[c] = std::exp(strength * (c == severity) + std::sin(78.233 * i + c + phase));
        for (const double v : w) three.probabilities.push_back(v / sum);
    }
    p.tasks = {two, three};
    return p;
}

Evaluation evaluated(int replicates = 200) {
    EvaluationOptions options;
    options.replicates = replicates;
    options.seed = 4;
    options.subgroup = "Site";
    for (int i = 0; i < 60; ++i) options.groups.push_back(i % 5 == 0 ? "" : i % 2 ? "<Rome>" : "Paris");
    std::vector<Model> models{{"good.csv", cohort(2, 0), std::nullopt}, {"bad.csv", cohort(0.5, 1), std::nullopt}};
    models[0].calibration = cohort(1, 2);
    return evaluate_models(std::move(models), options);
}

TEST(Evaluation, JsonHoldsWhatTheRoomComputes) {
    const Evaluation e = evaluated();
    const auto j = evaluation_json(e);
    const auto& ct = j["good.csv"]["CT"];
    const TaskPredictions task = cohort(2, 0).tasks[0];
    const TaskMetrics m = task_metrics(task);
    EXPECT_EQ(ct["cases"], 59);
    EXPECT_EQ(ct["auc"].get<double>(), m.auc);
    EXPECT_EQ(ct["auc_ci_delong"][0].get<double>(), m.auc_interval.low);
    const auto values = measures_of(task);
    for (size_t i = 0; i < values.size(); ++i)
        EXPECT_EQ(ct[std::string(measure_list()[i].key)].get<double>(), values[i]) << measure_list()[i].key;
    // The interval is that of the documented draws.
    std::vector<double> aucs;
    for (uint64_t r = 0; r < 200; ++r) {
        const TaskPredictions drawn = chosen_cases(task, bootstrap_cases(task.labels, 4, r));
        aucs.push_back(task_metrics(drawn).auc);
    }
    EXPECT_EQ(ct["auc_ci_bootstrap"][0].get<double>(), percentile_interval(aucs).low);
    EXPECT_EQ(ct["ci_bootstrap"]["auc"], ct["auc_ci_bootstrap"]);
    EXPECT_LT(ct["ci_bootstrap_bca"]["brier"][0], ct["brier"]);
    EXPECT_GT(ct["ci_bootstrap_bca"]["brier"][1], ct["brier"]);
    EXPECT_GE(ct["thresholds"]["at_sensitivity"]["sensitivity"], 0.9);
    EXPECT_EQ(ct["reliability"].size(), 2u);
    EXPECT_GT(ct["calibrated"]["temperature"], 0);
    EXPECT_FALSE(j["bad.csv"]["CT"].contains("calibrated"));
    EXPECT_EQ(j["good.csv"]["Severity"]["by_class"].size(), 3u);
    EXPECT_TRUE(j["good.csv"]["Severity"]["by_class"][2]["average_precision"].is_number());
    EXPECT_FALSE(j["good.csv"]["Severity"].contains("thresholds"));

    const auto& groups = ct["subgroups"];
    ASSERT_EQ(groups.size(), 2u);
    int rome = 0;
    for (int i = 0; i < 60; ++i) rome += i % 5 != 0 && i % 2 && i != 7;
    EXPECT_EQ(groups["<Rome>"]["cases"], rome);

    ASSERT_EQ(j["comparisons"].size(), 2u);
    const auto& c = j["comparisons"][0];
    EXPECT_EQ(c["a"], "good.csv");
    EXPECT_EQ(c["b"], "bad.csv");
    EXPECT_EQ(c["task"], "CT");
    EXPECT_NEAR(c["delong"][0]["difference"].get<double>(),
                j["good.csv"]["CT"]["auc"].get<double>() - j["bad.csv"]["CT"]["auc"].get<double>(), 1e-14);
    EXPECT_LT(c["delong"][0]["p"], 0.05);
    EXPECT_EQ(j["comparisons"][1]["delong"].size(), 3u);
    EXPECT_LT(c["auc_difference_ci_bootstrap"][0], c["auc_difference"]);
    EXPECT_EQ(j["settings"]["seed"], 4);
}

TEST(Evaluation, SameBytesForAnyNumberOfThreads) {
    const int before = omp_get_max_threads();
    set_threads(1);
    const std::string one = evaluation_json(evaluated(50)).dump();
    set_threads(3);
    const std::string three = evaluation_json(evaluated(50)).dump();
    set_threads(before);
    EXPECT_EQ(one, three);
}

TEST(Evaluation, WhatCannotBeMeasuredIsSaid) {
    const auto message = [](auto&& change) {
        Model model{"p.csv", cohort(1, 0), std::nullopt};
        for (TaskPredictions& task : model.predictions.tasks) change(task);
        try {
            const Evaluation e = evaluate_models({model}, {.replicates = 20});
            const auto j = evaluation_json(e);
            EXPECT_FALSE(evaluation_report_html(e, "", "").empty());
            return j["notes"].dump() + (j["p.csv"]["CT"]["auc"].is_null() ? " null" : "");
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input);
            return std::string(error.what());
        }
    };
    const auto has = [](const std::string& text, const std::string& part) { return text.find(part) != text.npos; };
    EXPECT_EQ(message([](TaskPredictions&) {}), "[]");
    std::string text = message([](TaskPredictions& t) { t.labels.assign(60, -1); });
    EXPECT_TRUE(has(text, "p.csv: no label is known; name a table with --labels")) << text;
    text = message([](TaskPredictions& t) { t.labels.assign(60, 1); });
    EXPECT_TRUE(has(text, "p.csv: one class only (CT: every known label is 1")) << text;
    text = message([](TaskPredictions& t) {
        if (t.classes == 2) t.labels.assign(60, 1);
    });
    EXPECT_TRUE(has(text, "CT: every known label is 1") && has(text, " null")) << text;
    text = message([](TaskPredictions& t) {
        if (t.classes == 2) t.labels.assign(60, -1);
    });
    EXPECT_TRUE(has(text, "CT: no label is known") && has(text, " null")) << text;
    text = message([](TaskPredictions& t) {
        for (int& label : t.labels) label = std::min(label, 1);
    });
    EXPECT_TRUE(has(text, "Severity: 2 of 3 classes have cases")) << text;
}

TEST(EvaluationReport, IsOnePageWithEveryChart) {
    const Evaluation e = evaluated(50);
    const std::string html = evaluation_report_html(e, "good.csv, bad.csv", "cmtl_evaluate x");
    const auto count = [&](const std::string& part) {
        size_t n = 0;
        for (size_t at = html.find(part); at != html.npos; at = html.find(part, at + 1)) ++n;
        return n;
    };
    EXPECT_EQ(count("<title>ROC curves, "), 4u);  // models side by side: CT, and Severity by class
    EXPECT_EQ(count("<title>ROC curve, "), 4u);
    EXPECT_EQ(count("<title>Precision-recall curve, "), 4u);
    EXPECT_EQ(count("<title>Reliability, "), 4u);
    EXPECT_EQ(count("class='confusion'"), 4u);
    EXPECT_EQ(count("<svg"), 16u);
    EXPECT_EQ(count(">recall (sensitivity)</text>"), 4u);
    EXPECT_EQ(count(">observed share of cases</text>"), 4u);
    EXPECT_EQ(count("class='legend'"), 16u);
    EXPECT_EQ(count("<path class='band'"), 4u);  // ROC and precision-recall of either model's task of two classes
    EXPECT_NE(html.find("McNemar"), html.npos);
    EXPECT_NE(html.find("&lt;Rome&gt;"), html.npos);
    EXPECT_EQ(html.find("<Rome>"), html.npos);
    EXPECT_EQ(test::page_faults(html), std::vector<std::string>());
}

// Seven models of CT, one of them without Severity: five columns and two, five and one.
TEST(EvaluationReport, ManyModelsBreakIntoTablesOfFive) {
    std::vector<Model> models;
    for (int m = 0; m < 7; ++m) models.push_back({fmt::format("m{}", m), cohort(2, uint64_t(m)), std::nullopt});
    models[3].predictions.tasks.pop_back();
    const std::string html = evaluation_report_html(evaluate_models(std::move(models), {.replicates = 0}), "", "");
    std::vector<size_t> columns;
    for (const std::string& head : test::pieces(html, "<th scope='col'>Measure</th>", "</tr>"))
        columns.push_back(test::count_of(head, "<th scope='col'>m"));
    EXPECT_EQ(columns, (std::vector<size_t>{5, 2, 5, 1}));
    EXPECT_EQ(test::page_faults(html), std::vector<std::string>());
}

TEST(EvaluationReport, ModelsAreCalledByFileOrFolder) {
    const auto page = [](const std::string& a, const std::string& b) {
        return evaluation_report_html(
            evaluate_models({{a, cohort(2, 0), std::nullopt}, {b, cohort(1, 1), std::nullopt}}, {.replicates = 0}), "",
            "");
    };
    std::string html = page("runs/mtl/", "tables/xgb.csv");
    EXPECT_NE(html.find("<h2>mtl</h2>"), html.npos);
    EXPECT_NE(html.find("<h2>xgb</h2>"), html.npos);
    EXPECT_EQ(html.find("class='band'"), html.npos);  // no replicates, no band
    html = page("one/run", "two/run");
    EXPECT_NE(html.find("<h2>two/run</h2>"), html.npos);
}

TEST(RocBand, HoldsTheCurveAndTheTruth) {
    const TaskPredictions task = cohort(0.5, 0).tasks[0];
    const Curve band = roc_band(task, 1, 300, 2);
    ASSERT_EQ(band.x.size(), 202u);
    EXPECT_EQ(band.x.front(), 0);
    EXPECT_EQ(band.x[100], 1);
    EXPECT_EQ(band.y[100], 1);
    EXPECT_EQ(band.y[101], 1);
    const auto curve = roc_curve(class_scores(task, 1), class_labels(task, 1));
    for (size_t s = 0; s <= 100; ++s) {
        const double low = band.y[201 - s], high = band.y[s];
        EXPECT_EQ(band.x[s], band.x[201 - s]);
        EXPECT_LE(low, high);
        // The cohort's own sensitivity at this rate: between the ends of the step that it lies on.
        double reached = 0, ahead = 1;
        for (const RocPoint& p : curve) {
            if (p.false_positive_rate <= band.x[s]) reached = p.true_positive_rate;
            if (p.false_positive_rate >= band.x[s]) ahead = std::min(ahead, p.true_positive_rate);
        }
        EXPECT_LE(low, std::max(ahead, reached) + 1e-12);
        EXPECT_GE(high, std::min(ahead, reached) - 1e-12);
    }
    EXPECT_GT(band.y[20] - band.y[181], 0.02);
    EXPECT_TRUE(roc_band(task, 1, 0, 2).x.empty());
    EXPECT_TRUE(roc_band({"CT", 2, {0.5, 0.5}, {1}}, 1, 50, 2).x.empty());
}

}  // namespace
}  // namespace cmtl
