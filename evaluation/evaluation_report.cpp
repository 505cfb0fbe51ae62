#include "evaluation/evaluation_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include "base/files.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/model_section.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/study_section.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
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

struct Column {
    std::string name;
    const TaskEvaluation* model;
};

// Models as columns, measures as rows.
std::string overview(const EvaluationOptions& options, std::span<const Column> models) {
    const auto list = measure_list();
    std::vector<std::string> header{"Measure"};
    for (const Column& one : models) header.push_back(html_breakable(one.name));
    std::vector<HtmlRow> rows;
    const auto row = [&](std::string_view title, auto&& cell) {
        rows.push_back({{std::string(title)}});
        for (const Column& one : models) rows.back().cells.push_back(cell(*one.model));
    };
    row(fmt::format("{} with a label", cases_title(options)),
        [](const TaskEvaluation& t) { return fmt::format("{}", t.metrics.cases); });
    const size_t auc = measure_index("auc");
    const bool two = models[0].model->metrics.classes == 2;
    if (two) {
        row("AUC, DeLong",
            [&](const TaskEvaluation& t) { return with_interval(t.metrics.auc, t.metrics.auc_interval); });
        if (options.replicates > 0)
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
    if (std::ranges::any_of(models, [](const Column& one) { return one.model->calibrated.has_value(); })) {
        const auto after = [](const TaskEvaluation& t, auto member) {
            return t.calibrated ? decimal((*t.calibrated).*member) : std::string("n/a");
        };
        row("Fitted temperature", [&](const auto& t) { return after(t, &Calibrated::temperature); });
        row("Log loss at that temperature", [&](const auto& t) { return after(t, &Calibrated::log_loss); });
        row("Brier score at that temperature", [&](const auto& t) { return after(t, &Calibrated::brier); });
        row("Calibration error at that temperature", [&](const auto& t) { return after(t, &Calibrated::ece); });
    }
    return "<div class='scroll'>" + html_table("compact", header, rows) + "</div>\n";
}

// The models that have the task, as many side by side as fit onto a printed page.
std::string overview(const Evaluation& e, const std::vector<std::string>& names, const std::string& task) {
    constexpr size_t most = 5;
    std::vector<Column> models;
    for (size_t m = 0; m < e.models.size(); ++m)
        if (const TaskEvaluation* one = e.find(m, task)) models.push_back({names[m], one});
    std::string tables;
    for (size_t begin = 0; begin < models.size(); begin += most)
        tables += overview(e.options, std::span(models).subspan(begin, std::min(most, models.size() - begin)));
    return tables;
}

std::string comparison_table(const Evaluation& e, const std::vector<std::string>& names) {
    std::vector<HtmlRow> rows;
    for (const Comparison& c : e.comparisons) {
        const std::string pair =
            html_escaped(names[c.a]) + " <span class='muted'>against</span> " + html_escaped(names[c.b]);
        const auto z = [](const DelongTest& t) { return std::isnan(t.z) ? "n/a" : fmt::format("{:.2f}", t.z); };
        const std::string right = fmt::format("{} : {}", c.mcnemar.only_a, c.mcnemar.only_b),
                          exact = p_text(c.mcnemar.p_exact), corrected = p_text(c.mcnemar.p_corrected);
        if (c.delong.size() == 1) {
            const DelongTest& t = c.delong[0].second;
            rows.push_back({{html_escaped(c.task), pair, difference(t.difference, t.interval), z(t), p_text(t.p), right,
                             exact, corrected}});
            continue;
        }
        rows.push_back({{html_escaped(c.task), pair, difference(c.auc_difference, c.auc_difference_interval), "", "",
                         right, exact, corrected}});
        for (const auto& [of_class, t] : c.delong)
            rows.push_back({{html_escaped(class_name(c.task, of_class)), "", difference(t.difference, t.interval), z(t),
                             p_text(t.p), "", "", ""},
                            "sub"});
    }
    return "<div class='card long scroll'>" +
           html_table("compact",
                      {"Task", "Models", "AUC difference (95 % CI)", "z", "p, DeLong", "Right by one alone",
                       "p, McNemar exact", "corrected"},
                      rows) +
           "</div>\n" +
           html_note(
               "AUC: DeLong's paired test of the same cases; for more than two classes each class against the rest, "
               "and the interval of the mean over classes from paired bootstrap replicates. Accuracy: McNemar's test "
               "of the cases that one model alone gets right. p values are not adjusted for the number of "
               "comparisons.");
}
}  // namespace

std::string evaluation_report_html(const Evaluation& e, const std::string& subtitle, const std::string& program,
                                   const std::string& opening) {
    std::string body = html_warnings(e.notes) + opening;
    const auto names = short_names(e.models);
    // Side by side while there is one column of figures.
    std::string tables = e.models.size() > 1 ? "<div class='grid' style='grid-template-columns:minmax(0,1fr)'>"
                                             : "<div class='grid wide'>";
    for (const std::string& task : e.task_names()) tables += html_card(task_title(task), overview(e, names, task));
    body += html_section(e.models.size() > 1 ? "Models side by side" : "Measures", tables + "</div>");
    if (!e.comparisons.empty()) {
        NamedModels models;
        for (size_t m = 0; m < e.models.size(); ++m) models.emplace_back(names[m], &e.models[m].predictions);
        body += html_section("Comparison", comparison_table(e, names) + roc_comparison(models));
    }
    for (size_t m = 0; m < e.models.size(); ++m) body += html_section(names[m], model_section(e, m));
    body += html_note(
        e.options.replicates > 0
            ? fmt::format(
                  "Intervals are of 95 %: DeLong's where named, else percentiles of {} bootstrap replicates, "
                  "stratified by label, seed {}. Calibration errors of resamples are larger than the cohort's own, "
                  "and so are their intervals. n/a: not defined for these cases.",
                  e.options.replicates, e.options.seed)
            : "Intervals are DeLong's, of 95 %. n/a: not defined for these cases.");
    const std::string patients = patients_and_scans(e);
    if (!patients.empty())
        body += html_note(
            "Everything is of patients: a patient's prediction is the mean of the probabilities of their scans.");
    return html_page("Evaluation", patients.empty() ? subtitle : subtitle + ": " + patients, body, program);
}

}  // namespace cmtl
