#pragma once
// The cases of a batch that are done, on disk while the batch runs: what an interruption, a crash or a failed case
// leaves to go on from.
#include <filesystem>
#include <fstream>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/radiomics_batch.hpp"

namespace cmtl {

class RadiomicsJournal {
  public:
    // Begins the file anew, or with `resume` reads what is there. Throws as run_radiomics_batch says.
    RadiomicsJournal(const RadiomicsBatch& batch, const RadiomicsSettings& settings, std::filesystem::path path,
                     bool resume);

    // One per case of the batch: those that were read.
    const std::vector<std::optional<RadiomicsRecord>>& finished() const { return finished_; }
    // Appends case n and flushes. Throws Error(resource) where the disk is full.
    void append(size_t n, const RadiomicsRecord& record);

  private:
    std::string line(size_t n, const RadiomicsRecord& record) const;
    void read(const RadiomicsBatch& batch, const RadiomicsSettings& settings);

    std::filesystem::path path_;
    std::string head_;
    std::vector<std::string> keys_;  // by case
    std::vector<std::optional<RadiomicsRecord>> finished_;
    std::ofstream file_;
};

// {"roi_voxels", "box": [[i, j, k], [i, j, k]], "levels": {image type: highest level}}
nlohmann::ordered_json roi_json(const RadiomicsResult& result);

}  // namespace cmtl
