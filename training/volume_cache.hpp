#pragma once
// Prepared volumes on disk, so that a cohort is read and segmented once.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/preparation.hpp"
#include "training/cohort.hpp"

namespace cmtl {

// What is known about a cached volume without decompressing it. Sums are exact, so that statistics over any selection
// of cases do not depend on their order.
struct CachedVolume {
    uint64_t voxels = 0, sum = 0, sum_of_squares = 0;
};

// A folder of ID.cmtlvol files: a JSON header (what was prepared, how, from which file of which size and time) and the
// deflated voxels with a CRC. An entry is only used when all of that still holds; files appear whole or not at all.
class VolumeCache {
  public:
    VolumeCache(std::filesystem::path folder, const PreparationOptions& preparation);

    // The entry of a case, if it is there, whole and up to date.
    std::optional<CachedVolume> find(const CohortCase& one) const;
    // Prepares the case and writes its entry. Throws Error as prepare_case does.
    CachedVolume prepare(const CohortCase& one) const;
    // Throws Error(input) for a damaged entry, naming the file.
    std::vector<uint16_t> read(const CohortCase& one) const;

    const std::filesystem::path& folder() const { return folder_; }

  private:
    std::filesystem::path path_of(const CohortCase& one) const;
    std::filesystem::path folder_;
    PreparationOptions preparation_;
};

// The volumes of a cohort while it is trained on: kept in memory when `memory_bytes` holds all of them. Thread-safe.
class VolumeStore {
  public:
    VolumeStore(const VolumeCache& cache, const std::vector<CohortCase>& cases, const PreparationOptions& preparation,
                double memory_bytes);
    std::shared_ptr<const std::vector<uint16_t>> get(size_t case_number);

  private:
    const VolumeCache& cache_;
    const std::vector<CohortCase>& cases_;
    bool keep_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<const std::vector<uint16_t>>> kept_;
};

}  // namespace cmtl
