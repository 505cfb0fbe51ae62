#include "evaluation/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/metrics.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
std::string set_section(const NamedPredictions& set) {
    const std::vector<TaskMetrics> metrics = all_metrics(set.predictions);
    std::string inner = metrics_html(metrics) + "<div class='grid' style='margin-top:14px'>";
    for (size_t k = 0; k < metrics.size(); ++k)
        inner += html_card("ROC, " + task_title(metrics[k].name),
                           roc_chart(roc_curves(set.predictions.tasks[k], metrics[k])));
    inner += "</div><div class='grid' style='margin-top:14px'>";
    for (const TaskMetrics& m : metrics) inner += html_card("Confusion, " + task_title(m.name), confusion_html(m));
    inner += "</div>";
    std::string name = set.name;
    if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    return html_section(fmt::format("{} ({} cases)", name, set.predictions.ids.size()), inner);
}

std::string task_card(const CaseTask& task) {
    const auto& p = task.probabilities;
    const size_t top = static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin());
    std::string s =
        p.empty() ? "" : fmt::format("<div class='verdict'>{}</div>", html_escaped(class_name(task.name, int(top))));
    for (size_t c = 0; c < p.size(); ++c) {
        const double share = std::isnan(p[c]) ? 0 : std::clamp(p[c], 0.0, 1.0);
        s += fmt::format(
            "<div class='bar{}'><span>{}{}</span><span class='track'><i style='width:{:.2f}%'></i></span><span "
            "class='value'>{}</span></div>",
            c == top ? " top" : "", html_escaped(class_name(task.name, int(c))),
            task.label == int(c) ? "<span class='known'>known</span>" : "", 100 * share, percent(p[c]));
    }
    return html_card(task_title(task.name), s);
}
}  // namespace

std::string class_name(std::string_view task, int label) {
    if ((task == "CT" || task == "NAT") && (label == 0 || label == 1)) return label ? "positive" : "negative";
    constexpr const char* severities[] = {"control or suspected", "mild or regular", "severe or critical"};
    if (task == "Severity" && label >= 0 && label < 3) return severities[label];
    return fmt::format("class {}", label);
}

std::string task_title(std::string_view task) {
    if (task == "CT") return "COVID-19 by CT";
    if (task == "NAT") return "Nucleic-acid test (NAT)";
    if (task == "Severity") return "Severity";
    return std::string(task);
}

std::string training_report_html(const TrainingReport& report) {
    std::string body = html_tiles(report.summary) + html_warnings(report.warnings);
    if (!report.curves.empty()) {
        std::string charts = "<div class='grid wide'>";
        for (const CurvePanel& panel : report.curves) charts += html_card(panel.title, line_chart(panel));
        body += html_section("Learning curves", charts + "</div>");
    }
    for (const NamedPredictions& set : report.sets)
        if (!set.predictions.ids.empty()) body += set_section(set);
    if (!report.settings.empty()) {
        std::string groups = "<div class='grid'>";
        for (const FactGroup& group : report.settings) groups += html_card(group.name, html_facts(group.facts));
        body += html_section("Settings", groups + "</div>");
    }
    body +=
        "<p class='muted' style='font-size:13px'>Intervals are DeLong's at 95 %. Measures of tasks with more than two "
        "classes are means over the classes, each "
        "against the rest. n/a: not defined for these cases.</p>";
    return html_page(report.title, report.subtitle, body, report.program);
}

std::string case_report_html(const CaseReport& report) {
    std::string body = html_warnings(report.warnings) + "<div class='grid'>";
    for (const CaseTask& task : report.tasks) body += task_card(task);
    body += "</div>\n";
    if (report.right_litres || report.left_litres) {
        const auto litres = [](std::optional<double> v) {
            return v && !std::isnan(*v) ? fmt::format("{:.2f} l", *v) : "n/a";
        };
        Facts tiles{{"right lung", litres(report.right_litres)}, {"left lung", litres(report.left_litres)}};
        if (report.right_litres && report.left_litres)
            tiles.emplace_back("both lungs", litres(*report.right_litres + *report.left_litres));
        body += html_section("Lungs", html_tiles(tiles));
    }
    if (!report.overlay_png.empty()) {
        const std::string alt =
            report.overlay_caption.empty() ? "CT slices with the lung outline" : report.overlay_caption;
        std::string figure = fmt::format("<figure><img alt='{}' src='data:image/png;base64,", html_escaped(alt)) +
                             base64(report.overlay_png) + "'>";
        if (!report.overlay_caption.empty())
            figure += fmt::format("<figcaption>{}</figcaption>", html_escaped(report.overlay_caption));
        body += html_section("Images", html_card("", figure + "</figure>"));
    }
    std::string details;
    if (!report.timeline.empty()) body += html_section("Time", html_card("", timeline_chart(report.timeline)));
    if (!report.image.empty()) details += html_card("Image", html_facts(report.image));
    if (!report.versions.empty()) details += html_card("Program and model", html_facts(report.versions));
    if (!details.empty()) body += html_section("Details", "<div class='grid'>" + details + "</div>");
    return html_page(report.id, report.source, body,
                     "Research software: not a medical device, and no basis for a diagnosis or a treatment.");
}

}  // namespace cmtl
