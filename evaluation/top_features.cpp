#include "evaluation/top_features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/box_plot.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

Importances importances_of(const CsvTable& table) {
    const size_t task = table.column("task"), feature = table.column("feature"), gain = table.column("gain"),
                 cover = table.column("cover"), weight = table.column("weight"), share = table.column("share");
    Importances all;
    for (size_t r = 0; r < table.rows.size(); ++r)
        all[table.text(r, task)].push_back({table.text(r, feature), table.number(r, gain), table.number(r, cover),
                                            table.number(r, weight), table.number(r, share)});
    for (auto& [name, list] : all)
        std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.share > b.share; });
    return all;
}

namespace {
// A feature's place among the tests, and its importance where there is one.
struct Ranked {
    const FeatureTest* test;
    size_t column;  // of the data
    const Importance* importance;
};

std::vector<Ranked> ranking(const FeatureTests& tests, size_t task, const TopFeatureOptions& options) {
    const size_t count = tests.features.size(), first = task * count;
    std::vector<Ranked> ranked;
    if (options.importances) {
        for (const Importance& one : *options.importances) {
            const auto at = std::find(tests.features.begin(), tests.features.end(), one.feature);
            if (at == tests.features.end() || !(one.share > 0)) continue;
            const auto f = size_t(at - tests.features.begin());
            ranked.push_back({&tests.tests[first + f], f, &one});
        }
    } else {
        for (size_t f = 0; f < count; ++f)
            if (!std::isnan(tests.tests[first + f].welch.f)) ranked.push_back({&tests.tests[first + f], f, nullptr});
        std::stable_sort(ranked.begin(), ranked.end(),
                         [](const Ranked& a, const Ranked& b) { return a.test->welch.f > b.test->welch.f; });
    }
    if (ranked.size() > options.rows) ranked.resize(options.rows);
    return ranked;
}

std::string number(double v) { return std::isnan(v) ? "n/a" : fmt::format("{:.4g}", v); }

std::string spread(const GroupSummary& group) {
    if (group.count == 0) return "n/a";
    return fmt::format("{:.3g} <span class='muted'>± {}</span>", group.mean,
                       std::isnan(group.variance) ? "n/a" : fmt::format("{:.3g}", std::sqrt(group.variance)));
}

// By the classes' numbers: "0 – 1, 1 – 2".
std::string differing_pairs(const FeatureTest& test, const std::vector<int64_t>& classes) {
    std::string text;
    size_t count = 0;
    for (const PairComparison& pair : test.pairs)
        if (pair.p < 0.05) text += fmt::format("{}{} – {}", count++ ? ", " : "", classes[pair.a], classes[pair.b]);
    return count == 0 ? "none" : count == classes.size() * (classes.size() - 1) / 2 ? "all" : text;
}

std::vector<BoxGroup> groups_of(const FeatureTests& tests, size_t task, size_t column) {
    const auto& [name, classes] = tests.tasks[task];
    std::vector<BoxGroup> groups;
    for (const int64_t label : classes) {
        groups.push_back({class_name(name, int(label)), {}});
        const auto& labels = tests.data.labels[task];
        for (size_t i = 0; i < labels.size(); ++i)
            if (labels[i] == label) groups.back().values.push_back(tests.data.values[column][i]);
    }
    return groups;
}
}  // namespace

std::string top_features_html(const FeatureTests& tests, size_t task, const TopFeatureOptions& options) {
    const auto& [name, classes] = tests.tasks[task];
    const std::vector<Ranked> ranked = ranking(tests, task, options);
    if (ranked.empty()) return {};
    const bool trees = options.importances != nullptr;
    std::vector<std::string> header{"Feature"};
    if (trees) header.insert(header.end(), {"Share of gain", "Gain", "Cover", "Splits"});
    header.insert(header.end(), {"Welch's F", "Degrees of freedom", "p", "Adjusted p"});
    const bool pairs = options.pairs && classes.size() > 2;
    for (const int64_t label : classes)
        header.push_back(fmt::format("Mean ± SD, {}{}", pairs ? fmt::format("{}: ", label) : "",
                                     html_escaped(class_name(name, int(label)))));
    if (pairs) header.emplace_back("Differing pairs");
    std::vector<HtmlRow> rows;
    std::string boxes;
    for (size_t r = 0; r < ranked.size(); ++r) {
        const auto& [test, column, importance] = ranked[r];
        std::vector<std::string> cells{html_breakable(test->feature)};
        if (trees)
            cells.insert(cells.end(), {percent(importance->share), number(importance->gain), number(importance->cover),
                                       number(importance->splits)});
        const WelchAnova& welch = test->welch;
        cells.insert(cells.end(), {number(welch.f),
                                   std::isnan(welch.f) ? "n/a" : fmt::format("{:.0f}; {:.1f}", welch.df1, welch.df2),
                                   p_text(welch.p), p_text(test->p_adjusted)});
        for (const GroupSummary& group : test->groups) cells.push_back(spread(group));
        if (pairs) cells.push_back(differing_pairs(*test, classes));
        rows.push_back({std::move(cells)});
        if (r < options.boxes)
            boxes += html_card(test->feature, box_chart(fmt::format("{} by class of {}", test->feature, name),
                                                        "value of the feature", groups_of(tests, task, column)));
    }
    return "<div class='card long scroll'>" + html_table("compact names", header, rows) + "</div>\n<div class='grid'>" +
           boxes + "</div>\n";
}

}  // namespace cmtl
