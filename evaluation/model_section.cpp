#include "evaluation/model_section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/curve_bands.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
std::string thresholds_table(const TaskEvaluation& t, const EvaluationOptions& options) {
    std::vector<HtmlRow> rows;
    const auto row = [&](const std::string& name, const OperatingPoint& p) {
        rows.push_back({{name, std::isinf(p.threshold) ? "above all" : decimal(p.threshold), percent(p.sensitivity),
                         percent(p.specificity), percent(p.ppv), percent(p.npv)}});
    };
    row("Youden", *t.youden);
    row(fmt::format("sensitivity ≥ {:g} %", 100 * options.sensitivity), *t.at_sensitivity);
    row(fmt::format("specificity ≥ {:g} %", 100 * options.specificity), *t.at_specificity);
    return "<div class='scroll'>" +
           html_table("compact names", {"Chosen by", "Threshold", "Sens.", "Spec.", "PPV", "NPV"}, rows) + "</div>" +
           html_note("Chosen on the cases that they are measured on: optimistic.");
}

std::string subgroup_table(const Evaluation& e, size_t m) {
    const auto list = measure_list();
    constexpr const char* keys[] = {"auc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1"};
    std::vector<std::string> header{"Task", html_escaped(e.options.subgroup),
                                    std::string(cases_title(e.options))};
    for (const char* key : keys) header.emplace_back(list[measure_index(key)].title);
    std::vector<HtmlRow> rows;
    for (const TaskEvaluation& t : e.tasks[m])
        for (const SubgroupMeasures& g : t.subgroups) {
            rows.push_back({{html_escaped(t.metrics.name), html_escaped(g.value), std::to_string(g.cases)}});
            for (const char* key : keys) {
                const size_t i = measure_index(key);
                rows.back().cells.push_back(i == measure_index("auc") ? with_interval(g.values[i], g.auc_interval)
                                                                      : shown(list[i], g.values[i]));
            }
        }
    return fmt::format("<div class='card long'><h3>By {}</h3><div class='scroll'>{}</div></div>\n",
                       html_escaped(e.options.subgroup), html_table("", header, rows));
}
}  // namespace

std::string model_section(const Evaluation& e, size_t m) {
    const Model& model = e.models[m];
    std::vector<TaskMetrics> metrics;
    for (const TaskEvaluation& t : e.tasks[m]) metrics.push_back(t.metrics);
    std::string s = metrics_html(metrics, cases_title(e.options));
    const auto cards = [&](std::string_view heading, auto&& inner) {
        s += "<div class='grid'>";
        for (size_t k = 0; k < metrics.size(); ++k)
            s += html_card(fmt::format("{}, {}", heading, task_title(metrics[k].name)), inner(k));
        s += "</div>";
    };
    const auto& tasks = model.predictions.tasks;
    // A band of each of several classes would hide them all.
    const auto banded = [&](size_t k, auto&& band) {
        return tasks[k].classes == 2 ? band(tasks[k], 1, std::min(e.options.replicates, 1000), e.options.seed)
                                     : Curve{};
    };
    cards("ROC", [&](size_t k) {
        return unit_square_chart({"ROC curve, " + tasks[k].name, "1 - specificity", "sensitivity",
                                  roc_curves(tasks[k], metrics[k]), "chance", false, banded(k, roc_band)});
    });
    cards("Precision and recall", [&](size_t k) {
        return unit_square_chart({"Precision-recall curve, " + tasks[k].name, "recall (sensitivity)", "precision (PPV)",
                                  precision_recall_curves(tasks[k]), "", false, banded(k, precision_recall_band)});
    });
    cards("Reliability", [&](size_t k) {
        return unit_square_chart({"Reliability, " + tasks[k].name,
                                  "predicted probability",
                                  "observed share of cases",
                                  reliability_curves(tasks[k]),
                                  "perfectly calibrated",
                                  true,
                                  {}}) +
               html_note(fmt::format("Ten bins. Expected calibration error {}.",
                                     decimal(e.tasks[m][k].values[measure_index("ece")])));
    });
    cards("Confusion", [&](size_t k) { return confusion_html(metrics[k]); });
    std::string thresholds;
    for (const TaskEvaluation& t : e.tasks[m])
        if (t.youden)
            thresholds += html_card("Operating points, " + task_title(t.metrics.name), thresholds_table(t, e.options));
    if (!thresholds.empty()) s += "<div class='grid wide'>" + thresholds + "</div>";
    if (!e.options.subgroup.empty()) s += subgroup_table(e, m);
    return s;
}

}  // namespace cmtl
