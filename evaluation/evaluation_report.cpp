#include "evaluation/evaluation_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/files.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/roc_band.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
// "0.013", "2.1e-05"; "n/a".
std::string p_text(double p) {
    if (std::isnan(p)) return "n/a";
    return p < 0.001 && p > 0 ? fmt::format("{:.1e}", p) : fmt::format("{:.3f}", p);
}

// What models are called on the page: the name of file or folder where that tells them apart, else all of it.
std::vector<std::string> short_names(const std::vector<Model>& models) {
    std::vector<std::string> names;
    for (const Model& m : models) {
        const fs::path path = fs::path(m.name).lexically_normal();
        const fs::path last = path.has_filename() ? path : path.parent_path();
        names.push_back(last.extension() == ".csv" ? last.stem().string() : last.filename().string());
    }
    if (std::set(names.begin(), names.end()).size() < names.size())
        for (size_t m = 0; m < names.size(); ++m) names[m] = models[m].name;
    return names;
}

std::string shown(const MeasureInfo& info, double v) {
    return info.unit == MeasureInfo::Unit::percent ? percent(v) : decimal(v);
}

std::string shown(const MeasureInfo& info, double v, const Interval* interval) {
    if (!interval || std::isnan(interval->low)) return shown(info, v);
    const bool percents = info.unit == MeasureInfo::Unit::percent;
    const auto end = [&](double x) { return percents ? fmt::format("{:.1f}", 100 * x) : decimal(x); };
    return fmt::format("{} <span class='muted'>({}–{})</span>", shown(info, v), end(interval->low),
                       end(interval->high));
}

std::string difference(double v, const Interval& i) {
    if (std::isnan(v)) return "n/a";
    const std::string value = fmt::format("{:+.3f}", v);
    return std::isnan(i.low)
               ? value
               : fmt::format("<span>{} <span class='muted'>({:+.3f} to {:+.3f})</span></span>", value, i.low, i.high);
}

std::string muted(std::string_view text) {
    return fmt::format("<p class='muted' style='margin:8px 0 0;font-size:13px'>{}</p>", text);
}

// Models as columns, measures as rows.
std::string overview(const Evaluation& e, const std::vector<std::string>& names, size_t k) {
    const auto list = measure_list();
    std::string s = "<div class='scroll'><table class='compact'><tr><th>Measure</th>";
    for (const std::string& name : names) s += fmt::format("<th>{}</th>", html_escaped(name));
    s += "</tr>";
    const auto row = [&](std::string_view title, auto&& cell) {
        s += fmt::format("<tr><td>{}</td>", title);
        for (size_t m = 0; m < e.models.size(); ++m) s += fmt::format("<td>{}</td>", cell(e.tasks[m][k]));
        s += "</tr>";
    };
    row("Cases with a label", [](const TaskEvaluation& t) { return fmt::format("{}", t.metrics.cases); });
    const size_t auc = measure_index("auc");
    const bool two = e.tasks[0][k].metrics.classes == 2;
    if (two) {
        row("AUC, DeLong",
            [&](const TaskEvaluation& t) { return with_interval(t.metrics.auc, t.metrics.auc_interval); });
        if (e.options.replicates > 0)
            row("AUC, bootstrap", [&](const TaskEvaluation& t) {
                return shown(list[auc], t.values[auc], t.percentile.empty() ? nullptr : &t.percentile[auc]);
            });
    }
    for (size_t m = 0; m < list.size(); ++m) {
        if (two && (list[m].key == "auc" || list[m].key == "auc_micro" || list[m].key == "kappa_quadratic")) continue;
        row(list[m].key == "auc" ? "AUC (macro)" : list[m].title, [&](const TaskEvaluation& t) {
            return shown(list[m], t.values[m], t.percentile.empty() ? nullptr : &t.percentile[m]);
        });
    }
    bool any = false;
    for (size_t m = 0; m < e.models.size(); ++m) any = any || e.tasks[m][k].calibrated;
    if (any) {
        const auto after = [](const TaskEvaluation& t, auto member) {
            return t.calibrated ? decimal((*t.calibrated).*member) : std::string("n/a");
        };
        row("Fitted temperature", [&](const auto& t) { return after(t, &Calibrated::temperature); });
        row("Log loss at that temperature", [&](const auto& t) { return after(t, &Calibrated::log_loss); });
        row("Brier score at that temperature", [&](const auto& t) { return after(t, &Calibrated::brier); });
        row("Calibration error at that temperature", [&](const auto& t) { return after(t, &Calibrated::ece); });
    }
    return s + "</table></div>";
}

std::string comparison_table(const Evaluation& e, const std::vector<std::string>& names) {
    std::string s =
        "<div class='card scroll'><table class='compact'><tr><th>Task</th><th>Models</th><th>AUC difference (95 % "
        "CI)</th><th>z</th>"
        "<th>p, DeLong</th><th>Right by one alone</th><th>p, McNemar exact</th><th>corrected</th></tr>";
    for (const Comparison& c : e.comparisons) {
        const std::string pair =
            html_escaped(names[c.a]) + " <span class='muted'>against</span> " + html_escaped(names[c.b]);
        const std::string accuracy =
            fmt::format("<td>{} : {}</td><td>{}</td><td>{}</td>", c.mcnemar.only_a, c.mcnemar.only_b,
                        p_text(c.mcnemar.p_exact), p_text(c.mcnemar.p_corrected));
        if (c.delong.size() == 1) {
            const DelongTest& t = c.delong[0].second;
            s += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>{}</tr>", html_escaped(c.task),
                             pair, difference(t.difference, t.interval),
                             std::isnan(t.z) ? "n/a" : fmt::format("{:.2f}", t.z), p_text(t.p), accuracy);
            continue;
        }
        s += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td></td><td></td>{}</tr>", html_escaped(c.task), pair,
                         difference(c.auc_difference, c.auc_difference_interval), accuracy);
        for (const auto& [of_class, t] : c.delong)
            s += fmt::format(
                "<tr class='sub'><td>{}</td><td></td><td>{}</td><td>{}</td><td>{}</td><td></td><td></td><td></td></tr>",
                html_escaped(class_name(c.task, of_class)), difference(t.difference, t.interval),
                std::isnan(t.z) ? "n/a" : fmt::format("{:.2f}", t.z), p_text(t.p));
    }
    return s + "</table></div>\n" +
           muted(
               "AUC: DeLong's paired test of the same cases; for more than two classes each class against the rest, "
               "and the interval of the mean over classes from paired bootstrap replicates. Accuracy: McNemar's test "
               "of the cases that one model alone gets right. p values are not adjusted for the number of "
               "comparisons.");
}

// Models side by side: one chart per task.
std::string comparison_charts(const Evaluation& e, const std::vector<std::string>& names) {
    std::string s = "<div class='grid' style='margin-top:14px'>";
    for (size_t k = 0; k < e.tasks[0].size(); ++k) {
        const int classes = e.tasks[0][k].metrics.classes;
        for (int c = classes == 2 ? 1 : 0; c < classes; ++c) {
            UnitSquare chart{"ROC curves", "1 - specificity", "sensitivity", {}, true, false, {}};
            for (size_t m = 0; m < e.models.size(); ++m) {
                const TaskPredictions& task = e.models[m].predictions.tasks[k];
                Curve curve;
                curve.name =
                    fmt::format("{}: AUC {}", names[m], decimal(e.tasks[m][k].metrics.by_class[size_t(c)].auc));
                for (const RocPoint& p : roc_curve(class_scores(task, c), class_labels(task, c), true))
                    curve.x.push_back(p.false_positive_rate), curve.y.push_back(p.true_positive_rate);
                if (!curve.x.empty()) chart.curves.push_back(std::move(curve));
            }
            const std::string& name = e.tasks[0][k].metrics.name;
            s += html_card("ROC, " + task_title(name) + (classes == 2 ? "" : ": " + class_name(name, c)),
                           unit_square_chart(chart));
        }
    }
    return s + "</div>";
}

std::string thresholds_table(const TaskEvaluation& t, const EvaluationOptions& options) {
    std::string s =
        "<div class='scroll'><table class='compact'><tr><th>Chosen "
        "by</th><th>Threshold</th><th>Sens.</th><th>Spec.</th><th>PPV</th>"
        "<th>NPV</th></tr>";
    const auto row = [&](const std::string& name, const OperatingPoint& p) {
        s += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", name,
                         std::isinf(p.threshold) ? "above all" : decimal(p.threshold), percent(p.sensitivity),
                         percent(p.specificity), percent(p.ppv), percent(p.npv));
    };
    row("Youden", *t.youden);
    row(fmt::format("sensitivity ≥ {:g} %", 100 * options.sensitivity), *t.at_sensitivity);
    row(fmt::format("specificity ≥ {:g} %", 100 * options.specificity), *t.at_specificity);
    return s + "</table></div>" + muted("Chosen on the cases that they are measured on: optimistic.");
}

std::string subgroup_table(const Evaluation& e, size_t m) {
    const auto list = measure_list();
    constexpr const char* keys[] = {"auc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1"};
    std::string s = fmt::format(
        "<div class='card scroll' style='margin-top:14px'><h3>By "
        "{}</h3><table><tr><th>Task</th><th>{}</th><th>Cases</th>",
        html_escaped(e.options.subgroup), html_escaped(e.options.subgroup));
    for (const char* key : keys) s += fmt::format("<th>{}</th>", list[measure_index(key)].title);
    s += "</tr>";
    for (const TaskEvaluation& t : e.tasks[m])
        for (const SubgroupMeasures& g : t.subgroups) {
            s += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td>", html_escaped(t.metrics.name),
                             html_escaped(g.value), g.cases);
            for (const char* key : keys) {
                const size_t i = measure_index(key);
                s += fmt::format("<td>{}</td>", i == measure_index("auc") ? with_interval(g.values[i], g.auc_interval)
                                                                          : shown(list[i], g.values[i]));
            }
            s += "</tr>";
        }
    return s + "</table></div>";
}

std::string model_section(const Evaluation& e, const std::string& name, size_t m) {
    const Model& model = e.models[m];
    std::vector<TaskMetrics> metrics;
    for (const TaskEvaluation& t : e.tasks[m]) metrics.push_back(t.metrics);
    std::string s = metrics_html(metrics);
    const auto cards = [&](std::string_view heading, auto&& inner) {
        s += "<div class='grid' style='margin-top:14px'>";
        for (size_t k = 0; k < metrics.size(); ++k)
            s += html_card(fmt::format("{}, {}", heading, task_title(metrics[k].name)), inner(k));
        s += "</div>";
    };
    const auto& tasks = model.predictions.tasks;
    cards("ROC", [&](size_t k) {
        // A band of each of several classes would hide them all.
        const bool two = tasks[k].classes == 2;
        return unit_square_chart(
            {"ROC curve", "1 - specificity", "sensitivity", roc_curves(tasks[k], metrics[k]), true, false,
             two ? roc_band(tasks[k], 1, std::min(e.options.replicates, 1000), e.options.seed) : Curve{}});
    });
    cards("Precision and recall", [&](size_t k) {
        return unit_square_chart({"Precision-recall curve",
                                  "recall (sensitivity)",
                                  "precision (PPV)",
                                  precision_recall_curves(tasks[k]),
                                  false,
                                  false,
                                  {}});
    });
    cards("Reliability", [&](size_t k) {
        return unit_square_chart({"Reliability",
                                  "predicted probability",
                                  "observed share of cases",
                                  reliability_curves(tasks[k]),
                                  true,
                                  true,
                                  {}}) +
               muted(fmt::format("Ten bins; dashed: perfectly calibrated. Expected calibration error {}.",
                                 decimal(e.tasks[m][k].values[measure_index("ece")])));
    });
    cards("Confusion", [&](size_t k) { return confusion_html(metrics[k]); });
    s += "<div class='grid wide' style='margin-top:14px'>";
    for (const TaskEvaluation& t : e.tasks[m])
        if (t.youden) s += html_card("Thresholds, " + task_title(t.metrics.name), thresholds_table(t, e.options));
    s += "</div>";
    if (!e.options.subgroup.empty()) s += subgroup_table(e, m);
    return html_section(name, s);
}
}  // namespace

std::string evaluation_report_html(const Evaluation& e, const std::string& subtitle, const std::string& program,
                                   const std::string& opening) {
    std::string body = html_warnings(e.notes) + opening;
    const auto names = short_names(e.models);
    // Side by side while there is one column of figures.
    std::string tables = e.models.size() > 1 ? "<div class='grid' style='grid-template-columns:minmax(0,1fr)'>"
                                             : "<div class='grid wide'>";
    for (size_t k = 0; k < e.tasks[0].size(); ++k)
        tables += html_card(task_title(e.tasks[0][k].metrics.name), overview(e, names, k));
    body += html_section(e.models.size() > 1 ? "Models side by side" : "Measures", tables + "</div>");
    if (!e.comparisons.empty())
        body += html_section("Comparison", comparison_table(e, names) + comparison_charts(e, names));
    for (size_t m = 0; m < e.models.size(); ++m) body += model_section(e, names[m], m);
    body += muted(
        e.options.replicates > 0
            ? fmt::format(
                  "Intervals are of 95 %: DeLong's where named, else percentiles of {} bootstrap replicates, "
                  "stratified by label, seed {}. Calibration errors of resamples are larger than the cohort's own, "
                  "and so are their intervals. n/a: not defined for these cases.",
                  e.options.replicates, e.options.seed)
            : "Intervals are DeLong's, of 95 %. n/a: not defined for these cases.");
    return html_page("Evaluation", subtitle, body, program);
}

}  // namespace cmtl
