#pragma once
// Several trainings of one job, and trainings that may be done already.
#include "training/trainer.hpp"

namespace cmtl {

// train(), and run/done.json at its end. Where that says that the same job was finished there, nothing is computed;
// either way the outcome is what the folder's files say, so a resumed study continues with the same numbers. A folder
// that holds an unfinished run is gone on with. Throws Error as train() does; for the finished run of another job too.
TrainOutcome train_once(TrainJob job);

// Trains `members` models, which differ in their seeds (job.seed, job.seed + 1, ...), into run/seed0, run/seed1, ...,
// and leaves in `run` the mean of their probabilities: predictions_{val,test}.csv, config.json, ensemble.json and, of
// trees, importances.csv, and at last report.html. Cases without split get one by job.seed, the same for all. One
// member: train_once(job).
TrainOutcome train_ensemble(TrainJob job, int members);

// What the folder of several trainings was begun with, in its config.json. Writes it, or, where it is there, throws
// Error(usage) when it differs. `study` stands under run.study.
void record_study(const TrainJob& job, const nlohmann::json& study);
// run.study of a folder's config.json; null where there is none.
nlohmann::json recorded_study(const std::filesystem::path& run);

}  // namespace cmtl
