#include "evaluation/study_section.hpp"

#include <fmt/format.h>

#include "evaluation/measures.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/spread.hpp"
#include "evaluation/svg.hpp"
#include "evaluation/svg_frame.hpp"

namespace cmtl {

namespace {
using NamedTasks = std::vector<std::pair<std::string, const TaskPredictions*>>;
}  // namespace

std::string study_section(const StudyParts& study) {
    if (study.parts.empty()) return {};
    std::vector<std::string> header{html_escaped(study.part), "Cases"};
    for (const TaskPredictions& task : study.whole.predictions.tasks)
        header.push_back(html_escaped(task.name) + (task.classes == 2 ? " AUC (95 % CI)" : " AUC (macro)"));
    std::vector<HtmlRow> rows;
    const auto row = [&](const NamedPredictions& part) {
        rows.push_back({{html_escaped(part.name), std::to_string(part.predictions.ids.size())}});
        const auto metrics = all_metrics(part.predictions);
        for (const TaskMetrics& m : metrics) rows.back().cells.push_back(with_interval(m.auc, m.auc_interval));
        return metrics;
    };
    std::vector<std::vector<double>> aucs(study.whole.predictions.tasks.size());
    for (const NamedPredictions& part : study.parts) {
        const auto metrics = row(part);
        for (size_t k = 0; k < aucs.size(); ++k) aucs[k].push_back(metrics.at(k).auc);
    }
    rows.push_back({{"mean", ""}, "sum"});
    rows.push_back({{"standard deviation", ""}});
    for (const auto& values : aucs) {
        const auto [mean, deviation] = spread(values);
        rows[rows.size() - 2].cells.push_back(decimal(mean));
        rows.back().cells.push_back(decimal(deviation));
    }
    row(study.whole);
    rows.back().kind = "sum";
    std::string s = "<div class='card long'><div class='scroll'>" + html_table("compact", header, rows) + "</div>" +
                    (study.note.empty() ? "" : html_note(html_escaped(study.note))) + "</div>\n";
    if (study.parts.size() < chart_colours) {
        NamedModels models;
        for (const NamedPredictions& part : study.parts) models.emplace_back(part.name, &part.predictions);
        models.emplace_back(study.whole.name, &study.whole.predictions);
        s += roc_comparison(models);
    }
    return html_section(study.heading, s);
}

std::string roc_comparison(const NamedModels& models) {
    std::string s = "<div class='grid'>";
    std::vector<const Predictions*> all;
    for (const auto& [model, predictions] : models) all.push_back(predictions);
    for (const std::string& name : task_names(all)) {
        NamedTasks tasks;
        for (const auto& [model, predictions] : models)
            if (const TaskPredictions* task = predictions->find(name)) tasks.emplace_back(model, task);
        const int classes = tasks[0].second->classes;
        for (int c = classes == 2 ? 1 : 0; c < classes; ++c) {
            UnitSquare chart{"ROC curves, " + name, "1 - specificity", "sensitivity", {}, "chance", false, {}};
            for (const auto& [model, task] : tasks) {
                const auto scores = class_scores(*task, c);
                const auto labels = class_labels(*task, c);
                Curve curve{fmt::format("{}: AUC {}", model, decimal(auc(scores, labels))), {}, {}};
                for (const RocPoint& p : roc_curve(scores, labels, true))
                    curve.x.push_back(p.false_positive_rate), curve.y.push_back(p.true_positive_rate);
                if (!curve.x.empty()) chart.curves.push_back(std::move(curve));
            }
            s += html_card("ROC, " + task_title(name) + (classes == 2 ? "" : ": " + class_name(name, c)),
                           unit_square_chart(chart));
        }
    }
    return s + "</div>";
}

}  // namespace cmtl
