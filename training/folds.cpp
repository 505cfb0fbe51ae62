#include "training/folds.hpp"

#include <algorithm>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "evaluation/spread.hpp"
#include "training/ensemble.hpp"
#include "training/run_folder.hpp"
#include "training/study_report.hpp"
#include "training/tree_training.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {
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

// `ID,fold`, with sites `ID,fold,Site`.
void write_fold_table(const fs::path& path, const Cohort& cohort, const std::vector<int>& fold_of,
                      const std::vector<std::string>& sites) {
    CsvTable csv;
    csv.header = {"ID", "fold"};
    if (!sites.empty()) csv.header.push_back("Site");
    for (size_t i = 0; i < cohort.cases.size(); ++i) {
        csv.rows.push_back({cohort.cases[i].id, std::to_string(fold_of[i])});
        if (!sites.empty()) csv.rows.back().push_back(cohort.cases[i].site);
    }
    write_csv(path, csv);
}

// Fold k is the test set; a share of the rest may be validation.
void draw_fold(TrainJob& part, const std::vector<int>& fold_of, int k) {
    Cohort rest = part.cohort;
    rest.cases.clear();
    for (size_t i = 0; i < fold_of.size(); ++i) {
        CohortCase& one = part.cohort.cases[i];
        one.split = fold_of[i] == k ? Split::test : Split::unassigned;
        if (one.split == Split::unassigned) rest.cases.push_back(one);
    }
    assign_splits(rest, part.config.data.fold_validation_share, part.seed, 2 + static_cast<uint64_t>(k));
    auto drawn = rest.cases.begin();
    for (CohortCase& one : part.cohort.cases)
        if (one.split == Split::unassigned) one.split = (drawn++)->split;
}

ordered_json to_json(const Tuned& tuned, const TuningPlan& plan) {
    ordered_json candidates = ordered_json::array();
    for (size_t c = 0; c < plan.candidates.size(); ++c)
        candidates.push_back({{"settings", plan.candidates[c]}, {"auc", tuned.scores[c].score}});
    return {{"chosen", tuned.chosen + 1},
            {"settings", plan.candidates[tuned.chosen]},
            {"inner_folds", plan.folds},
            {"candidates", candidates}};
}
}  // namespace

json to_json(const StudyOptions& options) {
    const fs::path plan = options.tuning ? options.tuning->file : fs::path();
    return {{"folds", options.by_site ? json("site") : json(options.folds)},
            {"ensemble", options.members},
            {"tune", plan.empty() ? "" : fs::absolute(plan).lexically_normal().string()}};
}

FoldsOutcome cross_validate(const TrainJob& job, int folds) {
    StudyOptions options;
    options.folds = folds;
    return cross_validate(job, options);
}

FoldsOutcome cross_validate(const TrainJob& job, const StudyOptions& options) {
    Cohort cohort = job.cohort;
    std::erase_if(cohort.cases, [](const CohortCase& one) { return one.split == Split::test; });
    cohort.has_splits = true;
    const SiteFolds sites = options.by_site ? site_folds(cohort) : SiteFolds{};
    const auto fold_of = options.by_site ? sites.fold : assign_folds(cohort, options.folds, job.seed);
    const int folds = options.by_site ? static_cast<int>(sites.sites.size()) : options.folds;
    RunFolder folder(job.run, job.resume, job.quiet);
    record_study(job, to_json(options));
    write_fold_table(folder.path() / "folds.csv", cohort, fold_of, sites.sites);
    FoldsOutcome outcome;
    std::vector<Predictions> by_fold;
    std::vector<fs::path> importances;
    ordered_json tuned_folds = ordered_json::array();
    for (int k = 0; k < folds; ++k) {
        TrainJob part = job;
        part.cohort = cohort;
        draw_fold(part, fold_of, k);
        part.run = job.run / fmt::format("fold{}", k);
        part.resume = true;  // its folder belongs to this one, which was empty or is resumed
        if (part.cache.empty()) part.cache = job.run / "cache";  // one for all folds
        folder.log(
            fmt::format("fold {} of {}{}", k + 1, folds, options.by_site ? ": without " + sites.sites[size_t(k)] : ""),
            true);
        if (options.tuning) {
            const Tuned tuned = tune(part, *options.tuning);
            if (tuned.interrupted) {
                outcome.interrupted = true;
                return outcome;
            }
            folder.log(tuning_line(tuned, *options.tuning), true);
            tuned_folds.push_back(to_json(tuned, *options.tuning));
            part.config = tuned.config;
        }
        importances.push_back(part.run / "importances.csv");
        TrainOutcome done = train_ensemble(std::move(part), options.members);
        if (done.interrupted) {
            outcome.interrupted = true;
            return outcome;
        }
        outcome.failed = done.failed;
        for (const auto& warning : done.warnings)
            if (std::find(outcome.warnings.begin(), outcome.warnings.end(), warning) == outcome.warnings.end())
                outcome.warnings.push_back(warning);
        outcome.by_fold.push_back(std::move(done.test_metrics));
        append(outcome.pooled, done.test);
        by_fold.push_back(std::move(done.test));
    }
    outcome.pooled_metrics = all_metrics(outcome.pooled);
    write_predictions(folder.path() / "predictions.csv", outcome.pooled);
    if (job.config.model.architecture == boosted_trees_architecture)
        average_importances(importances, folder.path() / "importances.csv");
    ordered_json json{{"version", CMTL_VERSION},
                      {"folds", folds},
                      {"seed", job.seed},
                      {"ensemble", options.members},
                      {"cases", outcome.pooled.ids.size()}};
    if (options.by_site) json["sites"] = sites.sites;
    for (size_t t = 0; t < outcome.pooled_metrics.size(); ++t) {
        const auto values = aucs(outcome, t);
        const Spread s = spread(values);
        json["tasks"][outcome.pooled_metrics[t].name] = {{"auc_mean", s.mean},
                                                         {"auc_sd", s.deviation},
                                                         {"auc_by_fold", values},
                                                         {"pooled", to_json(outcome.pooled_metrics[t])}};
    }
    if (options.tuning) json["tuning"] = tuned_folds;
    if (!outcome.warnings.empty()) json["warnings"] = outcome.warnings;
    write_file(folder.path() / "folds.json", json.dump(2) + "\n");
    folder.log(fmt::format("cross-validation:\n{}", folds_table(outcome)), true);
    if (!job.report) return outcome;
    CohortGroups groups{{}, fold_of};
    for (int k = 0; k < folds; ++k)
        groups.names.push_back(options.by_site ? fmt::format("fold {} ({})", k, sites.sites[size_t(k)])
                                               : fmt::format("fold {}", k));
    write_folds_report(job, cohort, groups, by_fold, outcome);
    return outcome;
}

TrainOutcome train_study(TrainJob job, const StudyOptions& options) {
    if (!job.cohort.has_splits) assign_splits(job.cohort, job.config.data.validation_share, split_seed(job));
    job.cohort.has_splits = true;
    if (options.tuning) {
        RunFolder folder(job.run, job.resume, job.quiet);
        const Tuned tuned = tune(job, *options.tuning);
        if (tuned.interrupted) {
            TrainOutcome outcome;
            outcome.interrupted = true;
            return outcome;
        }
        folder.log(tuning_line(tuned, *options.tuning), true);
        job.config = tuned.config;
        job.resume = true;
    }
    return options.members > 1 ? train_ensemble(std::move(job), options.members) : train(std::move(job));
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
