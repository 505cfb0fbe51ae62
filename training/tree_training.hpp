#pragma once
// Boosted trees from cohort to run folder, and back from the folder to predictions.
#include <filesystem>
#include <string>
#include <vector>

#include "training/boosted_trees.hpp"
#include "training/trainer.hpp"

namespace cmtl {

// train() where model.architecture is xgboost: a model for each task, of the training cases whose label is known, on
// the features as they are (NaN: missing). Every round adds to each task's trees; a task stops `trees.patience` rounds
// after its best validation loss and keeps the trees up to that.
//
// Leaves what train() leaves, with a round as an epoch of metrics.jsonl, checkpoints/TASK.json (XGBoost's format) in
// place of the weights, and importances.csv. There is no checkpoint within a training: a resumed one begins again and
// comes to the same files. Throws Error(input) for a task without labelled training case, and as train() does.
TrainOutcome train_trees(TrainJob job);

// Whether this is a run folder of train_trees, or one of folds or an ensemble of such runs.
bool is_tree_run(const std::filesystem::path& run);

struct TreeModel {
    std::vector<Task> tasks;
    std::vector<std::vector<BoostedTrees>> trees;  // by training (model_runs()), then task; all of the same features
};
// Throws Error(input) naming the file that is missing or damaged, or of other tasks or features than the first
// training.
TreeModel read_tree_model(const std::filesystem::path& run, int threads);

// The mean over the trainings, of rows of a table whose columns are the model's features in its order; labels -1.
Predictions predict_trees(const TreeModel& model, const FeatureTable& table, const std::vector<std::string>& ids);

// `task,feature,gain,cover,weight,share`, tasks in order, features by falling share.
struct TaskImportances {
    std::string task;
    std::vector<FeatureImportance> features;
};
void write_importances(const std::filesystem::path& path, const std::vector<TaskImportances>& importances);
// The means over files of several models, in which an absent feature counts 0.
void average_importances(const std::vector<std::filesystem::path>& files, const std::filesystem::path& path);

}  // namespace cmtl
