#include "training/dataset.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "engine/random.hpp"

namespace cmtl {

Dataset::Dataset(const Config& config, const std::vector<CohortCase>& cases, VolumeStore* volumes,
                 const IntensityStatistics& statistics, std::vector<std::vector<float>> features, uint64_t seed,
                 bool on_device)
    : config_(config),
      cases_(cases),
      volumes_(volumes),
      statistics_(statistics),
      features_(std::move(features)),
      seed_(seed),
      on_device_(on_device) {}

void Dataset::append_voxels(Batch& batch, size_t case_number, const Augmentation& a) const {
    const PreparationOptions& o = config_.preparation;
    const VolumeView volume = volumes_->get(case_number);
    require(static_cast<int64_t>(volume.voxels.size()) == o.size[0] * o.size[1] * o.size[2], "dataset",
            "{} voxels are not a prepared volume", volume.voxels.size());
    for (int64_t z = 0; z < o.crop[0]; ++z)
        for (int64_t y = 0; y < o.crop[1]; ++y) {
            const auto row = volume.voxels.begin() + ((z + a.offset[0]) * o.size[1] + y + a.offset[1]) * o.size[2] + a.offset[2];
            batch.voxels.insert(batch.voxels.end(), row, row + o.crop[2]);
        }
    kernels::AugmentedCrop crop{{}, {0, 0, 0}, {}, a.noise_sd, case_number, o.clip, statistics_.mean, statistics_.deviation, a.quarter_turns, a.flip};
    for (size_t axis = 0; axis < 3; ++axis) crop.size[axis] = crop.crop[axis] = static_cast<int>(o.crop[axis]);
    batch.crops.push_back(crop);
}

Batch Dataset::make(const std::vector<size_t>& cases, std::optional<uint64_t> epoch) const {
    Batch batch;
    batch.cases = cases;
    batch.labels.resize(config_.model.tasks.size());
    batch.noise = {seed_, static_cast<uint32_t>(Purpose::noise), epoch.value_or(0), nullptr};
    for (const size_t i : cases) {
        if (volumes_ && on_device_) {
            Augmentation plan;
            plan.offset = config_.preparation.evaluation_offset;
            if (epoch) plan = draw_augmentation(config_.augment, config_.preparation, seed_, *epoch, i);
            append_voxels(batch, i, plan);
        } else if (volumes_) {
            const VolumeView volume = volumes_->get(i);
            std::vector<float> input;
            if (epoch) {
                const auto plan = draw_augmentation(config_.augment, config_.preparation, seed_, *epoch, i);
                input = augmented_input(volume.voxels, plan, statistics_, config_.preparation, seed_, *epoch, i);
            } else {
                input = network_input(volume.voxels, config_.preparation.evaluation_offset, statistics_, config_.preparation);
            }
            if (batch.volume.empty()) batch.volume.reserve(input.size() * cases.size());
            batch.volume.insert(batch.volume.end(), input.begin(), input.end());
        }
        if (!features_.empty()) batch.features.insert(batch.features.end(), features_[i].begin(), features_[i].end());
        for (size_t k = 0; k < batch.labels.size(); ++k) batch.labels[k].push_back(cases_[i].labels[k]);
    }
    return batch;
}

std::vector<std::vector<size_t>> epoch_batches(const std::vector<size_t>& cases, int64_t batch_size, uint64_t seed,
                                               uint64_t epoch) {
    std::vector<std::vector<size_t>> batches;
    for (const int64_t at : permutation({seed, Purpose::shuffle, epoch}, static_cast<int64_t>(cases.size()))) {
        if (batches.empty() || static_cast<int64_t>(batches.back().size()) == batch_size) batches.emplace_back();
        batches.back().push_back(cases[static_cast<size_t>(at)]);
    }
    if (batches.size() > 1 && batch_size > 1 && batches.back().size() == 1) {
        batches[batches.size() - 2].push_back(batches.back().front());
        batches.pop_back();
    }
    return batches;
}

Prefetcher::Prefetcher(int64_t first, int64_t count, std::function<Batch(int64_t)> job, int64_t workers)
    : job_(std::move(job)), ahead_(workers + 1), started_(first), asked_(first), count_(count) {
    for (int64_t w = 0; w < std::min(workers, count - first); ++w) threads_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Prefetcher::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return stop_ || started_ == count_ || started_ < asked_ + ahead_; });
        if (stop_ || started_ == count_) return;
        const int64_t number = started_++;
        Made made;
        lock.unlock();
        try {
            made.batch = job_(number);
        } catch (...) {
            made.failure = std::current_exception();
        }
        lock.lock();
        ready_.emplace(number, std::move(made));
        changed_.notify_all();
    }
}

Batch Prefetcher::next() {
    std::unique_lock lock(mutex_);
    require(asked_ < count_, "dataset", "more batches are asked for than there are");
    changed_.wait(lock, [&] { return ready_.contains(asked_); });
    Made made = std::move(ready_.extract(asked_++).mapped());
    changed_.notify_all();
    if (made.failure) std::rethrow_exception(made.failure);
    return std::move(made.batch);
}

}  // namespace cmtl
