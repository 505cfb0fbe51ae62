#pragma once
// Many trainings from one table of settings.
#include <filesystem>
#include <string>
#include <vector>

#include "training/grid_plan.hpp"

namespace cmtl {

struct GridOutcome {
    bool interrupted = false;
    size_t runs = 0, finished = 0;
    bool report = false;              // there is one
    std::vector<std::string> failed;  // "FOLDER: what went wrong", and cases that were left out
};

// Trains the runs of the JSON file `grid` (grid_plan.hpp) one after the other into request.run/SETTING/seedN, all on
// one cache (request.run/cache, else request.cache; runs of another preparation than the first run's get a folder below
// it). Leaves grid.json (plan, and every run with its settings), grid.csv (a row per run), grid_mean.csv (a row per
// setting, mean and sample standard deviation over seeds), log.txt, and with a finished run metrics.json and
// report.html (evaluation/ablation.hpp).
//
// A run that fails is listed and the others go on. With request.resume finished runs are kept, begun ones go on where
// they stopped, and runs that the file names now are added; without `grid` the file is taken from grid.json. Throws
// Error(usage) where the settings of a run are others than it was begun with, naming the first difference; Error(input)
// where another process trains in the folder.
GridOutcome run_grid(const std::filesystem::path& grid, const TrainRequest& request);

// Whether this folder holds a finished training, or a finished cross-validation.
bool run_is_finished(const std::filesystem::path& run, int folds);

}  // namespace cmtl
