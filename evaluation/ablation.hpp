#pragma once
// The runs of a grid (cmtl_train --grid): settings as models of one report, seeds as their repetitions.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/evaluation.hpp"
#include "evaluation/spread.hpp"

namespace cmtl {

struct AblationSetting {
    std::string name;
    std::vector<std::pair<std::string, std::string>> values;  // of what varies: key, value
    std::vector<uint64_t> seeds;
    std::vector<Predictions> runs;  // by seed, on the same cases in the same order
};

// Read from FOLDER/grid.json, which lists the runs, and the predictions of each (predictions_file()).
struct Ablation {
    std::filesystem::path folder;
    std::vector<AblationSetting> settings;  // those of which a run is finished
    std::vector<std::string> missing;       // runs without predictions
};

bool is_grid(const std::filesystem::path& path);
// Error(input) for a damaged grid.json, no finished run, and runs on different cases.
Ablation read_ablation(const std::filesystem::path& folder);

// A model per setting: the mean of its seeds' probabilities, which is what one would use, and what paired tests of the
// same cases need: one probability per case.
std::vector<Model> models_of(const Ablation& ablation);

// What the seeds say of one task of one setting: the mean over runs and their sample standard deviation (NaN for one
// run); `gain`, run by run against the first setting's run of the same seed (NaN for the first setting, and where no
// seed is shared or the first setting lacks the task).
struct AblationCell {
    Spread auc, accuracy, balanced_accuracy, gain;
};
// [setting][task of the setting's runs].
std::vector<std::vector<AblationCell>> ablation_cells(const Ablation& ablation);

// Settings by tasks as a section of a page, and the same as JSON: {"settings": [{"name", "values", "seeds", "tasks":
// {TASK: {"auc_mean", "auc_sd", ...}}}], "missing": [...]}. `evaluation` is that of models_of(), in its order, of which
// the page shows the ensembles' AUC and the tests against the first setting.
std::string ablation_html(const Ablation& ablation, const Evaluation& evaluation);
nlohmann::ordered_json ablation_json(const Ablation& ablation);

// A line per setting: "shift3d.p=0,loss=equal  CT AUC 0.871 +- 0.012, ...".
std::string ablation_text(const Ablation& ablation);

// OUTPUT/metrics.json and OUTPUT/report.html of a grid. Throws Error as evaluate_models does.
Evaluation write_ablation(const Ablation& ablation, const std::filesystem::path& output,
                          const EvaluationOptions& options, const std::string& program);

}  // namespace cmtl
