#include "training/study_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/files.hpp"
#include "training/training_report.hpp"
#include "training/tuning_report.hpp"

namespace cmtl {

namespace {
std::vector<std::string> with_left_out(std::vector<std::string> warnings, const std::vector<std::string>& failed) {
    if (!failed.empty()) warnings.push_back(left_out_sentence(failed.size()));
    return warnings;
}

void write(TrainingReport& report, const TrainJob& job) {
    report.program = training_program();
    report.seed = job.seed;
    report.settings = settings_groups(nlohmann::json::parse(read_file(job.run / "config.json"), nullptr, false));
    write_file(job.run / "report.html", training_report_html(report));
}

// `cohort` without the cases that were left out ("ID: why").
Cohort taking_part(Cohort cohort, const std::vector<std::string>& failed) {
    std::erase_if(cohort.cases, [&](const CohortCase& one) {
        return std::ranges::any_of(failed, [&](const std::string& text) { return text.starts_with(one.id + ": "); });
    });
    return cohort;
}
}  // namespace

void write_folds_report(const TrainJob& job, const Cohort& cohort, const CohortGroups& folds,
                        const std::vector<Predictions>& by_fold, const FoldsOutcome& outcome) {
    TrainingReport report;
    report.title = "Cross-validation";
    report.subtitle = job.run.string();
    add_summary(report, outcome.pooled, "AUC, pooled");
    report.summary.emplace_back("cases", std::to_string(outcome.pooled.ids.size()));
    report.summary.emplace_back("folds", std::to_string(by_fold.size()));
    report.warnings = with_left_out(outcome.warnings, outcome.failed);

    const std::set<std::string> predicted(outcome.pooled.ids.begin(), outcome.pooled.ids.end());
    Cohort members = cohort;
    CohortGroups groups{folds.names, {}};
    members.cases.clear();
    for (size_t i = 0; i < cohort.cases.size(); ++i) {
        if (!predicted.contains(cohort.cases[i].id)) continue;
        members.cases.push_back(cohort.cases[i]);
        members.cases.back().split = Split::train;  // in all folds but one
        groups.of_case.push_back(folds.of_case[i]);
    }
    report.cohort = cohort_tables(members, {}, outcome.failed, groups);

    StudyParts parts{"Folds", "Fold", {}, {"pooled", outcome.pooled}, ""};
    std::vector<std::pair<std::string, fs::path>> folders;
    for (size_t k = 0; k < by_fold.size(); ++k) {
        parts.parts.push_back({folds.names[k], by_fold[k]});
        folders.emplace_back(folds.names[k], job.run / fmt::format("fold{}", k));
    }
    parts.note =
        "Each fold predicted by what was trained without it; intervals are DeLong's. Pooled: all cases at once, which "
        "also compares probabilities of different models with each other.";
    report.studies = {parts};
    report.sets = {{"all folds, pooled", outcome.pooled}};
    report.tuning = tuning_tables(folders);
    add_features(report, members, job.features ? &*job.features : nullptr, job.run);
    write(report, job);
}

void write_ensemble_report(const TrainJob& job, const std::vector<TrainOutcome>& members, const TrainOutcome& mean) {
    TrainingReport report;
    report.title = "Ensemble";
    report.subtitle = job.run.string();
    const bool tested = !mean.test.ids.empty();
    add_summary(report, tested ? mean.test : mean.val, tested ? "AUC, test" : "AUC, validation");
    const Cohort cohort = taking_part(job.cohort, mean.failed);
    report.summary.emplace_back("cases", std::to_string(cohort.cases.size()));
    report.summary.emplace_back("models", std::to_string(members.size()));
    report.warnings = with_left_out(mean.warnings, mean.failed);
    report.cohort = cohort_tables(cohort, {}, mean.failed);

    const auto add = [&](const std::string& set, Predictions TrainOutcome::*predictions) {
        if ((mean.*predictions).ids.empty()) return;
        StudyParts parts{"Models, " + set + " cases", "Model", {}, {"ensemble", mean.*predictions}, ""};
        for (size_t m = 0; m < members.size(); ++m)
            parts.parts.push_back({fmt::format("seed {}", job.seed + m), members[m].*predictions});
        parts.note =
            "Intervals are DeLong's, of the cases; the standard deviation is that of the seeds. Ensemble: the mean of "
            "the models' probabilities.";
        report.studies.push_back(std::move(parts));
        report.sets.push_back({set + ", mean of the models", mean.*predictions});
    };
    add("test", &TrainOutcome::test);
    add("validation", &TrainOutcome::val);
    report.tuning = tuning_tables({{"", job.run}});
    add_features(report, cohort, job.features ? &*job.features : nullptr, job.run);
    write(report, job);
}

}  // namespace cmtl
