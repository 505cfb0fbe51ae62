#pragma once
// A cohort's images, made ready for training.
#include <span>
#include <string>
#include <vector>

#include "training/cohort.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {

struct CohortPreparation {
    std::vector<CachedVolume> volumes;  // by case number
    std::vector<std::string> failed;    // by case number: what is wrong with it, empty where nothing is
    bool interrupted = false;           // some cases are not done
};

// Prepares every case that the cache lacks, with a progress bar. A case whose files are wrong is noted in `failed`;
// errors of other kinds (disk full, out of memory) are thrown. Stops between cases on SIGINT and SIGTERM.
CohortPreparation prepare_cohort(const VolumeCache& cache, const std::vector<CohortCase>& cases, bool quiet);

// Over all voxels of these cases' prepared volumes. Deviation: population. Throws Error(input) when all voxels are
// equal.
IntensityStatistics intensity_statistics(const std::vector<CachedVolume>& volumes, std::span<const size_t> cases);

}  // namespace cmtl
