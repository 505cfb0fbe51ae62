#pragma once
// The volumes of a cohort while it is trained on.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/device.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {

// A prepared volume, z y x; `owner` keeps it where it is.
struct VolumeView {
    std::span<const uint16_t> voxels;
    std::shared_ptr<const void> owner;
};

struct VolumeStoreOptions {
    // memory: inflated once and kept. mapped: ID.cmtlraw beside the cache's entry, uncompressed and mapped, which
    // processes share and the system's page cache keeps as far as it has room. compressed: inflated for every batch.
    // auto: memory where `memory_bytes` holds all; else mapped where files that are still missing take up to half of
    // the free disk space; else compressed.
    std::string access = "auto";
    double memory_bytes = 0;
    Device device{};  // of features that are computed again with a damaged entry
    std::function<void(const std::string&)> notice = [](const std::string&) {
    };  // told what a user should know; any thread
};

// The same voxels whatever the access. An entry or a mapped file that is damaged, was changed or went away is made
// again from what is behind it, in the end from the image. docs/volume_cache.md states the format of mapped files.
class VolumeStore {
  public:
    // `volumes`: what prepare_cohort() gave for these cases.
    VolumeStore(const VolumeCache& cache, const std::vector<CohortCase>& cases,
                const std::vector<CachedVolume>& volumes, VolumeStoreOptions options);

    // Makes the mapped files that are missing, with a progress bar; false: interrupted. Throws Error(resource) where
    // `mapped` is asked for and the disk has no room; auto falls back to compressed and says so.
    bool make_ready(bool quiet);

    // Thread-safe. Throws Error(input) naming the case where its entry is damaged and its image is gone or has changed.
    VolumeView get(size_t case_number);

    const std::string& access() const { return access_; }  // memory, mapped or compressed

  private:
    struct Mapping;
    using Voxels = std::shared_ptr<const std::vector<uint16_t>>;
    std::filesystem::path raw_file(size_t i) const;
    bool raw_is_there(size_t i) const;
    void write_raw(size_t i, const std::vector<uint16_t>& voxels) const;
    std::shared_ptr<const Mapping> map(size_t i) const;
    Voxels inflated(size_t i);
    Voxels prepared_again(size_t i, const std::string& why);

    const VolumeCache& cache_;
    const std::vector<CohortCase>& cases_;
    const std::vector<CachedVolume>& volumes_;
    const VolumeStoreOptions options_;
    std::string access_;
    std::mutex mutex_;
    std::mutex preparing_;  // one case at a time: it takes all threads
    std::vector<Voxels> kept_;
    std::vector<std::shared_ptr<const Mapping>> mapped_;
};

}  // namespace cmtl
