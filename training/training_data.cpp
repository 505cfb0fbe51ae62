#include "training/training_data.hpp"

#include "base/error.hpp"
#include "base/some_of.hpp"
#include "nets/module.hpp"
#include "training/duplicates.hpp"

namespace cmtl {

TrainingData::TrainingData(TrainJob& job, RunFolder& folder) : job_(job), config_(job.config), folder_(folder) {
    if (!job_.cohort.has_splits)
        assign_splits(job_.cohort, config_.data.validation_share, split_seed(job_));
    if (config_.model.features) match_features();
}

void TrainingData::match_features() {
    if (!job_.features) {
        if (!job_.cohort.has_images)
            fail(ErrorKind::usage, "train",
                 "a model with a feature branch needs --features where there are no images (or --set "
                 "model.features=false)");
        const auto count = static_cast<int64_t>(feature_names(config_.radiomics).size());
        if (config_.model.feature_count != count)
            fail(ErrorKind::usage, "train", "model.feature_count is {}, but {} are {} features",
                 config_.model.feature_count, config_.radiomics.set, count);
        computed_ = true;
        return;
    }
    std::vector<std::string> absent;
    for (const CohortCase& one : cases())
        if (!job_.features->find(one.id)) absent.push_back(one.id);
    if (absent.empty()) return;
    fail(ErrorKind::input, "features", "{}: no features for {} of the {} cases of {}: {}", job_.features->file.string(),
         absent.size(), cases().size(), job_.cohort.file.string(), some_of(absent));
}

bool TrainingData::find_cases() {
    if ((config_.model.volume || computed_) && !prepare_volumes()) return false;
    for (size_t i = 0; i < cases().size(); ++i)
        (cases()[i].split == Split::val ? val : cases()[i].split == Split::test ? test : train).push_back(i);
    if (train.empty()) fail(ErrorKind::input, "train", "{}: no training case", job_.cohort.file.string());
    warnings = duplicate_warnings(job_.cohort, scan_contents(job_.cohort, volumes_, job_.features ? &*job_.features : nullptr));
    for (const auto& warning : warnings) folder_.log("warning: " + warning, true);
    return true;
}

bool TrainingData::prepare(bool on_device) {
    if (!find_cases()) return false;
    description.options = config_.model;
    if (cache_) description.preparation = config_.preparation;
    if (config_.model.volume) description.intensity = intensity_statistics(volumes_, train);
    if (computed_) description.radiomics = config_.radiomics;
    if (config_.model.features) scale_features();
    dataset_.emplace(config_, cases(), store_ ? &*store_ : nullptr,
                     description.intensity.value_or(IntensityStatistics{}), scaled_, job_.seed, on_device);
    return true;
}

bool TrainingData::prepare_volumes() {
    if (!job_.cohort.has_images)
        fail(ErrorKind::usage, "train",
             "{} has no Image column: give images, or train on features alone with --preset features",
             job_.cohort.file.string());
    CacheContents contents;
    if (computed_) contents.features = config_.radiomics;
    cache_.emplace(job_.cache.empty() ? job_.run / "cache" : job_.cache, config_.preparation, contents);
    CohortPreparation done = prepare_cohort(*cache_, cases(), {.device = job_.device, .quiet = job_.quiet});
    if (done.interrupted) return false;
    volumes_ = std::move(done.volumes);
    leave_out(done.failed);
    if (computed_) job_.features = feature_table_of(cases(), volumes_, config_.radiomics, cache_->folder());
    if (!config_.model.volume) return true;
    VolumeStoreOptions options{.access = config_.data.cache,
                               .memory_bytes = config_.data.memory_gib * 1024 * 1024 * 1024,
                               .device = job_.device};
    options.notice = [this](const std::string& text) { folder_.log(text, true); };
    store_.emplace(*cache_, cases(), volumes_, std::move(options));
    if (!store_->make_ready(job_.quiet)) return false;
    folder_.log(fmt::format("{} volumes: {}", cases().size(), store_->access()));
    return true;
}

// Cases that could not be prepared go; the run goes on with the rest.
void TrainingData::leave_out(const std::vector<std::string>& errors) {
    auto& cases = job_.cohort.cases;
    std::vector<CohortCase> good;
    std::vector<CachedVolume> volumes;
    for (size_t i = 0; i < cases.size(); ++i) {
        if (errors[i].empty()) {
            good.push_back(std::move(cases[i]));
            volumes.push_back(std::move(volumes_[i]));
            continue;
        }
        failed.push_back(fmt::format("{}: {}", cases[i].id, errors[i]));
        folder_.log("left out " + failed.back());
    }
    if (good.empty())
        fail(ErrorKind::input, "train", "none of the {} cases could be prepared; the first: {}", cases.size(),
             failed.front());
    cases = std::move(good);
    volumes_ = std::move(volumes);
}

void TrainingData::scale_features() {
    std::vector<size_t> rows;
    for (const size_t i : train) rows.push_back(*job_.features->find(cases()[i].id));
    description.scaler = fit_scaler(*job_.features, rows, config_.data.feature_scaling);
    for (const CohortCase& one : cases()) {
        scaled_.emplace_back(job_.features->names.size());
        description.scaler->apply(job_.features->row(*job_.features->find(one.id)), scaled_.back());
    }
}

std::string TrainingData::fingerprint() const {
    std::string text;
    for (const CohortCase& one : cases())
        text += fmt::format("{} {} {}\n", one.id, fmt::join(one.labels, ","), to_string(one.split));
    for (const auto& row : scaled_) text.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
    for (const auto& v : volumes_) text += fmt::format("{} {}\n", v.sum, v.sum_of_squares);
    return fmt::format("{:016x}", name_hash(text));
}

}  // namespace cmtl
