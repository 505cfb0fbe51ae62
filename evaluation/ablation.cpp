#include "evaluation/ablation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "evaluation/cohorts.hpp"
#include "evaluation/evaluation_report.hpp"

namespace cmtl {

using json = nlohmann::ordered_json;

namespace {
json read_grid(const fs::path& folder) { return json::parse(read_file(folder / "grid.json"), nullptr, false); }

void align_all(Ablation& ablation) {
    std::vector<NamedTable> tables;
    for (AblationSetting& setting : ablation.settings)
        for (size_t r = 0; r < setting.runs.size(); ++r)
            tables.push_back({fmt::format("{}/seed{}", setting.name, setting.seeds[r]), &setting.runs[r]});
    align(tables);
}

json number(double x) { return std::isfinite(x) ? json(x) : json(nullptr); }
}  // namespace

bool is_grid(const fs::path& path) {
    std::error_code code;
    return fs::is_regular_file(path / "grid.json", code);
}

Ablation read_ablation(const fs::path& folder) {
    Ablation ablation;
    ablation.folder = folder;
    const json tree = read_grid(folder);
    try {
        for (const json& run : tree.at("runs")) {
            const fs::path place = folder / run.at("folder").get<std::string>();
            fs::path table;
            try {
                table = predictions_file(place);
            } catch (const Error&) {
                ablation.missing.push_back(run.at("folder").get<std::string>());
                continue;
            }
            const auto name = run.at("setting").get<std::string>();
            auto at = std::find_if(ablation.settings.begin(), ablation.settings.end(),
                                   [&](const AblationSetting& s) { return s.name == name; });
            if (at == ablation.settings.end()) {
                at = ablation.settings.insert(at, {name, {}, {}, {}});
                for (const auto& [key, value] : run.at("values").items())
                    at->values.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
            }
            at->seeds.push_back(run.at("seed").get<uint64_t>());
            at->runs.push_back(read_predictions(table));
        }
    } catch (const nlohmann::json::exception& error) {
        fail(ErrorKind::input, "evaluate", "{}: no grid, or damaged: {}", (folder / "grid.json").string(),
             error.what());
    }
    if (ablation.settings.empty())
        fail(ErrorKind::input, "evaluate", "{}: none of the {} runs has predictions", folder.string(),
             ablation.missing.size());
    align_all(ablation);
    return ablation;
}

std::vector<Model> models_of(const Ablation& ablation) {
    std::vector<Model> models;
    for (const AblationSetting& setting : ablation.settings)
        models.push_back({setting.name, mean_of(setting.runs), std::nullopt});
    return models;
}

std::vector<std::vector<AblationCell>> ablation_cells(const Ablation& ablation) {
    std::vector<std::vector<std::vector<TaskMetrics>>> metrics;  // [setting][run][task]
    for (const AblationSetting& setting : ablation.settings) {
        metrics.emplace_back();
        for (const Predictions& run : setting.runs) metrics.back().push_back(all_metrics(run));
    }
    std::vector<std::vector<AblationCell>> cells;
    const AblationSetting& first = ablation.settings.front();
    for (size_t s = 0; s < metrics.size(); ++s) {
        cells.emplace_back();
        const auto& seeds = ablation.settings[s].seeds;
        for (size_t k = 0; k < metrics[s][0].size(); ++k) {
            std::vector<double> auc, accuracy, balanced, gain;
            for (size_t r = 0; r < seeds.size(); ++r) {
                const TaskMetrics& task = metrics[s][r][k];
                auc.push_back(task.auc);
                accuracy.push_back(task.accuracy);
                balanced.push_back(task.balanced_accuracy);
                const auto same = std::find(first.seeds.begin(), first.seeds.end(), seeds[r]);
                if (s == 0 || same == first.seeds.end()) continue;
                const auto& of_first = metrics[0][static_cast<size_t>(same - first.seeds.begin())];
                const auto its = std::ranges::find(of_first, task.name, &TaskMetrics::name);
                if (its != of_first.end()) gain.push_back(task.auc - its->auc);
            }
            cells.back().push_back({spread(auc), spread(accuracy), spread(balanced), spread(gain)});
        }
    }
    return cells;
}

json ablation_json(const Ablation& ablation) {
    json j{{"settings", json::array()}, {"missing", ablation.missing}};
    const auto cells = ablation_cells(ablation);
    for (size_t s = 0; s < cells.size(); ++s) {
        const AblationSetting& setting = ablation.settings[s];
        json one{
            {"name", setting.name}, {"values", json::object()}, {"seeds", setting.seeds}, {"tasks", json::object()}};
        for (const auto& [key, value] : setting.values) one["values"][key] = value;
        for (size_t k = 0; k < cells[s].size(); ++k) {
            const AblationCell& c = cells[s][k];
            json& task = one["tasks"][setting.runs[0].tasks[k].name];
            for (const auto& [name, measure] : {std::pair{"auc", c.auc},
                                                {"accuracy", c.accuracy},
                                                {"balanced_accuracy", c.balanced_accuracy},
                                                {"auc_gain", c.gain}}) {
                task[std::string(name) + "_mean"] = number(measure.mean);
                task[std::string(name) + "_sd"] = number(measure.deviation);
            }
        }
        j["settings"].push_back(std::move(one));
    }
    return j;
}

std::string ablation_text(const Ablation& ablation) {
    std::string text;
    const auto cells = ablation_cells(ablation);
    size_t width = 0;
    for (const AblationSetting& setting : ablation.settings) width = std::max(width, setting.name.size());
    for (size_t s = 0; s < cells.size(); ++s) {
        text += fmt::format("{:<{}}  AUC", ablation.settings[s].name, width);
        for (size_t k = 0; k < cells[s].size(); ++k) {
            const Spread& auc = cells[s][k].auc;
            text += fmt::format("{} {} {:.3f}{}", k ? "," : "", ablation.settings[s].runs[0].tasks[k].name, auc.mean,
                                std::isnan(auc.deviation) ? "" : fmt::format(" +- {:.3f}", auc.deviation));
        }
        text += "\n";
    }
    return text;
}

Evaluation write_ablation(const Ablation& ablation, const fs::path& output, const EvaluationOptions& options,
                          const std::string& program) {
    EvaluationOptions asked = options;
    asked.against_first = true;
    Evaluation e = evaluate_models(models_of(ablation), std::move(asked));
    for (const std::string& run : ablation.missing) e.notes.push_back(fmt::format("{}: not finished, left out", run));
    make_folder(output);
    json j = evaluation_json(e);
    j["grid"] = ablation_json(ablation);
    j["program"] = program;
    write_file(output / "metrics.json", j.dump(2) + "\n");
    write_file(
        output / "report.html",
        evaluation_report_html(e, fmt::format("{}, {} settings", ablation.folder.string(), ablation.settings.size()),
                               program, ablation_html(ablation, e)));
    return e;
}

}  // namespace cmtl
