#pragma once
// A training from cohort to run folder.
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/device.hpp"
#include "evaluation/metrics.hpp"
#include "pipeline/feature_table.hpp"
#include "training/cohort.hpp"
#include "training/config.hpp"

namespace cmtl {

struct TrainJob {
    Config config;
    Cohort cohort;                         // splits are drawn for cases that have none
    std::optional<FeatureTable> features;  // raw; without it a feature branch gets config.radiomics, computed from the images
    std::filesystem::path run;             // run folder
    std::filesystem::path cache;           // of prepared volumes; empty: run/cache
    std::filesystem::path init;            // weights to begin with; empty: fresh ones
    nlohmann::json sources;                // noted in config.json as run.sources: manifest, features, id_column
    uint64_t seed = 0;
    Device device;
    int threads = 1;
    bool resume = false, quiet = false;
    bool report = true;  // leave report.html
    std::string title = "train";  // in front of the progress bar
    // Called after every optimiser step with the number of steps done. What it throws ends the training at once,
    // without a checkpoint, as a kill would.
    std::function<void(int64_t)> after_step;
};

// What splits are drawn with where the manifest has none: data.split_seed, or the run's seed.
inline uint64_t split_seed(const TrainJob& job) {
    return job.config.data.split_seed < 0 ? job.seed : static_cast<uint64_t>(job.config.data.split_seed);
}

struct TrainOutcome {
    bool interrupted = false;         // SIGINT or SIGTERM: the state is saved, the rest is empty
    std::vector<std::string> failed;  // cases that were left out, "ID: what is wrong"
    std::vector<std::string> warnings;  // of identical scans: training/duplicates.hpp
    Predictions val, test;            // of the chosen weights
    std::vector<TaskMetrics> val_metrics, test_metrics;
};

// Trains and leaves in the run folder: config.json, metrics.jsonl (one line per epoch, one at the end), log.txt,
// checkpoints/{latest,best}.safetensors, predictions_{val,test}.csv, tensorboard/, and at last report.html. Boosted
// trees (model.architecture xgboost) leave other checkpoints: training/tree_training.hpp.
//
// The same seed, cohort, configuration and number of threads give the same bits, run after run, and also when the run
// was interrupted or killed at any moment and resumed. The test cases are looked at once, at the end. Throws Error:
// input for wrong data, a changed cohort, another architecture, a loss that is not finite; usage for a configuration
// other than the one the folder was begun with, and for train.patience without validation cases; resource where the
// disk is full (older checkpoints survive). A case that cannot be read any more ends the training with the state saved.
TrainOutcome train(TrainJob job);

// One line per task: "CT        AUC 0.93 [0.90, 0.96]  accuracy ...".
std::string metrics_table(const std::vector<TaskMetrics>& tasks);

}  // namespace cmtl
