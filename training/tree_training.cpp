#include "training/tree_training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "training/case_predictions.hpp"
#include "training/run_folder.hpp"
#include "training/run_settings.hpp"
#include "training/training_data.hpp"
#include "training/training_report.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {
constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

fs::path model_file(const fs::path& run, const std::string& task) { return run / "checkpoints" / (task + ".json"); }

// A task's trees while they grow.
struct Growing {
    Growing(TreeRows rows, std::vector<int> labels, int64_t classes, const TrainJob& job)
        : train(std::move(rows)),
          train_labels(std::move(labels)),
          trees(job.config.trees, classes, job.features->names, job.seed, job.threads, train) {}

    TreeRows train;
    std::vector<int> train_labels;
    BoostedTrees trees;
    double best = std::numeric_limits<double>::infinity();
    int64_t best_round = 0;
    bool stopped = false;
    double train_loss = not_known, val_loss = not_known;
    TaskMetrics val{};
};

class TreeTrainer {
  public:
    explicit TreeTrainer(TrainJob& job)
        : job_(job), config_(job.config), folder_(job.run, job.resume, job.quiet), data_(job, folder_) {}
    TrainOutcome run();

  private:
    void begin();
    void grow();
    bool learn();  // false: interrupted
    void add_round();
    void write_metrics(int64_t round);
    void save();
    void finish();
    TreeRows rows_of(const std::vector<size_t>& cases, std::span<const int64_t> labels = {},
                     std::span<const double> weights = {}) const;

    TrainJob& job_;
    const Config& config_;
    RunFolder folder_;
    TrainingData data_;
    TrainOutcome outcome_;
    std::optional<TreeRows> val_rows_;
    std::vector<std::unique_ptr<Growing>> tasks_;
};

TrainOutcome TreeTrainer::run() {
    folder_.log(fmt::format("cmtl {} ({}): boosted trees, {} threads", CMTL_VERSION, CMTL_COMMIT, job_.threads));
    outcome_.interrupted = !data_.find_cases();
    if (outcome_.interrupted) return outcome_;
    outcome_.failed = data_.failed;
    outcome_.warnings = data_.warnings;
    begin();
    grow();
    outcome_.interrupted = !learn();
    if (outcome_.interrupted) return outcome_;
    save();
    finish();
    return outcome_;
}

void TreeTrainer::begin() {
    record_settings(folder_.path(), run_settings(job_));
    folder_.cut_metrics(0);
    folder_.log(
        fmt::format("{} training, {} validation, {} test cases; {} features; up to {} rounds", data_.train.size(),
                    data_.val.size(), data_.test.size(), job_.features->names.size(), config_.trees.rounds),
        true);
}

TreeRows TreeTrainer::rows_of(const std::vector<size_t>& cases, std::span<const int64_t> labels,
                              std::span<const double> weights) const {
    std::vector<double> values;
    for (const size_t i : cases) {
        const auto row = job_.features->row(*job_.features->find(job_.cohort.cases[i].id));
        values.insert(values.end(), row.begin(), row.end());
    }
    return TreeRows(values, job_.features->names.size(), labels, weights);
}

void TreeTrainer::grow() {
    for (size_t k = 0; k < config_.model.tasks.size(); ++k) {
        const Task& task = config_.model.tasks[k];
        std::vector<size_t> known;
        std::vector<int64_t> labels;
        std::vector<double> counts(static_cast<size_t>(task.classes)), weights;
        for (const size_t i : data_.train)
            if (const int64_t label = job_.cohort.cases[i].labels[k]; label >= 0) {
                known.push_back(i);
                labels.push_back(label);
                ++counts[static_cast<size_t>(label)];
            }
        if (known.empty())
            fail(ErrorKind::input, "train", "{}: no training case has a label of {}", job_.cohort.file.string(),
                 task.name);
        if (config_.trees.balanced)
            for (const int64_t label : labels)
                weights.push_back(static_cast<double>(labels.size()) /
                                  (static_cast<double>(task.classes) * counts[static_cast<size_t>(label)]));
        tasks_.push_back(std::make_unique<Growing>(rows_of(known, labels, weights),
                                                   std::vector<int>(labels.begin(), labels.end()), task.classes, job_));
    }
    if (!data_.val.empty()) val_rows_.emplace(rows_of(data_.val));
}

bool TreeTrainer::learn() {
    Progress progress("train", config_.trees.rounds, job_.quiet);
    for (int64_t round = 1; round <= config_.trees.rounds; ++round) {
        add_round();
        write_metrics(round);
        if (job_.after_step) job_.after_step(round);
        progress.advance();
        if (interrupted()) return false;
        if (std::all_of(tasks_.begin(), tasks_.end(), [](const auto& task) { return task->stopped; })) break;
    }
    for (size_t k = 0; k < tasks_.size(); ++k)
        folder_.log(fmt::format("{}: {} rounds{}", config_.model.tasks[k].name, tasks_[k]->best_round,
                                tasks_[k]->best_round < tasks_[k]->trees.rounds()
                                    ? fmt::format(" of {}: the best validation loss", tasks_[k]->trees.rounds())
                                    : ""),
                    true);
    return true;
}

void TreeTrainer::add_round() {
    for (size_t k = 0; k < tasks_.size(); ++k) {
        Growing& task = *tasks_[k];
        if (task.stopped) continue;
        const Task& about = config_.model.tasks[k];
        task.trees.round();
        TaskPredictions now{about.name, static_cast<int>(about.classes), task.trees.probabilities(task.train),
                            task.train_labels};
        task.train_loss = mean_loss(now);
        bool better = true;
        if (val_rows_) {
            now.probabilities = task.trees.probabilities(*val_rows_);
            now.labels.clear();
            for (const size_t i : data_.val) now.labels.push_back(static_cast<int>(job_.cohort.cases[i].labels[k]));
            task.val_loss = mean_loss(now);
            task.val = task_metrics(now, MetricIntervals::none);
            // Without a known label in the validation set there is nothing to stop by.
            if (config_.trees.patience > 0 && std::isfinite(task.val_loss)) better = task.val_loss < task.best;
        }
        if (better) {
            task.best = task.val_loss;
            task.best_round = task.trees.rounds();
        } else {
            task.stopped = task.trees.rounds() - task.best_round >= config_.trees.patience;
        }
    }
}

void TreeTrainer::write_metrics(int64_t round) {
    ordered_json line{{"epoch", round}, {"step", round}, {"lr", config_.trees.eta}, {"loss", 0.0}};
    ordered_json val;
    double sum = 0;
    std::vector<TaskMetrics> metrics;
    for (const auto& task : tasks_) {
        const std::string& name = config_.model.tasks[metrics.size()].name;
        sum += task->train_loss;
        line["loss_" + name] = task->train_loss;
        val[name] = {{"loss", task->val_loss}, {"auc", task->val.auc}, {"accuracy", task->val.accuracy}};
        metrics.push_back(task->val);
    }
    line["loss"] = sum / static_cast<double>(tasks_.size());
    if (val_rows_) {
        val["mean_auc"] = mean_auc(metrics);
        line["val"] = val;
    }
    folder_.metric(line);
}

void TreeTrainer::save() {
    std::vector<TaskImportances> importances;
    for (size_t k = 0; k < tasks_.size(); ++k) {
        const std::string& task = config_.model.tasks[k].name;
        const fs::path file = model_file(folder_.path(), task);
        const std::string text = tasks_[k]->trees.save(tasks_[k]->best_round);
        write_file(file, text);
        importances.push_back({task, BoostedTrees::load(text, file.string(), job_.threads).importances()});
        std::string top;
        for (size_t i = 0; i < std::min<size_t>(10, importances.back().features.size()); ++i) {
            const FeatureImportance& one = importances.back().features[i];
            top += fmt::format("{}{} {:.1f} %", i ? ", " : "", one.feature, 100 * one.share);
        }
        folder_.log(fmt::format("{}: most important features, by share of the gain: {}", task, top));
    }
    write_importances(folder_.path() / "importances.csv", importances);
}

void TreeTrainer::finish() {
    // What is reported is what the files give.
    const TreeModel model = read_tree_model(folder_.path(), job_.threads);
    ordered_json line;
    for (size_t k = 0; k < model.tasks.size(); ++k)
        line["final"]["rounds"][model.tasks[k].name] = model.trees.front()[k].rounds();
    const auto report = [&](const std::vector<size_t>& cases, const char* name, Predictions& predictions,
                            std::vector<TaskMetrics>& metrics) {
        if (cases.empty()) return;
        std::vector<std::string> ids;
        for (const size_t i : cases) ids.push_back(job_.cohort.cases[i].id);
        predictions = predict_trees(model, *job_.features, ids);
        for (size_t k = 0; k < model.tasks.size(); ++k)
            for (size_t i = 0; i < cases.size(); ++i)
                predictions.tasks[k].labels[i] = static_cast<int>(job_.cohort.cases[cases[i]].labels[k]);
        metrics = all_metrics(predictions);
        write_predictions(folder_.path() / fmt::format("predictions_{}.csv", name), predictions);
        for (const TaskMetrics& task : metrics) line["final"][name][task.name] = to_json(task);
        line["final"][name]["mean_auc"] = mean_auc(metrics);
        folder_.log(fmt::format("{} cases:\n{}", name, metrics_table(metrics)), true);
    };
    report(data_.val, "val", outcome_.val, outcome_.val_metrics);
    report(data_.test, "test", outcome_.test, outcome_.test_metrics);
    folder_.metric(line);
    if (!job_.report) return folder_.log("done", false);
    const json settings = run_settings(job_);
    write_training_report({.run = folder_.path(),
                           .settings = settings,
                           .cohort = job_.cohort,
                           .volumes = data_.volumes(),
                           .features = &*job_.features,
                           .val = outcome_.val,
                           .test = outcome_.test,
                           .left_out = outcome_.failed,
                           .warnings = outcome_.warnings,
                           .seed = job_.seed});
    folder_.log("done", false);
}
}  // namespace

TrainOutcome train_trees(TrainJob job) { return TreeTrainer(job).run(); }

}  // namespace cmtl
