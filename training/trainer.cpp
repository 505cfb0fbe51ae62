#include "training/trainer.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "training/cohort_volumes.hpp"
#include "training/config_tree.hpp"
#include "training/gallery.hpp"
#include "training/learner.hpp"
#include "training/position.hpp"
#include "training/run_folder.hpp"
#include "training/training_report.hpp"
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
          context_(ContextOptions{.device = job.device}) {}

    TrainOutcome run();

  private:
    bool prepare();  // false: interrupted
    void leave_out(const std::vector<std::string>& failed);
    void match_features();
    void begin();
    bool resume();
    bool learn();  // false: interrupted
    void read_sums();
    void finish_epoch();
    void finish();
    void save(const std::string& name);
    Predictions predict(const std::vector<size_t>& cases, std::vector<double>* losses = nullptr);
    json settings() const;
    std::string fingerprint() const;
    double rate(int64_t step) const;

    TrainJob& job_;
    const Config& config_;
    RunFolder folder_;
    Context context_;
    TrainOutcome outcome_;
    std::vector<size_t> train_, val_, test_;
    ModelFile description_;  // what goes into every checkpoint's metadata
    std::optional<VolumeCache> cache_;
    std::optional<VolumeStore> store_;
    std::vector<CachedVolume> volumes_;
    bool computed_ = false;  // features come from the volumes, not from a table
    std::vector<std::vector<float>> scaled_;
    std::optional<Dataset> dataset_;
    std::optional<Learner> learner_;
    Position at_;
    int64_t steps_ = 0;
    int64_t sums_read_ = 0;   // steps of this epoch whose losses at_ holds
    double shown_loss_ = 0;   // mean over the steps read last
    std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

TrainOutcome Trainer::run() {
    folder_.log(
        fmt::format("cmtl {} ({}) on {}, {} threads", CMTL_VERSION, CMTL_COMMIT, to_string(job_.device), job_.threads));
    if (!job_.cohort.has_splits) assign_splits(job_.cohort, config_.data.validation_share, job_.seed);
    if (config_.model.features) match_features();
    outcome_.interrupted = !prepare();
    if (outcome_.interrupted) return outcome_;
    begin();
    outcome_.interrupted = !learn();
    if (!outcome_.interrupted) finish();
    return outcome_;
}

// Feature rows for every case, before hours go into volumes; without a table they will come from the volumes.
void Trainer::match_features() {
    if (!job_.features) {
        if (!job_.cohort.has_images)
            fail(ErrorKind::usage, "train",
                 "a model with a feature branch needs --features where there are no images (or --set model.features=false)");
        const auto count = static_cast<int64_t>(feature_names(config_.radiomics).size());
        if (config_.model.feature_count != count)
            fail(ErrorKind::usage, "train", "model.feature_count is {}, but {} are {} features", config_.model.feature_count,
                 config_.radiomics.set, count);
        computed_ = true;
        return;
    }
    std::vector<std::string> absent;
    for (const CohortCase& one : job_.cohort.cases)
        if (!job_.features->find(one.id)) absent.push_back(one.id);
    if (absent.empty()) return;
    const size_t shown = std::min<size_t>(absent.size(), 10);
    fail(ErrorKind::input, "features", "{}: no features for {} of the {} cases of {}: {}{}",
         job_.features->file.string(), absent.size(), job_.cohort.cases.size(), job_.cohort.file.string(),
         fmt::join(absent.begin(), absent.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
         shown < absent.size() ? ", ..." : "");
}

bool Trainer::prepare() {
    auto& cases = job_.cohort.cases;
    if (config_.model.volume || computed_) {
        if (!job_.cohort.has_images)
            fail(ErrorKind::usage, "train",
                 "{} has no Image column: give images, or train on features alone with --preset features",
                 job_.cohort.file.string());
        CacheContents contents;
        if (computed_) contents.features = config_.radiomics;
        cache_.emplace(job_.cache.empty() ? job_.run / "cache" : job_.cache, config_.preparation, contents);
        CohortPreparation done = prepare_cohort(*cache_, cases, {.device = job_.device, .quiet = job_.quiet});
        if (done.interrupted) return false;
        volumes_ = std::move(done.volumes);
        leave_out(done.failed);
        if (computed_) job_.features = feature_table_of(cases, volumes_, config_.radiomics, cache_->folder());
        if (config_.model.volume) store_.emplace(*cache_, cases, config_.preparation, config_.data.memory_gib * 1024 * 1024 * 1024);
    }
    for (size_t i = 0; i < cases.size(); ++i)
        (cases[i].split == Split::val ? val_ : cases[i].split == Split::test ? test_ : train_).push_back(i);
    if (train_.empty()) fail(ErrorKind::input, "train", "{}: no training case", job_.cohort.file.string());

    description_.options = config_.model;
    if (cache_) description_.preparation = config_.preparation;
    if (config_.model.volume) description_.intensity = intensity_statistics(volumes_, train_);
    if (computed_) description_.radiomics = config_.radiomics;
    if (config_.model.features) {
        std::vector<size_t> rows;
        for (const size_t i : train_) rows.push_back(*job_.features->find(cases[i].id));
        description_.scaler = fit_scaler(*job_.features, rows, config_.data.feature_scaling);
        for (const CohortCase& one : cases) {
            scaled_.emplace_back(job_.features->names.size());
            description_.scaler->apply(job_.features->row(*job_.features->find(one.id)), scaled_.back());
        }
    }
    dataset_.emplace(config_, cases, store_ ? &*store_ : nullptr,
                     description_.intensity.value_or(IntensityStatistics{}), scaled_, job_.seed, context_.on_gpu());
    return true;
}

// Cases that could not be prepared go; the run goes on with the rest.
void Trainer::leave_out(const std::vector<std::string>& failed) {
    auto& cases = job_.cohort.cases;
    std::vector<CohortCase> good;
    std::vector<CachedVolume> volumes;
    for (size_t i = 0; i < cases.size(); ++i) {
        if (failed[i].empty()) {
            good.push_back(std::move(cases[i]));
            volumes.push_back(std::move(volumes_[i]));
            continue;
        }
        outcome_.failed.push_back(fmt::format("{}: {}", cases[i].id, failed[i]));
        folder_.log("left out " + outcome_.failed.back());
    }
    if (good.empty())
        fail(ErrorKind::input, "train", "none of the {} cases could be prepared; the first: {}", cases.size(),
             outcome_.failed.front());
    cases = std::move(good);
    volumes_ = std::move(volumes);
}

json Trainer::settings() const {
    json tree = to_json(config_);
    tree["run"] = {{"version", CMTL_VERSION},          {"commit", CMTL_COMMIT},   {"seed", job_.seed},
                   {"device", to_string(job_.device)}, {"threads", job_.threads}, {"init", job_.init.string()},
                   {"sources", job_.sources}};
    return tree;
}

std::string Trainer::fingerprint() const {
    std::string text;
    for (const CohortCase& one : job_.cohort.cases)
        text += fmt::format("{} {} {}\n", one.id, fmt::join(one.labels, ","), to_string(one.split));
    for (const auto& row : scaled_) text.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
    for (const auto& v : volumes_) text += fmt::format("{} {}\n", v.sum, v.sum_of_squares);
    return fmt::format("{:016x}", name_hash(text));
}

void Trainer::begin() {
    const auto per_epoch = static_cast<int64_t>(epoch_batches(train_, config_.train.batch_size, job_.seed, 0).size());
    steps_ = per_epoch * config_.train.epochs;
    if (config_.train.max_steps > 0) steps_ = std::min(steps_, config_.train.max_steps);
    learner_.emplace(context_, config_, job_.seed);
    at_.task_sums.assign(config_.model.tasks.size(), 0);
    at_.weight_sums = at_.task_sums;
    if (job_.resume && folder_.has_checkpoint() && resume()) {
        folder_.log(fmt::format("go on after step {} of {}", at_.step, steps_), true);
    } else {
        if (!job_.init.empty()) learner_->load(read_model(context_, job_.init));
        folder_.cut_metrics(0);
        write_file(folder_.path() / "config.json", settings().dump(2) + "\n");
        folder_.log(fmt::format("{} training, {} validation, {} test cases; {} parameters; {} steps in {} epochs",
                                train_.size(), val_.size(), test_.size(), parameter_count(learner_->net()), steps_,
                                config_.train.epochs),
                    true);
    }
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
    json then = read("cmtl.config"), now = settings();
    if (then.at("run").at("threads") != now.at("run").at("threads"))
        folder_.log(fmt::format("the run was begun with {} threads: results may differ in their last bits",
                                then.at("run").at("threads").dump()),
                    true);
    for (const char* key : {"version", "commit", "device", "threads", "sources"})
        for (json* tree : {&then, &now}) tree->at("run").erase(key);
    if (const std::string difference = first_difference(now, then); !difference.empty())
        fail(ErrorKind::usage, "run",
             "{}: was begun with other settings ({}): resume with the same ones or choose another folder",
             folder_.path().string(), difference);
    if (read("cmtl.cohort") != json(fingerprint()))
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
    Metadata metadata = model_metadata(description_);
    metadata["cmtl.config"] = settings().dump();
    metadata["cmtl.position"] = to_json(at_).dump();
    metadata["cmtl.cohort"] = json(fingerprint()).dump();
    write_safetensors(folder_.checkpoint(name), learner_->state(), metadata);
    saved_ = std::chrono::steady_clock::now();
}

double Trainer::rate(int64_t step) const {
    return config_.train.schedule == "constant" ? config_.train.lr : cosine_schedule(config_.train.lr, step, steps_);
}

bool Trainer::learn() {
    Progress progress("train", steps_, job_.quiet);
    progress.advance({}, at_.step);
    while (at_.step < steps_) {
        const auto batches =
            epoch_batches(train_, config_.train.batch_size, job_.seed, static_cast<uint64_t>(at_.epoch));
        const int64_t count = std::min<int64_t>(static_cast<int64_t>(batches.size()), at_.batch + steps_ - at_.step);
        Prefetcher ahead(at_.batch, count, [&, epoch = static_cast<uint64_t>(at_.epoch)](int64_t i) {
            return dataset_->augmented(batches[static_cast<size_t>(i)], epoch);
        });
        sums_read_ = at_.batch;
        learner_->begin_sums(at_.step, {at_.loss_sum, at_.task_sums, at_.weight_sums, at_.batch});
        while (at_.batch < count) {
            learner_->step(ahead.next(), config_.preparation.crop, at_.step, rate(at_.step));
            ++at_.step;
            ++at_.batch;
            // Who asks for the loss waits for the device: on a GPU only now and then.
            if (!context_.on_gpu() || at_.batch % 16 == 0 || at_.batch == count) read_sums();
            if (job_.after_step) job_.after_step(at_.step);
            progress.advance(fmt::format("epoch {}/{} loss {:.4f}", at_.epoch + 1, config_.train.epochs, shown_loss_));
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
        finish_epoch();
        if (interrupted() && at_.step < steps_) return false;
    }
    return true;
}

void Trainer::read_sums() {
    const LossSums sums = learner_->sums();
    if (sums.steps > sums_read_) shown_loss_ = (sums.total - at_.loss_sum) / static_cast<double>(sums.steps - sums_read_);
    sums_read_ = sums.steps;
    at_.loss_sum = sums.total;
    at_.task_sums = sums.tasks;
    at_.weight_sums = sums.weights;
}

void Trainer::finish_epoch() {
    const auto steps = static_cast<double>(at_.batch);
    ordered_json line{
        {"epoch", at_.epoch + 1}, {"step", at_.step}, {"lr", rate(at_.step - 1)}, {"loss", at_.loss_sum / steps}};
    for (size_t k = 0; k < at_.task_sums.size(); ++k) {
        line["loss_" + config_.model.tasks[k].name] = at_.task_sums[k] / steps;
        line["weight_" + config_.model.tasks[k].name] = at_.weight_sums[k] / steps;  // mean over the steps
    }
    const bool last = at_.step == steps_;
    bool better = false;
    std::string note;
    if (!val_.empty() && (last || (at_.epoch + 1) % config_.train.evaluate_every == 0)) {
        std::vector<double> losses;
        const auto metrics = all_metrics(predict(val_, &losses));
        ordered_json val;
        for (size_t k = 0; k < metrics.size(); ++k)
            val[metrics[k].name] = {{"loss", losses[k]}, {"auc", metrics[k].auc}, {"accuracy", metrics[k].accuracy}};
        const double score = mean_auc(metrics);
        val["mean_auc"] = score;
        line["val"] = val;
        better = at_.best_epoch < 0 || score > at_.best;
        if (better) {
            at_.best = std::isfinite(score) ? score : at_.best;
            at_.best_epoch = at_.epoch + 1;
        }
        note = fmt::format(", validation AUC {:.4f}{}", score, better ? " (best)" : "");
    }
    folder_.metric(line);
    folder_.log(
        fmt::format("epoch {}/{}: loss {:.5f}{}", at_.epoch + 1, config_.train.epochs, at_.loss_sum / steps, note));
    ++at_.epoch;
    at_.batch = 0;
    at_.loss_sum = 0;
    at_.task_sums.assign(at_.task_sums.size(), 0);
    at_.weight_sums = at_.task_sums;
    // best before latest: a run that is killed between the two does this epoch again.
    const bool choose_last = val_.empty() || config_.train.select == "last";
    if (choose_last ? last : better) save("best");
    save("latest");
}

Predictions Trainer::predict(const std::vector<size_t>& cases, std::vector<double>* losses) {
    Predictions out;
    const auto& tasks = config_.model.tasks;
    for (const Task& task : tasks) out.tasks.push_back({task.name, static_cast<int>(task.classes), {}, {}});
    // Without gradients cases do not depend on each other: large volumes go one by one, which saves memory.
    const auto& crop = config_.preparation.crop;
    const int64_t fit =
        config_.model.volume ? (int64_t{1} << 22) / (crop[0] * crop[1] * crop[2]) : config_.train.batch_size;
    const int64_t most = std::clamp<int64_t>(fit, 1, config_.train.batch_size);
    std::vector<std::vector<size_t>> groups;
    for (const size_t i : cases) {
        if (groups.empty() || static_cast<int64_t>(groups.back().size()) >= most) groups.emplace_back();
        groups.back().push_back(i);
    }
    Prefetcher ahead(0, static_cast<int64_t>(groups.size()),
                     [&](int64_t g) { return dataset_->plain(groups[static_cast<size_t>(g)]); });
    for (size_t g = 0; g < groups.size(); ++g) {
        const Batch batch = ahead.next();
        const auto probabilities = learner_->probabilities(batch, config_.preparation.crop);
        for (const size_t i : batch.cases) out.ids.push_back(job_.cohort.cases[i].id);
        for (size_t k = 0; k < tasks.size(); ++k) {
            auto& task = out.tasks[k];
            task.probabilities.insert(task.probabilities.end(), probabilities[k].begin(), probabilities[k].end());
            for (const int64_t label : batch.labels[k]) task.labels.push_back(static_cast<int>(label));
        }
    }
    if (losses)
        for (const auto& task : out.tasks) {
            double sum = 0;
            int64_t known = 0;
            for (size_t i = 0; i < task.size(); ++i)
                if (task.labels[i] >= 0) {
                    sum -= std::log(std::max(task.probability(i, task.labels[i]), 1e-300));
                    ++known;
                }
            losses->push_back(known ? sum / static_cast<double>(known) : std::numeric_limits<double>::quiet_NaN());
        }
    return out;
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
        predictions = predict(cases);
        metrics = all_metrics(predictions);
        write_predictions(folder_.path() / fmt::format("predictions_{}.csv", name), predictions);
        for (const TaskMetrics& task : metrics) line["final"][name][task.name] = to_json(task);
        line["final"][name]["mean_auc"] = mean_auc(metrics);
        folder_.log(fmt::format("{} cases:\n{}", name, metrics_table(metrics)), true);
    };
    report(val_, "val", outcome_.val, outcome_.val_metrics);
    report(test_, "test", outcome_.test, outcome_.test_metrics);
    folder_.metric(line);
    const json settings = this->settings();
    TrainingRecord record{.run = folder_.path(),
                          .settings = settings,
                          .cohort = job_.cohort,
                          .volumes = volumes_,
                          .features = job_.features ? &*job_.features : nullptr,
                          .val = outcome_.val,
                          .test = outcome_.test,
                          .left_out = outcome_.failed,
                          .seed = job_.seed};
    if (config_.model.volume)
        record.gallery = make_gallery(context_, record.run, job_.cohort.cases, record.features,
                                      test_.empty() ? outcome_.val : outcome_.test,
                                      [&](const CohortCase& one) { return cache_->read(one); });
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

TrainOutcome train(TrainJob job) { return Trainer(job).run(); }

}  // namespace cmtl
