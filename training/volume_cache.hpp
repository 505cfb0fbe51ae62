#pragma once
// Prepared volumes and their features on disk, so that a cohort is read, segmented and measured once.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/case_features.hpp"
#include "pipeline/preparation.hpp"
#include "training/cohort.hpp"

namespace cmtl {

// What is known about a cached volume without decompressing it. Sums are exact, so that statistics over any selection
// of cases do not depend on their order.
struct CachedVolume {
    uint64_t voxels = 0, sum = 0, sum_of_squares = 0, crc = 0;
    double litres_right = 0, litres_left = 0;
    std::vector<std::string> flags;  // of the segmentation: imaging/lungs.hpp
    std::vector<double> features;    // those asked for, in the order of feature_names(); empty where none are
};

// What a cache keeps of each case beside its volume.
struct CacheContents {
    std::optional<FeatureOptions> features{};
    bool masks = false;  // FOLDER/masks/ID.nii.gz: the lungs on the image's own grid, 1 right, 2 left
};

// A folder of ID.cmtlvol files: a JSON header (what was prepared, how, from which file of which size and time; features, and how
// they were computed) and the deflated voxels with a CRC. An entry is only used when all of that still holds; files appear whole or
// not at all. docs/volume_cache.md states the format. Features that are missing or were computed otherwise are computed from the cached volume.
class VolumeCache {
  public:
    VolumeCache(std::filesystem::path folder, const PreparationOptions& preparation, const CacheContents& contents = {});

    // The entry of a case, if it is there, whole, up to date and has what the cache is to keep.
    std::optional<CachedVolume> find(const CohortCase& one) const;
    // Makes what is missing and writes the entry; features are computed on the context's device. Throws Error as prepare_case and
    // case_features do; a volume whose features cannot be computed is kept.
    CachedVolume prepare(Context& context, const CohortCase& one) const;
    // `facts` as find() gives them, without features. Throws Error(input) for a damaged entry, naming the file.
    std::vector<uint16_t> read(const CohortCase& one, CachedVolume* facts = nullptr) const;

    const std::filesystem::path& folder() const { return folder_; }
    const PreparationOptions& preparation() const { return preparation_; }
    const CacheContents& contents() const { return contents_; }

  private:
    struct Entry;
    std::filesystem::path path_of(const CohortCase& one) const;
    std::filesystem::path mask_of(const CohortCase& one) const;
    std::optional<Entry> usable(const CohortCase& one) const;
    bool has_mask(const CohortCase& one, const Entry& entry) const;
    Entry fresh(const CohortCase& one, std::vector<uint16_t>& voxels) const;
    void write(const CohortCase& one, const Entry& entry) const;

    std::filesystem::path folder_;
    PreparationOptions preparation_;
    CacheContents contents_;
};

}  // namespace cmtl
