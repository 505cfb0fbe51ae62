#include "training/folds.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/files.hpp"
#include "training/run_folder.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::ordered_json;

namespace {
struct Spread {
    double mean = 0, deviation = 0;  // sample standard deviation
};

Spread spread(const std::vector<double>& values) {
    Spread s;
    for (const double v : values) s.mean += v / static_cast<double>(values.size());
    for (const double v : values) s.deviation += (v - s.mean) * (v - s.mean);
    s.deviation = values.size() > 1 ? std::sqrt(s.deviation / static_cast<double>(values.size() - 1)) : 0;
    return s;
}

std::vector<double> aucs(const FoldsOutcome& outcome, size_t task) {
    std::vector<double> values;
    for (const auto& fold : outcome.by_fold) values.push_back(fold[task].auc);
    return values;
}

void append(Predictions& pooled, const Predictions& more) {
    if (pooled.tasks.empty()) {
        pooled = more;
        return;
    }
    pooled.ids.insert(pooled.ids.end(), more.ids.begin(), more.ids.end());
    for (size_t k = 0; k < pooled.tasks.size(); ++k) {
        auto& to = pooled.tasks[k];
        const auto& from = more.tasks[k];
        to.probabilities.insert(to.probabilities.end(), from.probabilities.begin(), from.probabilities.end());
        to.labels.insert(to.labels.end(), from.labels.begin(), from.labels.end());
    }
}
}  // namespace

FoldsOutcome cross_validate(const TrainJob& job, int folds) {
    Cohort cohort = job.cohort;
    std::erase_if(cohort.cases, [](const CohortCase& one) { return one.split == Split::test; });
    cohort.has_splits = true;
    const std::vector<int> fold_of = assign_folds(cohort, folds, job.seed);
    RunFolder folder(job.run, job.resume, job.quiet);
    FoldsOutcome outcome;
    for (int k = 0; k < folds; ++k) {
        TrainJob part = job;
        part.cohort = cohort;
        for (size_t i = 0; i < cohort.cases.size(); ++i)
            part.cohort.cases[i].split = fold_of[i] == k ? Split::test : Split::train;
        part.run = job.run / fmt::format("fold{}", k);
        if (part.cache.empty()) part.cache = job.run / "cache";  // one for all folds
        folder.log(fmt::format("fold {} of {}", k + 1, folds), true);
        TrainOutcome done = train(std::move(part));
        if (done.interrupted) {
            outcome.interrupted = true;
            return outcome;
        }
        outcome.failed = done.failed;
        outcome.by_fold.push_back(std::move(done.test_metrics));
        append(outcome.pooled, done.test);
    }
    outcome.pooled_metrics = all_metrics(outcome.pooled);
    write_predictions(folder.path() / "predictions.csv", outcome.pooled);
    ordered_json json{
        {"version", CMTL_VERSION}, {"folds", folds}, {"seed", job.seed}, {"cases", outcome.pooled.ids.size()}};
    for (size_t t = 0; t < outcome.pooled_metrics.size(); ++t) {
        const auto values = aucs(outcome, t);
        const Spread s = spread(values);
        json["tasks"][outcome.pooled_metrics[t].name] = {{"auc_mean", s.mean},
                                                         {"auc_sd", s.deviation},
                                                         {"auc_by_fold", values},
                                                         {"pooled", to_json(outcome.pooled_metrics[t])}};
    }
    write_file(folder.path() / "folds.json", json.dump(2) + "\n");
    folder.log(fmt::format("cross-validation:\n{}", folds_table(outcome)), true);
    return outcome;
}

std::string folds_table(const FoldsOutcome& outcome) {
    std::string text;
    for (size_t t = 0; t < outcome.pooled_metrics.size(); ++t) {
        const Spread s = spread(aucs(outcome, t));
        text += fmt::format("{}  {:<10} AUC {:.4f} +- {:.4f} over {} folds (pooled {:.4f})", t ? "\n" : "",
                            outcome.pooled_metrics[t].name, s.mean, s.deviation, outcome.by_fold.size(),
                            outcome.pooled_metrics[t].auc);
    }
    return text;
}

}  // namespace cmtl
