#include "evaluation/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/evaluation.hpp"
#include "evaluation/model_section.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/study_section.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
std::string capitalised(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

std::string set_sections(const TrainingReport& report) {
    std::string sections;
    for (const NamedPredictions& set : report.sets) {
        if (set.predictions.ids.empty()) continue;
        EvaluationOptions options;
        options.replicates = report.replicates;
        options.seed = report.seed;
        const Evaluation e = measure_models({{set.name, set.predictions, std::nullopt}}, options);
        sections += html_section(fmt::format("{} ({} cases)", capitalised(set.name), set.predictions.ids.size()),
                                 model_section(e, 0));
    }
    return sections;
}

std::string tables_section(std::string_view heading, const std::vector<ReportTable>& tables) {
    std::string cards;
    for (const ReportTable& table : tables) {
        std::vector<std::string> header;
        for (const std::string& cell : table.header) header.push_back(html_escaped(cell));
        std::vector<HtmlRow> rows;
        for (const auto& row : table.rows) {
            rows.emplace_back();
            for (const std::string& cell : row) rows.back().cells.push_back(html_escaped(cell));
        }
        cards += html_card(table.title, "<div class='scroll'>" + html_table(header.size() > 2 ? "compact" : "facts", header, rows) + "</div>" +
                                            (table.note.empty() ? "" : html_note(html_escaped(table.note))));
    }
    return cards.empty() ? "" : html_section(heading, "<div class='grid wide'>" + cards + "</div>");
}

std::string features_section(const TrainingReport& report) {
    if (!report.features) return {};
    std::string sections;
    const FeatureTests& tests = *report.features;
    for (size_t k = 0; k < tests.tasks.size(); ++k) {
        const std::string& task = tests.tasks[k].first;
        const auto of_trees = report.importances.find(task);
        TopFeatureOptions options;
        options.boxes = 3;
        if (of_trees != report.importances.end()) options.importances = &of_trees->second;
        const std::string inner = top_features_html(tests, k, options);
        if (inner.empty()) continue;
        sections += fmt::format("<h3 class='task'>{}</h3>", html_escaped(task_title(task))) + inner;
    }
    if (sections.empty()) return {};
    return html_section("Top features", sections +
                                            html_note(fmt::format(
                                                "Training cases. Ranked by {}; p values are those of Welch's ANOVA, "
                                                "adjusted over the features of a task by Benjamini and Hochberg.",
                                                report.importances.empty() ? "Welch's F" : "the share of the trees' gain")));
}

std::string picture_html(const ReportPicture& picture, std::string_view alt) {
    if (picture.png.empty()) return {};
    std::string figure = fmt::format("<figure><img alt='{}' src='data:image/png;base64,", html_escaped(alt)) +
                         base64(picture.png) + "'>";
    if (!picture.caption.empty()) figure += fmt::format("<figcaption>{}</figcaption>", html_escaped(picture.caption));
    return figure + "</figure>";
}

std::string bars(const CaseTask& task) {
    const auto& p = task.probabilities;
    const size_t top = static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin());
    std::string s;
    for (size_t c = 0; c < p.size(); ++c) {
        const double share = std::isnan(p[c]) ? 0 : std::clamp(p[c], 0.0, 1.0);
        s += fmt::format(
            "<div class='bar{}'><span>{}{}</span><span class='track'><i style='width:{:.2f}%'></i></span><span "
            "class='value'>{}</span></div>",
            c == top ? " top" : "", html_escaped(class_name(task.name, int(c))),
            task.label == int(c) ? "<span class='known'>known</span>" : "", 100 * share, percent(p[c]));
    }
    return s;
}

std::string task_card(const CaseTask& task) {
    const auto& p = task.probabilities;
    const auto top = std::max_element(p.begin(), p.end()) - p.begin();
    return html_card(task_title(task.name),
                     (p.empty() ? "" : fmt::format("<div class='verdict'>{}</div>",
                                                   html_escaped(class_name(task.name, int(top))))) +
                         bars(task));
}

std::string gallery_section(const std::vector<GalleryCase>& gallery) {
    if (gallery.empty()) return {};
    std::string cards;
    for (const GalleryCase& one : gallery) {
        std::string inner = fmt::format("<p class='note why'>{}</p>", html_escaped(one.why)) +
                            picture_html(one.picture, fmt::format("CT of {} with lung outlines and heat map", one.id)) +
                            "<div class='tasks'>";
        for (const CaseTask& task : one.tasks)
            inner += fmt::format("<div><b>{}</b>{}</div>", html_escaped(task.name), bars(task));
        cards += html_card(one.id, inner + "</div>");
    }
    return html_section("Cases", "<div class='grid wide gallery'>" + cards + "</div>" +
                                     html_note("Cases in the lung window, -1350 to 150 HU, lungs outlined, nothing but "
                                               "lungs shown, as the network saw them. Heat: Grad-CAM of the class that "
                                               "is named, as a share of its largest value in the case; the views go "
                                               "through the hottest place in the lungs."));
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
    std::string body = (report.summary.empty() ? "" : html_tiles(report.summary)) + html_warnings(report.warnings) +
                       tables_section("Cohort", report.cohort);
    if (!report.curves.empty()) {
        std::string charts = "<div class='grid wide'>";
        for (const CurvePanel& panel : report.curves) charts += html_card(panel.title, line_chart(panel));
        body += html_section("Learning curves", charts + "</div>");
    }
    for (const StudyParts& study : report.studies) body += study_section(study);
    body += set_sections(report) + tables_section("Tuning", report.tuning) + features_section(report) +
            gallery_section(report.gallery);
    if (!report.settings.empty()) {
        std::string groups = "<div class='grid'>";
        for (const FactGroup& group : report.settings) groups += html_card(group.name, html_facts(group.facts));
        body += html_section("Settings", groups + "</div>");
    }
    body += html_note(fmt::format(
        "Intervals are DeLong's at 95 %; bands of curves hold the middle 95 % of {} bootstrap replicates, stratified by "
        "label. Measures of tasks with more than two classes are means over the classes, each against the rest. "
        "n/a: not defined for these cases.",
        report.replicates));
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
    std::string pictures = picture_html(report.overlay, "CT slices with the lung outline");
    if (!pictures.empty()) body += html_section("Images", html_card("", pictures));
    std::string heat;
    for (const ReportPicture& picture : report.heat)
        heat += html_card(picture.title, picture_html(picture, "CT slices with a heat map, " + picture.title));
    if (!heat.empty()) body += html_section("Where the network looked", "<div class='grid heat'>" + heat + "</div>");
    std::string details;
    if (!report.timeline.empty()) body += html_section("Time", html_card("", timeline_chart(report.timeline)));
    if (!report.image.empty()) details += html_card("Image", html_facts(report.image));
    if (!report.versions.empty()) details += html_card("Program and model", html_facts(report.versions));
    if (!details.empty()) body += html_section("Details", "<div class='grid'>" + details + "</div>");
    return html_page(report.id, report.source, body,
                     "Research software: not a medical device, and no basis for a diagnosis or a treatment.");
}

}  // namespace cmtl
