#include "evaluation/features_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "evaluation/page.hpp"
#include "evaluation/top_features.hpp"

namespace cmtl {

std::string features_report_html(const FeatureTests& tests, const FeatureTestOptions& options,
                                 const std::string& subtitle, const std::vector<std::string>& notes,
                                 const std::string& program) {
    const size_t count = tests.features.size();
    Facts tiles{{"cases with features and labels", std::to_string(tests.cases)}, {"features", std::to_string(count)}};
    std::string sections;
    for (size_t k = 0; k < tests.tasks.size(); ++k) {
        const std::string& task = tests.tasks[k].first;
        size_t significant = 0, defined = 0;
        for (size_t f = 0; f < count; ++f) {
            const FeatureTest& test = tests.tests[k * count + f];
            significant += test.p_adjusted < 0.05;
            defined += test.welch.reason.empty();
        }
        tiles.emplace_back(fmt::format("{}: adjusted p < 0.05", task), fmt::format("{} of {}", significant, count));
        std::string inner = top_features_html(tests, k, {.rows = 20, .boxes = 6, .pairs = true});
        if (inner.empty()) inner = html_card("", "<p class='muted'>No feature could be tested.</p>");
        if (defined < count)
            inner +=
                html_note(fmt::format("{} of {} features could not be tested: a class has fewer than two values, "
                                      "or equal ones only.",
                                      count - defined, count));
        sections += html_section(task_title(task), inner);
    }
    constexpr const char* adjustments[] = {"Benjamini and Hochberg", "Holm", "Bonferroni"};
    const std::string method = fmt::format(
        "The {} features with the largest F of Welch's ANOVA, and box plots of the first. Adjusted p: over the "
        "features "
        "of a task, by {}. Differing pairs: of classes, with p below 0.05 by {}, which counts the pairs of one feature "
        "alone. All "
        "features are in welch.csv and posthoc.csv.",
        std::min<size_t>(20, count), adjustments[size_t(options.adjustment)],
        options.posthoc == PostHoc::games_howell ? "Games and Howell" : "Dunnett's T3");
    return html_page("Features and classes", subtitle,
                     html_tiles(tiles) + html_warnings(notes) + sections + html_note(method), program);
}

}  // namespace cmtl
