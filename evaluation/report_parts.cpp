#include "evaluation/report_parts.hpp"

#include <fmt/format.h>

#include <cmath>

#include "evaluation/page.hpp"
#include "evaluation/precision_recall.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

std::string decimal(double v) { return std::isnan(v) ? "n/a" : fmt::format("{:.3f}", v); }
std::string percent(double v) { return std::isnan(v) ? "n/a" : fmt::format("{:.1f} %", 100 * v); }

std::string with_interval(double value, const Interval& i) {
    return std::isnan(i.low)
               ? decimal(value)
               : fmt::format("{} <span class='muted'>({}–{})</span>", decimal(value), decimal(i.low), decimal(i.high));
}

std::string shown(const MeasureInfo& info, double v) {
    return info.unit == MeasureInfo::Unit::percent ? percent(v) : decimal(v);
}

std::string p_text(double p) {
    if (std::isnan(p)) return "n/a";
    return p < 0.001 && p > 0 ? fmt::format("{:.1e}", p) : fmt::format("{:.3f}", p);
}

std::string metrics_html(const std::vector<TaskMetrics>& all, std::string_view cases) {
    std::vector<HtmlRow> rows;
    for (const TaskMetrics& m : all) {
        rows.push_back({{html_escaped(m.name), std::to_string(m.cases), with_interval(m.auc, m.auc_interval),
                         percent(m.accuracy), percent(m.balanced_accuracy), percent(m.sensitivity),
                         percent(m.specificity), percent(m.ppv), percent(m.npv), decimal(m.f1)}});
        if (m.classes == 2) continue;
        for (int c = 0; c < m.classes; ++c) {
            const ClassMetrics& k = m.by_class[size_t(c)];
            rows.push_back({{html_escaped(class_name(m.name, c)), std::to_string(k.support),
                             with_interval(k.auc, k.auc_interval), "", "", percent(k.sensitivity),
                             percent(k.specificity), percent(k.ppv), percent(k.npv), decimal(k.f1)},
                            "sub"});
        }
    }
    return "<div class='card long scroll'>" +
           html_table("",
                      {"Task", std::string(cases), "AUC (95 % CI)", "Accuracy", "Balanced acc.", "Sensitivity",
                       "Specificity", "PPV", "NPV", "F1"},
                      rows) +
           "</div>\n";
}

std::string confusion_html(const TaskMetrics& m) {
    std::string s = "<div class='scroll'><table class='confusion'><thead><tr><td></td>";
    for (int p = 0; p < m.classes; ++p)
        s += fmt::format("<th scope='col'>{}</th>", html_escaped(class_name(m.name, p)));
    s += "</tr></thead><tbody>";
    for (int t = 0; t < m.classes; ++t) {
        int64_t row = 0;
        for (int p = 0; p < m.classes; ++p) row += m.confusion.at(t, p);
        s += fmt::format("<tr><th scope='row'>{}</th>", html_escaped(class_name(m.name, t)));
        for (int p = 0; p < m.classes; ++p) {
            const double share = row ? double(m.confusion.at(t, p)) / double(row) : 0;
            s += fmt::format("<td class='n{}' style='background:rgba(43,121,239,{:.2f})'>{}<small>{}</small></td>", share > 0.55 ? " deep" : "",
                             0.04 + 0.86 * share, m.confusion.at(t, p), row ? percent(share) : "n/a");
        }
        s += "</tr>";
    }
    return s + "</tbody></table></div>" +
           html_note("Rows: true class; columns: predicted class; per cent of the row.");
}

std::vector<Curve> roc_curves(const TaskPredictions& task, const TaskMetrics& m) {
    std::vector<Curve> curves;
    for (int c = task.classes == 2 ? 1 : 0; c < task.classes; ++c) {
        std::vector<double> scores;
        std::vector<int> labels;
        for (size_t i = 0; i < task.size(); ++i) {
            scores.push_back(task.probability(i, c));
            labels.push_back(task.labels[i] < 0 ? -1 : task.labels[i] == c);
        }
        const std::vector<RocPoint> points = roc_curve(scores, labels, true);
        if (points.empty()) continue;
        Curve curve;
        curve.name = fmt::format("{}: AUC {}", class_name(m.name, c), decimal(m.by_class[size_t(c)].auc));
        for (const RocPoint& p : points) {
            curve.x.push_back(p.false_positive_rate);
            curve.y.push_back(p.true_positive_rate);
        }
        curves.push_back(std::move(curve));
    }
    return curves;
}

std::vector<Curve> precision_recall_curves(const TaskPredictions& task) {
    std::vector<Curve> curves;
    for (int c = task.classes == 2 ? 1 : 0; c < task.classes; ++c) {
        const auto scores = class_scores(task, c);
        const auto labels = class_labels(task, c);
        const auto points = precision_recall_curve(scores, labels);
        if (points.empty()) continue;
        Curve curve;
        curve.name = fmt::format("{}: AP {}", class_name(task.name, c), decimal(average_precision(scores, labels)));
        // Steps: precision between two recalls is that of the higher one, which average precision sums.
        for (size_t i = 1; i < points.size(); ++i) {
            if (points[i].recall == points[i - 1].recall && i + 1 < points.size() &&
                points[i + 1].recall == points[i].recall)
                continue;
            curve.x.push_back(points[i - 1].recall), curve.y.push_back(points[i].precision);
            curve.x.push_back(points[i].recall), curve.y.push_back(points[i].precision);
        }
        curves.push_back(std::move(curve));
    }
    return curves;
}

std::vector<Curve> reliability_curves(const TaskPredictions& task) {
    std::vector<Curve> curves;
    for (int c = task.classes == 2 ? 1 : 0; c < task.classes; ++c) {
        Curve curve;
        curve.name = class_name(task.name, c);
        for (const ReliabilityBin& b : reliability(task, c))
            if (b.cases) curve.x.push_back(b.predicted), curve.y.push_back(b.observed);
        if (!curve.x.empty()) curves.push_back(std::move(curve));
    }
    return curves;
}

}  // namespace cmtl
