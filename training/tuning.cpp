#include "training/tuning.hpp"

#include <cmath>
#include <limits>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "nets/module.hpp"
#include "training/config_tree.hpp"
#include "training/folds.hpp"
#include "training/run_settings.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
std::string source_of(const TuningPlan& plan, size_t candidate) {
    return fmt::format("{}: candidate {}", plan.file.string(), candidate + 1);
}

std::string key_of(const TrainJob& job, int folds) {
    json settings = lasting_settings(run_settings(job));
    settings["folds"] = folds;
    return fmt::format("{:016x}", name_hash(settings.dump() + cohort_hash(job)));
}

CandidateScore score_of(const FoldsOutcome& folds) {
    CandidateScore out;
    const auto n = static_cast<double>(folds.by_fold.size());
    for (const auto& fold : folds.by_fold) {
        out.by_task.resize(fold.size());
        for (size_t k = 0; k < fold.size(); ++k) out.by_task[k] += fold[k].auc / n;
        out.score += mean_auc(fold) / n;
    }
    return out;
}

// Rows of an earlier session that hold for these candidates: by candidate, empty keys elsewhere.
std::vector<CandidateScore> read_scores(const fs::path& file, const std::vector<std::string>& keys,
                                        const std::vector<Task>& tasks) {
    std::vector<CandidateScore> scores(keys.size());
    std::error_code code;
    if (!fs::exists(file, code)) return scores;
    const CsvTable csv = read_csv(file);
    const size_t candidate = csv.column("candidate"), score = csv.column("score"), key = csv.column("key");
    for (size_t r = 0; r < csv.rows.size(); ++r) {
        const int64_t c = csv.integer(r, candidate) - 1;
        if (c < 0 || c >= static_cast<int64_t>(keys.size()) || csv.text(r, key) != keys[static_cast<size_t>(c)])
            continue;
        CandidateScore& one = scores[static_cast<size_t>(c)];
        one.score = csv.number_or_nan(r, score);
        for (const Task& task : tasks) one.by_task.push_back(csv.number_or_nan(r, csv.column(task.name)));
        one.key = csv.text(r, key);
    }
    return scores;
}

void write_scores(const fs::path& file, const TuningPlan& plan, const std::vector<CandidateScore>& scores,
                  const std::vector<Task>& tasks, std::optional<size_t> chosen) {
    CsvTable csv;
    csv.header = {"candidate", "settings", "score"};
    for (const Task& task : tasks) csv.header.push_back(task.name);
    csv.header.insert(csv.header.end(), {"chosen", "key"});
    for (size_t c = 0; c < scores.size(); ++c) {
        if (scores[c].key.empty()) continue;
        std::vector<std::string> row{std::to_string(c + 1), plan.candidates[c].dump(), csv_cell(scores[c].score)};
        for (const double auc : scores[c].by_task) row.push_back(csv_cell(auc));
        row.insert(row.end(), {chosen == c ? "1" : "0", scores[c].key});
        csv.rows.push_back(std::move(row));
    }
    write_csv(file, csv);
}
}  // namespace

Config with_candidate(const Config& config, const json& candidate, const std::string& source) {
    ConfigTree tree(to_json(config));
    tree.merge(candidate, source);
    for (const char* fixed : {"model.tasks", "preset"})
        if (tree.was_set(fixed)) fail(ErrorKind::usage, "tune", "{}: {} cannot be tuned", source, fixed);
    try {
        return config_from_json(tree.tree());
    } catch (const Error& error) {
        fail(error.kind(), "tune", "{}: {}", source, error.message());
    }
}

TuningPlan read_tuning_plan(const fs::path& file, const Config& config) {
    json tree = json::parse(read_file(file), nullptr, false, true);
    TuningPlan plan;
    plan.file = file;
    if (tree.is_object()) {
        for (const auto& [name, value] : tree.items())
            if (name != "folds" && name != "candidates")
                fail(ErrorKind::usage, "tune", "{}: unknown key '{}': it has folds and candidates", file.string(),
                     name);
        const json folds = tree.value("folds", json(plan.folds));
        if (!folds.is_number_integer() || folds < 2 || folds > 1000)
            fail(ErrorKind::usage, "tune", "{}: folds is {}: 2 to 1000 are possible", file.string(), folds.dump());
        plan.folds = folds.get<int>();
        tree = tree.value("candidates", json());
    }
    if (!tree.is_array() || tree.empty())
        fail(ErrorKind::usage, "tune",
             "{}: not a JSON list of settings, such as [{{\"train.lr\": 0.01}}, {{\"train.lr\": 0.02}}]",
             file.string());
    plan.candidates = tree.get<std::vector<json>>();
    for (size_t c = 0; c < plan.candidates.size(); ++c) with_candidate(config, plan.candidates[c], source_of(plan, c));
    return plan;
}

Tuned tune(const TrainJob& job, const TuningPlan& plan) {
    TrainJob inner = job;
    std::erase_if(inner.cohort.cases, [](const CohortCase& one) { return one.split != Split::train; });
    if (inner.cohort.cases.empty()) fail(ErrorKind::input, "tune", "{}: no training case", job.cohort.file.string());
    inner.quiet = true;
    inner.resume = true;
    inner.after_step = nullptr;
    inner.report = false;  // their folders go
    if (inner.cache.empty()) inner.cache = job.run / "cache";
    const auto& tasks = job.config.model.tasks;
    const fs::path file = job.run / "tuning.csv", work = job.run / "tuning";
    make_folder(job.run);

    Tuned out;
    std::vector<Config> configs;
    std::vector<std::string> keys;
    for (size_t c = 0; c < plan.candidates.size(); ++c) {
        inner.config = with_candidate(job.config, plan.candidates[c], source_of(plan, c));
        configs.push_back(inner.config);
        keys.push_back(key_of(inner, plan.folds));
    }
    out.scores = read_scores(file, keys, tasks);
    double best = -std::numeric_limits<double>::infinity();
    std::error_code code;
    for (size_t c = 0; c < plan.candidates.size(); ++c) {
        if (out.scores[c].key.empty()) {
            inner.config = configs[c];
            inner.run = work / fmt::format("candidate{}", c + 1);
            const FoldsOutcome folds = cross_validate(inner, plan.folds);
            if (folds.interrupted) {
                out.interrupted = true;
                return out;
            }
            out.scores[c] = score_of(folds);
            out.scores[c].key = keys[c];
            write_scores(file, plan, out.scores, tasks, {});
            fs::remove_all(inner.run, code);
        }
        if (out.scores[c].score > best) {
            best = out.scores[c].score;
            out.chosen = c;
        }
    }
    out.config = configs[out.chosen];
    write_scores(file, plan, out.scores, tasks, out.chosen);
    fs::remove_all(work, code);
    return out;
}

std::string tuning_line(const Tuned& tuned, const TuningPlan& plan) {
    return fmt::format("tuning: candidate {} of {} {}: AUC {:.4f} within the training cases", tuned.chosen + 1,
                       plan.candidates.size(), plan.candidates[tuned.chosen].dump(), tuned.scores[tuned.chosen].score);
}

}  // namespace cmtl
