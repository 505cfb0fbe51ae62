#pragma once
// A cohort's images, made ready for training.
#include <span>
#include <string>
#include <vector>

#include "engine/device.hpp"
#include "pipeline/feature_table.hpp"
#include "training/cohort.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {

struct CohortPreparation {
    std::vector<CachedVolume> volumes;  // by case number
    std::vector<std::string> failed;    // by case number: what is wrong with it, empty where nothing is
    int64_t kept = 0;                   // cases that the cache had already
    bool interrupted = false;           // some cases are not done
};

struct CohortWork {
    int jobs = 0;   // cases at a time, which share OpenMP's threads; 0: as many as threads, and as 4 GB of memory hold
    Device device{};  // for features
    bool quiet = false;
};

// Prepares every case that the cache lacks, with a progress bar. A case whose files are wrong is noted in `failed`;
// errors of other kinds (disk full, out of memory) are thrown. Stops between cases on SIGINT and SIGTERM. What is made does not
// depend on jobs and threads.
CohortPreparation prepare_cohort(const VolumeCache& cache, const std::vector<CohortCase>& cases, const CohortWork& work);

// The features of cases, those without any left out. `file` names the table in messages.
FeatureTable feature_table_of(const std::vector<CohortCase>& cases, const std::vector<CachedVolume>& volumes,
                              const FeatureOptions& options, const std::filesystem::path& file);

// Over all voxels of these cases' prepared volumes. Deviation: population. Throws Error(input) when all voxels are
// equal.
IntensityStatistics intensity_statistics(const std::vector<CachedVolume>& volumes, std::span<const size_t> cases);

}  // namespace cmtl
