#include <fmt/format.h>

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

std::string p_text(double p) {
    return std::isnan(p) ? "n/a" : p > 0 && p < 0.001 ? fmt::format("{:.1e}", p) : fmt::format("{:.3f}", p);
}

// The difference of the ensembles' AUC from the first setting's, and DeLong's p where there are two classes.
std::string tested(const Evaluation& e, size_t setting, const std::string& task) {
    for (const Comparison& c : e.comparisons)
        if (c.a == 0 && c.b == setting && c.task == task) {
            std::string text = fmt::format("{:+.3f}", -c.auc_difference);
            const Interval& i = c.auc_difference_interval;
            if (!std::isnan(i.low))
                text += fmt::format(" <span class='muted'>({:+.3f} to {:+.3f})</span>", -i.high, -i.low);
            if (c.delong.size() == 1) text += fmt::format("<br>p {}", p_text(c.delong[0].second.p));
            return text;
        }
    return "";
}
}  // namespace

std::string ablation_html(const Ablation& ablation, const Evaluation& evaluation) {
    const auto cells = ablation_cells(ablation);
    const auto& first = ablation.settings.front();
    const auto& tasks = first.runs[0].tasks;
    const auto begin = [](std::string_view heading) {
        return fmt::format(
            "<div class='card scroll' style='margin-bottom:14px'><h3>{}</h3><table class='compact'><tr>"
            "<th>Setting</th>",
            html_escaped(heading));
    };
    std::string table = begin("AUC by task") + "<th>Seeds</th>";
    for (const auto& task : tasks) table += fmt::format("<th>{}</th>", html_escaped(task.name));
    table += "</tr>";
    for (size_t s = 0; s < cells.size(); ++s) {
        const AblationSetting& setting = ablation.settings[s];
        table += fmt::format("<tr><td>{}</td><td>{}</td>", html_escaped(setting.name), setting.seeds.size());
        for (const AblationCell& c : cells[s]) table += fmt::format("<td>{}</td>", plus_minus(c.auc));
        table += "</tr>";
    }
    table += "</table></div>";
    for (size_t k = 0; k < tasks.size(); ++k) {
        table += begin(task_title(tasks[k].name)) +
                 "<th>AUC</th><th>Accuracy</th><th>Balanced</th><th>Gain</th><th>Ensemble</th><th>Difference</th></tr>";
        for (size_t s = 0; s < cells.size(); ++s) {
            const AblationCell& c = cells[s][k];
            table +=
                fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                            html_escaped(ablation.settings[s].name), plus_minus(c.auc), plus_minus(c.accuracy),
                            plus_minus(c.balanced_accuracy), s == 0 ? "" : plus_minus(c.gain, true),
                            decimal(evaluation.tasks[s][k].metrics.auc), tested(evaluation, s, tasks[k].name));
        }
        table += "</table></div>";
    }
    table += fmt::format(
        "<p class='muted' style='margin:8px 0 0;font-size:13px'>AUC and accuracy: mean over the seeds' "
        "runs ± "
        "standard deviation (of the sample). Gain: AUC of a run less that of the run of “{}” with the same seed, mean "
        "± standard "
        "deviation. Ensemble: AUC of the mean of the seeds' probabilities, which is what the rest of this page shows. "
        "Difference: ensemble less the ensemble of “{}”, 95 % interval from paired bootstrap replicates, DeLong's "
        "paired test "
        "for tasks of two classes; p values are not adjusted for the number of comparisons.</p>",
        html_escaped(first.name), html_escaped(first.name));
    return html_section("Settings", table);
}

}  // namespace cmtl
