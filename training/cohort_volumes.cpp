#include "training/cohort_volumes.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"

namespace cmtl {

namespace {
// Reading, segmenting and compressing have stretches on one thread, so cases run side by side. A case holds its CT as floats (some
// 600 MB for a large one) and its volume as floats and voxels, with what its features need.
int jobs_for(const CohortWork& work, const VolumeCache& cache, size_t cases) {
    const auto& s = cache.preparation().size;
    const double bytes = 6e8 + 16.0 * static_cast<double>(s[0] * s[1] * s[2]);
    const int most = omp_get_max_threads(), fit = static_cast<int>(std::clamp(4e9 / bytes, 1.0, static_cast<double>(most)));
    return std::clamp(work.jobs > 0 ? work.jobs : fit, 1, static_cast<int>(std::min<size_t>(cases, 4096)));
}

// Cases that workers take one after the other, and what came of them.
class CohortQueue {
  public:
    CohortQueue(const VolumeCache& cache, const std::vector<CohortCase>& cases, std::vector<size_t> missing, const CohortWork& work,
                CohortPreparation& result)
        : cache_(cache),
          cases_(cases),
          missing_(std::move(missing)),
          device_(work.device),
          result_(result),
          progress_("prepare", static_cast<int64_t>(missing_.size()), work.quiet) {}

    // Throws what ended the work before its time.
    void run(int jobs) {
        const int threads = omp_get_max_threads();
        if (jobs == 1) {
            serve(threads);
        } else {
            std::vector<std::thread> workers;
            for (int j = 0; j < jobs; ++j)
                workers.emplace_back([this, share = std::max(1, threads / jobs + (j < threads % jobs))] { serve(share); });
            for (auto& worker : workers) worker.join();
        }
        if (failure_) std::rethrow_exception(failure_);
        result_.interrupted = done_ < missing_.size();
    }

  private:
    void serve(int threads) {
        omp_set_num_threads(threads);  // of this thread
        try {
            Context context(ContextOptions{.device = cache_.contents().features ? device_ : Device{}});
            while (!stop_ && !interrupted()) {
                const size_t at = next_++;
                if (at >= missing_.size()) return;
                prepare(context, missing_[at]);
                ++done_;
                progress_.advance(cases_[missing_[at]].id);
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!failure_) failure_ = std::current_exception();
            stop_ = true;
        }
    }

    void prepare(Context& context, size_t i) {
        try {
            result_.volumes[i] = cache_.prepare(context, cases_[i]);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::input) throw;
            result_.failed[i] = error.what();
        }
    }

    const VolumeCache& cache_;
    const std::vector<CohortCase>& cases_;
    const std::vector<size_t> missing_;
    const Device device_;
    CohortPreparation& result_;
    Progress progress_;
    std::atomic<size_t> next_ = 0, done_ = 0;
    std::atomic<bool> stop_ = false;
    std::mutex mutex_;
    std::exception_ptr failure_;
};
}  // namespace

CohortPreparation prepare_cohort(const VolumeCache& cache, const std::vector<CohortCase>& cases, const CohortWork& work) {
    CohortPreparation result;
    result.volumes.resize(cases.size());
    result.failed.resize(cases.size());
    std::vector<size_t> missing;
    for (size_t i = 0; i < cases.size(); ++i)
        if (auto entry = cache.find(cases[i]))
            result.volumes[i] = std::move(*entry);
        else
            missing.push_back(i);
    result.kept = static_cast<int64_t>(cases.size() - missing.size());
    if (missing.empty()) return result;
    const int jobs = jobs_for(work, cache, missing.size());
    CohortQueue(cache, cases, std::move(missing), work, result).run(jobs);
    return result;
}

FeatureTable feature_table_of(const std::vector<CohortCase>& cases, const std::vector<CachedVolume>& volumes,
                              const FeatureOptions& options, const std::filesystem::path& file) {
    FeatureTable table;
    table.file = file;
    table.names = feature_names(options);
    for (size_t i = 0; i < cases.size(); ++i) {
        if (volumes[i].features.empty()) continue;
        table.rows[cases[i].id] = table.ids.size();
        table.ids.push_back(cases[i].id);
        table.values.insert(table.values.end(), volumes[i].features.begin(), volumes[i].features.end());
    }
    return table;
}

IntensityStatistics intensity_statistics(const std::vector<CachedVolume>& volumes, std::span<const size_t> cases) {
    // Whole numbers until the end: 10^12 voxels of at most 4095 fit.
    unsigned __int128 voxels = 0, sum = 0, squares = 0;
    for (const size_t i : cases) {
        voxels += volumes[i].voxels;
        sum += volumes[i].sum;
        squares += volumes[i].sum_of_squares;
    }
    const unsigned __int128 scatter = voxels * squares - sum * sum;  // n^2 times the variance
    if (scatter == 0)
        fail(ErrorKind::input, "train",
             "the training cases' volumes are constant: no intensity statistics can be taken from them");
    const auto n = static_cast<double>(voxels);
    return {static_cast<double>(sum) / n, std::sqrt(static_cast<double>(scatter)) / n};
}

}  // namespace cmtl
