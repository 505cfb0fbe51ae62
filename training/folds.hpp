#pragma once
// Studies of more than one training: cross-validation, tuning within it, ensembles.
#include "training/trainer.hpp"
#include "training/tuning.hpp"

namespace cmtl {

struct StudyOptions {
    int folds = 0;         // of a stratified cross-validation; 0: none
    bool by_site = false;  // a fold for each site instead
    int members = 1;       // models of different seeds whose probabilities are averaged
    std::optional<TuningPlan> tuning;

    bool cross_validates() const { return folds > 0 || by_site; }
};

// As run.study of a folder's config.json.
nlohmann::json to_json(const StudyOptions& options);

struct FoldsOutcome {
    bool interrupted = false;
    std::vector<std::string> failed, warnings;
    std::vector<std::vector<TaskMetrics>> by_fold;  // of the fold that was left out of training
    Predictions pooled;                             // every case once, predicted by the model that had not seen it
    std::vector<TaskMetrics> pooled_metrics;
};

// Trains into run/fold0, run/fold1, ...: each without one fold of the cases (test cases of the manifest take no part),
// which plays the part of the test set. Without data.fold_validation_share there is no validation set, so the last
// weights count and nothing is chosen by the fold they are measured on; with it, that share of a fold's training cases,
// drawn by seed and fold, is one. Tuning, in each fold anew, sees that fold's training cases alone.
//
// Leaves in run: predictions.csv (pooled), folds.csv (`ID,fold`), folds.json, config.json, of trees importances.csv
// (means over the folds), and at last report.html (training/study_report.hpp). With job.resume finished folds are taken
// as they are and an unfinished one goes on.
FoldsOutcome cross_validate(const TrainJob& job, const StudyOptions& options);
FoldsOutcome cross_validate(const TrainJob& job, int folds);

// Without folds: tunes within the training cases, then trains the ensemble, or the one model, into `run`.
TrainOutcome train_study(TrainJob job, const StudyOptions& options);

// "CT  AUC 0.893 +- 0.021 over 5 folds (pooled 0.889)", a line per task.
std::string folds_table(const FoldsOutcome& outcome);

}  // namespace cmtl
