#include "training/trainer.hpp"

#include <chrono>
#include <cmath>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "training/case_predictions.hpp"
#include "training/class_weights.hpp"
#include "training/config_tree.hpp"
#include "training/epoch_notes.hpp"
#include "training/gallery.hpp"
#include "training/learner.hpp"
#include "training/position.hpp"
#include "training/run_folder.hpp"
#include "training/run_settings.hpp"
#include "training/schedule.hpp"
#include "training/tensorboard.hpp"
#include "training/training_data.hpp"
#include "training/training_report.hpp"
#include "training/tree_training.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

class Trainer {
  public:
    explicit Trainer(TrainJob& job)
        : job_(job),
          config_(job.config),
          folder_(job.run, job.resume, job.quiet),
          context_(ContextOptions{.device = job.device, .compute = compute_type(job.config)}),
          data_(job, folder_) {}

    TrainOutcome run();

  private:
    void begin();
    bool resume();
    bool learn();  // false: interrupted
    Batch next(Prefetcher& batches, bool first);
    void read_sums();
    void finish_epoch(Progress& progress);
    std::string judge(double score, double loss, bool& better);
    EpochNote note(const LossSums& means) const;
    void finish();
    void save(const std::string& name);
    double rate(int64_t step) const;
    ClassWeights training_class_weights();
    void begin_with(const std::filesystem::path& init);

    TrainJob& job_;
    const Config& config_;
    RunFolder folder_;
    Context context_;
    TrainingData data_;
    TrainOutcome outcome_;
    std::optional<Learner> learner_;
    Position at_;
    int64_t steps_ = 0, per_epoch_ = 0;  // of the optimiser
    int64_t sums_read_ = 0;      // batches of this epoch whose losses at_ holds
    LossSums shown_;             // means over the batches read last
    std::optional<double> auc_;  // of the last evaluation
    std::optional<TensorBoardWriter> board_;
    std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

TrainOutcome Trainer::run() {
    folder_.log(
        fmt::format("cmtl {} ({}) on {}, {} threads", CMTL_VERSION, CMTL_COMMIT, to_string(job_.device), job_.threads));
    outcome_.interrupted = !data_.prepare(context_.on_gpu());
    outcome_.failed = data_.failed;
    outcome_.warnings = data_.warnings;
    if (outcome_.interrupted) return outcome_;
    begin();
    outcome_.interrupted = !learn();
    if (!outcome_.interrupted) finish();
    return outcome_;
}

void Trainer::begin() {
    if (config_.train.patience > 0 && data_.val.empty())
        fail(ErrorKind::usage, "train",
             "train.patience is {}, but there are no validation cases to stop by: give a Split column or "
             "data.validation_share, or set train.patience=0",
             config_.train.patience);
    const auto batches = static_cast<int64_t>(epoch_batches(data_.train, config_.train.batch_size, job_.seed, 0).size());
    per_epoch_ = (batches + config_.train.accumulate - 1) / config_.train.accumulate;
    steps_ = per_epoch_ * config_.train.epochs;
    if (config_.train.max_steps > 0) steps_ = std::min(steps_, config_.train.max_steps);
    learner_.emplace(context_, config_, job_.seed, training_class_weights());
    at_.task_sums.assign(config_.model.tasks.size(), 0);
    at_.weight_sums = at_.task_sums;
    if (job_.resume && folder_.has_checkpoint() && resume()) {
        folder_.log(fmt::format("go on after step {} of {}", at_.step, steps_), true);
    } else {
        if (!job_.init.empty()) begin_with(job_.init);
        folder_.cut_metrics(0);
        write_file(folder_.path() / "config.json", run_settings(job_).dump(2) + "\n");
        folder_.log(fmt::format("{} training, {} validation, {} test cases; {} parameters; {} steps in {} epochs",
                                data_.train.size(), data_.val.size(), data_.test.size(),
                                parameter_count(learner_->net()), steps_, config_.train.epochs),
                    true);
    }
    if (config_.train.tensorboard) board_.emplace(folder_.path() / "tensorboard", at_.epoch);
}

ClassWeights Trainer::training_class_weights() {
    std::vector<std::vector<int64_t>> labels(config_.model.tasks.size());
    for (const size_t i : data_.train)
        for (size_t k = 0; k < labels.size(); ++k) labels[k].push_back(data_.cases()[i].labels[k]);
    const ClassWeights weights = class_weights(config_.loss.class_weights, config_.model.tasks, labels);
    for (size_t k = 0; k < weights.size(); ++k)
        folder_.log(
            fmt::format("class weights of {}: {:.4f}", config_.model.tasks[k].name, fmt::join(weights[k], ", ")));
    return weights;
}

// Weights of another training; scalers and statistics stay those of this cohort.
void Trainer::begin_with(const std::filesystem::path& init) {
    const ModelFile file = read_model(context_, init);
    folder_.log(fmt::format("{}: {}", file.source, learner_->transfer(file).text()), true);
    const auto& here = data_.description.scaler;
    if (file.scaler && here && file.scaler->names.size() == here->names.size() && file.scaler->names != here->names)
        folder_.log(fmt::format("{}: its features have other names than this cohort's: they are taken by position",
                                file.source),
                    true);
}

bool Trainer::resume() {
    const ModelFile file = read_model(context_, folder_.checkpoint("latest"));
    const auto read = [&](const char* key) {
        const auto it = file.metadata.find(key);
        const json value =
            it == file.metadata.end() ? json(json::value_t::discarded) : json::parse(it->second, nullptr, false);
        if (value.is_discarded())
            fail(ErrorKind::input, "run", "{}: not a checkpoint of cmtl_train: '{}' is absent or damaged", file.source,
                 key);
        return value;
    };
    json then = read("cmtl.config"), now = run_settings(job_);
    if (then.at("run").at("threads") != now.at("run").at("threads"))
        folder_.log(fmt::format("the run was begun with {} threads: results may differ in their last bits",
                                then.at("run").at("threads").dump()),
                    true);
    require_same_settings(folder_.path(), now, then);
    if (read("cmtl.cohort") != json(data_.fingerprint()))
        fail(ErrorKind::input, "run",
             "{}: the cohort, its features or its images changed since the last checkpoint: choose another folder",
             folder_.path().string());
    learner_->restore(file);
    try {
        at_ = position_from_json(read("cmtl.position"));
    } catch (const json::exception& error) {
        fail(ErrorKind::input, "run", "{}: damaged position: {}", file.source, error.what());
    }
    folder_.cut_metrics(at_.metrics_bytes);
    return true;
}

void Trainer::save(const std::string& name) {
    at_.metrics_bytes = folder_.metrics_bytes();
    Metadata metadata = model_metadata(data_.description);
    metadata["cmtl.config"] = run_settings(job_).dump();
    metadata["cmtl.position"] = to_json(at_).dump();
    metadata["cmtl.cohort"] = json(data_.fingerprint()).dump();
    write_safetensors(folder_.checkpoint(name), learner_->state(), metadata);
    saved_ = std::chrono::steady_clock::now();
}

double Trainer::rate(int64_t step) const { return learning_rate(config_.train, step, steps_, per_epoch_); }

EpochNote Trainer::note(const LossSums& means) const {
    return {at_.epoch + 1, config_.train.epochs, means.total, means.tasks, means.weights, rate(at_.step - 1), auc_};
}

bool Trainer::learn() {
    Progress progress(job_.title, steps_, job_.quiet, 60);
    progress.begin_at(at_.step);
    while (at_.step < steps_ && !at_.stopped) {
        const auto batches =
            epoch_batches(data_.train, config_.train.batch_size, job_.seed, static_cast<uint64_t>(at_.epoch));
        const int64_t accumulate = config_.train.accumulate;
        const int64_t count =
            std::min<int64_t>(static_cast<int64_t>(batches.size()), at_.batch + (steps_ - at_.step) * accumulate);
        Prefetcher ahead(
            at_.batch, count,
            [&, epoch = static_cast<uint64_t>(at_.epoch)](int64_t i) {
                return data_.dataset().augmented(batches[static_cast<size_t>(i)], epoch);
            },
            config_.data.workers);
        sums_read_ = at_.batch;
        learner_->begin_sums(at_.step, {at_.loss_sum, at_.task_sums, at_.weight_sums, at_.batch, at_.norm_sum});
        while (at_.batch < count) {
            const int64_t parts = std::min(accumulate, count - at_.batch);
            for (int64_t i = 0; i < parts; ++i)
                learner_->step(next(ahead, i == 0), config_.preparation.crop, at_.step, rate(at_.step), {i, parts});
            ++at_.step;
            at_.batch += parts;
            // Who asks for the loss waits for the device: on a GPU only now and then.
            if (!context_.on_gpu() || at_.batch - sums_read_ >= 16 || at_.batch == count) read_sums();
            if (job_.after_step) job_.after_step(at_.step);
            progress.advance(text_of(note(shown_), config_.model.tasks));
            if (at_.batch == count) break;  // finish_epoch() saves
            const double minutes =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - saved_).count() / 60;
            const bool due = (config_.train.checkpoint_steps > 0 && at_.step % config_.train.checkpoint_steps == 0) ||
                             (config_.train.checkpoint_minutes > 0 && minutes >= config_.train.checkpoint_minutes);
            if (due || interrupted()) {
                read_sums();
                save("latest");
            }
            if (interrupted()) return false;
        }
        finish_epoch(progress);
        if (interrupted() && at_.step < steps_ && !at_.stopped) return false;
    }
    return true;
}

// A case that cannot be read any more ends the run, but not without a checkpoint of what was learnt until then. Within a
// step (not its `first` batch) the device's sums are of an unfinished one; those that were read before it serve.
Batch Trainer::next(Prefetcher& batches, bool first) {
    try {
        return batches.next();
    } catch (const Error&) {
        if (at_.batch > 0 && first) read_sums();
        const bool whole = sums_read_ == at_.batch;
        if (at_.batch > 0 && whole) save("latest");
        folder_.log(whole ? fmt::format("the state after step {} is saved: repair what is wrong and go on with --resume", at_.step)
                          : "the last checkpoint stays: repair what is wrong and go on with --resume",
                    true);
        throw;
    }
}

void Trainer::read_sums() {
    const LossSums sums = learner_->sums();
    if (sums.batches > sums_read_) {
        const auto batches = static_cast<double>(sums.batches - sums_read_);
        shown_ = {(sums.total - at_.loss_sum) / batches, sums.tasks, sums.weights, 1};
        for (size_t k = 0; k < sums.tasks.size(); ++k) {
            shown_.tasks[k] = (sums.tasks[k] - at_.task_sums[k]) / batches;
            shown_.weights[k] = (sums.weights[k] - at_.weight_sums[k]) / batches;
        }
    }
    sums_read_ = sums.batches;
    at_.loss_sum = sums.total;
    at_.task_sums = sums.tasks;
    at_.weight_sums = sums.weights;
    at_.norm_sum = sums.gradient_norms;
}

// Takes an evaluation's score into the position: the best weights, and whether patience ends.
std::string Trainer::judge(double score, double loss, bool& better) {
    // A few validation cases are soon ranked without a mistake, long before the probabilities are worth anything.
    better = at_.best_epoch < 0 || score > at_.best || (score == at_.best && loss < at_.best_loss);
    if (better) {
        at_.best = std::isfinite(score) ? score : at_.best;
        at_.best_loss = loss;
        at_.best_epoch = at_.epoch + 1;
    }
    if (score > at_.reference + config_.train.min_delta) {
        at_.reference = score;
        at_.waited = 0;
    } else {
        ++at_.waited;
    }
    at_.stopped = config_.train.patience > 0 && at_.waited >= config_.train.patience && at_.step < steps_;
    auc_ = score;
    return fmt::format(", validation AUC {:.4f}{}", score, better ? " (best)" : "");
}

void Trainer::finish_epoch(Progress& progress) {
    const auto batches = static_cast<double>(at_.batch);
    ordered_json line{
        {"epoch", at_.epoch + 1}, {"step", at_.step}, {"lr", rate(at_.step - 1)}, {"loss", at_.loss_sum / batches}};
    LossSums means{at_.loss_sum / batches, at_.task_sums, at_.weight_sums, 1};
    for (size_t k = 0; k < at_.task_sums.size(); ++k) {
        line["loss_" + config_.model.tasks[k].name] = means.tasks[k] /= batches;
        line["weight_" + config_.model.tasks[k].name] = means.weights[k] /= batches;
    }
    if (config_.train.clip_norm > 0) {
        const int64_t accumulate = config_.train.accumulate;
        line["gradient_norm"] =
            at_.norm_sum / static_cast<double>((at_.batch + accumulate - 1) / accumulate);  // mean over the steps
    }
    const bool last = at_.step == steps_;
    bool better = false;
    std::string judged;
    if (!data_.val.empty() && (last || (at_.epoch + 1) % config_.train.evaluate_every == 0)) {
        const Predictions predictions = predict_cases(*learner_, data_, config_, data_.val);
        const auto metrics = all_metrics(predictions);
        ordered_json val;
        double loss_sum = 0;  // over tasks with a known label
        for (size_t k = 0; k < metrics.size(); ++k) {
            const double loss = mean_loss(predictions.tasks[k]);
            if (std::isfinite(loss)) loss_sum += loss;
            val[metrics[k].name] = {{"loss", loss}, {"auc", metrics[k].auc}, {"accuracy", metrics[k].accuracy}};
        }
        val["mean_auc"] = mean_auc(metrics);
        line["val"] = val;
        judged = judge(mean_auc(metrics), loss_sum, better);
    }
    folder_.metric(line);
    if (board_) board_->write(at_.epoch + 1, scalars_of(line));
    folder_.log(fmt::format("epoch {}/{}: loss {:.5f}{}", at_.epoch + 1, config_.train.epochs, means.total, judged));
    progress.line(text_of(note(means), config_.model.tasks));
    ++at_.epoch;
    at_.batch = 0;
    at_.loss_sum = 0;
    at_.task_sums.assign(at_.task_sums.size(), 0);
    at_.weight_sums = at_.task_sums;
    at_.norm_sum = 0;
    // best before latest: a run that is killed between the two does this epoch again.
    const bool choose_last = data_.val.empty() || config_.train.select == "last";
    if (choose_last ? last || at_.stopped : better) save("best");
    save("latest");
    if (at_.stopped)
        folder_.log(fmt::format("stopped after epoch {}: {} evaluations without a mean validation AUC above {:.4f}",
                                at_.epoch, at_.waited, at_.reference + config_.train.min_delta),
                    true);
}

void Trainer::finish() {
    // What is reported is what best.safetensors gives.
    learner_->load(read_model(context_, folder_.checkpoint("best")));
    ordered_json line{
        {"final",
         {{"weights",
           at_.best_epoch > 0 && config_.train.select == "best" ? fmt::format("epoch {}", at_.best_epoch) : "last"}}}};
    const auto report = [&](const std::vector<size_t>& cases, const char* name, Predictions& predictions,
                            std::vector<TaskMetrics>& metrics) {
        if (cases.empty()) return;
        predictions = predict_cases(*learner_, data_, config_, cases);
        metrics = all_metrics(predictions);
        write_predictions(folder_.path() / fmt::format("predictions_{}.csv", name), predictions);
        for (const TaskMetrics& task : metrics) line["final"][name][task.name] = to_json(task);
        line["final"][name]["mean_auc"] = mean_auc(metrics);
        folder_.log(fmt::format("{} cases:\n{}", name, metrics_table(metrics)), true);
    };
    report(data_.val, "val", outcome_.val, outcome_.val_metrics);
    report(data_.test, "test", outcome_.test, outcome_.test_metrics);
    line["final"]["epochs"] = at_.epoch;
    line["final"]["parameters"] = parameter_count(learner_->net());
    if (at_.stopped) line["final"]["stopped"] = {{"epoch", at_.epoch}, {"evaluations_waited", at_.waited}};
    folder_.metric(line);
    if (!job_.report) return folder_.log("done", false);
    const json settings = run_settings(job_);
    TrainingRecord record{.run = folder_.path(),
                          .settings = settings,
                          .cohort = job_.cohort,
                          .volumes = data_.volumes(),
                          .features = job_.features ? &*job_.features : nullptr,
                          .val = outcome_.val,
                          .test = outcome_.test,
                          .left_out = outcome_.failed,
                          .warnings = outcome_.warnings,
                          .seed = job_.seed};
    if (config_.model.volume)
        record.gallery =
            make_gallery(context_, record.run, job_.cohort.cases, record.features,
                         outcome_.test.ids.empty() ? outcome_.val : outcome_.test,
                         [&](const CohortCase& one) { return data_.cache().read(one); });
    write_training_report(record);
    folder_.log("done", false);
}

}  // namespace

std::string metrics_table(const std::vector<TaskMetrics>& tasks) {
    std::string text;
    for (const TaskMetrics& task : tasks) {
        const std::string interval =
            task.classes == 2 && std::isfinite(task.auc_interval.low)
                ? fmt::format(" [{:.3f}, {:.3f}]", task.auc_interval.low, task.auc_interval.high)
                : "";
        text += fmt::format("{}  {:<10} AUC {:.3f}{:<15}  accuracy {:5.1f} %  balanced {:5.1f} %  ({} cases)",
                            text.empty() ? "" : "\n", task.name, task.auc, interval, 100 * task.accuracy,
                            100 * task.balanced_accuracy, task.cases);
    }
    return text;
}

TrainOutcome train(TrainJob job) {
    if (job.config.model.architecture == boosted_trees_architecture) return train_trees(std::move(job));
    return Trainer(job).run();
}

}  // namespace cmtl
