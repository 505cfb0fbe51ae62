#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/ablation.hpp"
#include "evaluation/page.hpp"
#include "evaluation/report_parts.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
std::string plus_minus(const Spread& s, bool sign = false) {
    if (std::isnan(s.mean)) return "n/a";
    const std::string mean = sign ? fmt::format("{:+.3f}", s.mean) : fmt::format("{:.3f}", s.mean);
    return std::isnan(s.deviation) ? mean : fmt::format("{} <span class='muted'>± {:.3f}</span>", mean, s.deviation);
}

// The difference of the ensembles' AUC from the first setting's, and DeLong's p where there are two classes.
std::string tested(const Evaluation& e, size_t setting, const std::string& task) {
    for (const Comparison& c : e.comparisons)
        if (c.a == 0 && c.b == setting && c.task == task) {
            std::string text = fmt::format("{:+.3f}", -c.auc_difference);
            const Interval& i = c.auc_difference_interval;
            if (!std::isnan(i.low))
                text += fmt::format(" <span class='muted'>({:+.3f} to {:+.3f})</span>", -i.high, -i.low);
            if (c.delong.size() == 1) text += fmt::format("<br/>p {}", p_text(c.delong[0].second.p));
            return text;
        }
    return "";
}
}  // namespace

std::string ablation_html(const Ablation& ablation, const Evaluation& evaluation) {
    const auto cells = ablation_cells(ablation);
    const std::string first = html_escaped(ablation.settings.front().name);
    const auto tasks = evaluation.task_names();
    const auto cell = [&](size_t setting, const std::string& task) -> const AblationCell* {
        const auto& own = ablation.settings[setting].runs[0].tasks;
        const auto at = std::ranges::find(own, task, &TaskPredictions::name);
        return at == own.end() ? nullptr : &cells[setting][static_cast<size_t>(at - own.begin())];
    };
    const auto card = [](std::string_view heading, const std::vector<std::string>& header,
                         const std::vector<HtmlRow>& rows) {
        return html_card(heading, "<div class='scroll'>" + html_table("compact", header, rows) + "</div>");
    };

    std::vector<std::string> header{"Setting", "Seeds"};
    for (const std::string& task : tasks) header.push_back(html_escaped(task));
    std::vector<HtmlRow> rows;
    for (size_t s = 0; s < cells.size(); ++s) {
        const AblationSetting& setting = ablation.settings[s];
        rows.push_back({{html_escaped(setting.name), std::to_string(setting.seeds.size())}});
        for (const std::string& task : tasks) {
            const AblationCell* c = cell(s, task);
            rows.back().cells.push_back(c ? plus_minus(c->auc) : "");
        }
    }
    std::string tables = card("AUC by task", header, rows);
    for (const std::string& task : tasks) {
        rows.clear();
        for (size_t s = 0; s < cells.size(); ++s)
            if (const AblationCell* c = cell(s, task))
                rows.push_back({{html_escaped(ablation.settings[s].name), plus_minus(c->auc), plus_minus(c->accuracy),
                                 plus_minus(c->balanced_accuracy), s == 0 ? "" : plus_minus(c->gain, true),
                                 decimal(evaluation.find(s, task)->metrics.auc), tested(evaluation, s, task)}});
        tables +=
            card(task_title(task), {"Setting", "AUC", "Accuracy", "Balanced", "Gain", "Ensemble", "Difference"}, rows);
    }
    tables += html_note(fmt::format(
        "AUC and accuracy: mean over the seeds' runs ± standard deviation (of the sample). Gain: AUC of a run less "
        "that of the run of “{0}” with the same seed, mean ± standard deviation. Ensemble: AUC of the mean of the "
        "seeds' probabilities, which is what the rest of this page shows. Difference: ensemble less the ensemble of "
        "“{0}”, 95 % interval from paired bootstrap replicates, DeLong's paired test for tasks of two classes; p "
        "values are not adjusted for the number of comparisons.",
        first));
    return html_section("Settings", tables);
}

}  // namespace cmtl
