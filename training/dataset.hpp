#pragma once
// Cases as batches of network input, made ahead of time on threads of their own.
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "kernels/augmentation.hpp"
#include "pipeline/feature_table.hpp"
#include "training/augmentation.hpp"
#include "training/cohort.hpp"
#include "training/config.hpp"
#include "training/volume_store.hpp"

namespace cmtl {

struct Batch {
    std::vector<size_t> cases;                 // numbers in the cohort
    std::vector<float> volume;                 // (N, D, H, W), standardised; empty without a volume branch, and with `crops`
    // For a device, which makes the input itself: (N, D, H, W) voxels as they were prepared, and what to do with each case.
    std::vector<uint16_t> voxels;
    std::vector<kernels::AugmentedCrop> crops;
    kernels::DrawKey noise{};
    std::vector<float> features;               // (N, F), scaled; empty without a feature branch
    std::vector<std::vector<int64_t>> labels;  // per task, per case; -1 unknown
};

class Dataset {
  public:
    // `volumes` or `features` (scaled rows by case number, F each) may be absent. on_device: batches carry voxels and crops
    // instead of finished input.
    Dataset(const Config& config, const std::vector<CohortCase>& cases, VolumeStore* volumes,
            const IntensityStatistics& statistics, std::vector<std::vector<float>> features, uint64_t seed,
            bool on_device = false);

    // Evaluation crop, nothing random.
    Batch plain(const std::vector<size_t>& cases) const { return make(cases, std::nullopt); }
    // Augmented, keyed by (seed, epoch, case).
    Batch augmented(const std::vector<size_t>& cases, uint64_t epoch) const { return make(cases, epoch); }

  private:
    Batch make(const std::vector<size_t>& cases, std::optional<uint64_t> epoch) const;
    const Config& config_;
    const std::vector<CohortCase>& cases_;
    VolumeStore* volumes_;
    IntensityStatistics statistics_;
    std::vector<std::vector<float>> features_;
    void append_voxels(Batch& batch, size_t case_number, const Augmentation& augmentation) const;
    uint64_t seed_;
    bool on_device_;
};

// The batches of an epoch: `cases` in an order keyed by (seed, epoch), cut into batches. The last one may be smaller;
// when only one case is left over it joins the batch before it, because one case cannot be batch-normalised.
std::vector<std::vector<size_t>> epoch_batches(const std::vector<size_t>& cases, int64_t batch_size, uint64_t seed,
                                               uint64_t epoch);

// Results of job(first), ..., job(count - 1), in order, made ahead by `workers` threads; workers + 1 of them wait at most.
// An exception of a job comes out of the next() that would have given its result.
class Prefetcher {
  public:
    Prefetcher(int64_t first, int64_t count, std::function<Batch(int64_t)> job, int64_t workers = 1);
    ~Prefetcher();
    Prefetcher(const Prefetcher&) = delete;
    Prefetcher& operator=(const Prefetcher&) = delete;
    Batch next();

  private:
    struct Made {
        Batch batch;
        std::exception_ptr failure;
    };
    void work();
    std::function<Batch(int64_t)> job_;
    const int64_t ahead_;
    int64_t started_, asked_;  // the next batch to be begun, to be handed out
    const int64_t count_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int64_t, Made> ready_;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace cmtl
