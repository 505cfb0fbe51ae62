#pragma once
// report.html of the folder of several trainings. Made of the manifest and of files of the folder, without the time of
// day: a resumed study leaves the same bytes.
#include <string>
#include <vector>

#include "training/cohort_report.hpp"
#include "training/folds.hpp"

namespace cmtl {

// Cases by fold and label, AUC by fold with mean and standard deviation, the folds' ROC curves, what the pooled
// predictions are worth, tuning.csv of each fold where there is one, settings. `cohort` is what was divided into
// `folds`, which also are the columns of its table; `by_fold` their cases, predicted.
void write_folds_report(const TrainJob& job, const Cohort& cohort, const CohortGroups& folds,
                        const std::vector<Predictions>& by_fold, const FoldsOutcome& outcome);

// The same of the members of an ensemble and of the mean of their probabilities, for test and validation cases.
void write_ensemble_report(const TrainJob& job, const std::vector<TrainOutcome>& members, const TrainOutcome& mean);

}  // namespace cmtl
