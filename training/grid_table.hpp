#pragma once
// grid.csv and grid_mean.csv: what came of a grid's runs.
#include <filesystem>
#include <string>

#include "base/csv.hpp"
#include "training/grid_plan.hpp"

namespace cmtl {

// A row per run: folder, setting, seed, what varies (as resolved), state (finished | begun | waiting), epochs, seconds,
// parameters, and for finished ones val_TASK_auc, val_TASK_accuracy, val_TASK_balanced_accuracy, val_mean_auc and the
// same for test, or for folds of all cases pooled (cv_). Empty where not known.
CsvTable grid_table(const GridPlan& plan, const std::filesystem::path& folder);

// A row per setting: what varies, the number of finished runs, and NAME_mean, NAME_sd (of the sample) of each measure
// over them.
CsvTable grid_means(const CsvTable& table, const GridPlan& plan);

// Seconds between the first and the last line of each session in a run's log.txt; those of folds together.
double logged_seconds(const std::filesystem::path& run);

}  // namespace cmtl
