#include "training/ensemble.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "training/run_folder.hpp"
#include "training/run_settings.hpp"
#include "training/study_report.hpp"
#include "training/tree_training.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {
void read_back(const fs::path& file, Predictions& predictions, std::vector<TaskMetrics>& metrics) {
    std::error_code code;
    if (!fs::exists(file, code)) return;
    predictions = read_predictions(file);
    metrics = all_metrics(predictions);
}

// What the finished run's files say.
TrainOutcome read_outcome(const fs::path& run, const json& record) {
    TrainOutcome outcome;
    try {
        record.at("failed").get_to(outcome.failed);
        record.at("warnings").get_to(outcome.warnings);
    } catch (const json::exception& error) {
        fail(ErrorKind::input, "run", "{}: damaged: {}", (run / "done.json").string(), error.what());
    }
    read_back(run / "predictions_val.csv", outcome.val, outcome.val_metrics);
    read_back(run / "predictions_test.csv", outcome.test, outcome.test_metrics);
    return outcome;
}

// Adds a share of `more`, the same cases in the same order.
void add(Predictions& sum, const Predictions& more, double share, const std::string& source) {
    const bool first = sum.ids.empty();
    if (first) sum = more;
    if (sum.ids != more.ids)
        fail(ErrorKind::input, "ensemble", "{}: predicts other cases than seed0: some could not be prepared this time",
             source);
    for (size_t k = 0; k < sum.tasks.size(); ++k) {
        auto& to = sum.tasks[k].probabilities;
        const auto& from = more.tasks[k].probabilities;
        for (size_t i = 0; i < to.size(); ++i) to[i] = (first ? 0 : to[i]) + share * from[i];
    }
}

void merge(std::vector<std::string>& to, const std::vector<std::string>& more) {
    for (const auto& one : more)
        if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(one);
}
}  // namespace

void record_study(const TrainJob& job, const json& study) {
    json settings = run_settings(job);
    settings["run"]["study"] = study;
    record_settings(job.run, settings);
}

json recorded_study(const fs::path& run) {
    std::error_code code;
    if (!fs::exists(run / "config.json", code)) return nullptr;
    const json settings = json::parse(read_file(run / "config.json"), nullptr, false);
    if (!settings.is_object()) return nullptr;
    return settings.value("run", json::object()).value("study", json());
}

TrainOutcome train_once(TrainJob job) {
    const fs::path run = job.run, record = run / "done.json";
    job.resume = true;
    const json settings = lasting_settings(run_settings(job));
    const std::string cohort = cohort_hash(job);
    std::error_code code;
    if (fs::exists(record, code)) {
        const json then = json::parse(read_file(record), nullptr, false);
        if (!then.is_object() || !then.contains("settings") || !then["settings"].contains("run"))
            fail(ErrorKind::input, "run", "{}: damaged: remove {} to train it again", record.string(), run.string());
        require_same_settings(run, settings, then["settings"]);
        if (then.value("cohort", json()) != json(cohort))
            fail(ErrorKind::input, "run",
                 "{}: the cohort, its features or its images changed since it was finished: choose another folder",
                 run.string());
        return read_outcome(run, then);
    }
    const TrainOutcome outcome = train(std::move(job));
    if (outcome.interrupted) return outcome;
    const json done{
        {"settings", settings}, {"cohort", cohort}, {"failed", outcome.failed}, {"warnings", outcome.warnings}};
    write_file(record, done.dump(2) + "\n");
    return read_outcome(run, done);
}

TrainOutcome train_ensemble(TrainJob job, int members) {
    if (members < 1) fail(ErrorKind::usage, "ensemble", "--ensemble {}: one model or more", members);
    if (members == 1) return train_once(std::move(job));
    if (!job.cohort.has_splits) assign_splits(job.cohort, job.config.data.validation_share, split_seed(job));
    job.cohort.has_splits = true;
    RunFolder folder(job.run, job.resume, job.quiet);
    record_study(job, {{"ensemble", members}});
    TrainOutcome outcome;
    std::vector<TrainOutcome> trained;
    std::vector<fs::path> importances;
    ordered_json json{{"version", CMTL_VERSION}, {"members", members}};
    for (int m = 0; m < members; ++m) {
        TrainJob member = job;
        member.seed = job.seed + static_cast<uint64_t>(m);
        member.run = job.run / fmt::format("seed{}", m);
        if (member.cache.empty()) member.cache = job.run / "cache";  // one for all
        folder.log(fmt::format("model {} of {}, seed {}", m + 1, members, member.seed), true);
        json["seeds"].push_back(member.seed);
        importances.push_back(member.run / "importances.csv");
        TrainOutcome done = train_once(std::move(member));
        if (done.interrupted) {
            outcome.interrupted = true;
            return outcome;
        }
        merge(outcome.failed, done.failed);
        merge(outcome.warnings, done.warnings);
        const std::string source = (job.run / fmt::format("seed{}", m)).string();
        add(outcome.val, done.val, 1.0 / members, source);
        add(outcome.test, done.test, 1.0 / members, source);
        trained.push_back(std::move(done));
    }
    const auto report = [&](const Predictions& predictions, const char* name, std::vector<TaskMetrics>& metrics) {
        if (predictions.ids.empty()) return;
        metrics = all_metrics(predictions);
        write_predictions(folder.path() / fmt::format("predictions_{}.csv", name), predictions);
        for (const TaskMetrics& task : metrics) json[name][task.name] = to_json(task);
        folder.log(fmt::format("{} cases, mean of {} models:\n{}", name, members, metrics_table(metrics)), true);
    };
    report(outcome.val, "val", outcome.val_metrics);
    report(outcome.test, "test", outcome.test_metrics);
    if (job.config.model.architecture == boosted_trees_architecture)
        average_importances(importances, folder.path() / "importances.csv");
    write_file(folder.path() / "ensemble.json", json.dump(2) + "\n");
    if (job.report) write_ensemble_report(job, trained, outcome);
    return outcome;
}

}  // namespace cmtl
