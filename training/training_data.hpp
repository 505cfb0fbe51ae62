#pragma once
// What a training learns from: its cases by split, their volumes and features, and what a model must remember of them.
#include <optional>
#include <string>
#include <vector>

#include "pipeline/model_file.hpp"
#include "training/cohort_volumes.hpp"
#include "training/dataset.hpp"
#include "training/run_folder.hpp"
#include "training/trainer.hpp"
#include "training/volume_store.hpp"

namespace cmtl {

class TrainingData {
  public:
    // Draws splits where the manifest has none, and looks for features before hours go into volumes. Throws
    // Error(usage) where there is neither a table of features nor an image, Error(input) for cases that the table
    // lacks.
    TrainingData(TrainJob& job, RunFolder& folder);

    // Prepares what the cache lacks, leaves out cases that cannot be prepared, tells the others apart by split and
    // warns of identical ones. job.features is there after it. False: interrupted. Throws Error(input) where nothing is
    // left to train on.
    bool find_cases();

    // find_cases(), then for a network: fits scaler and intensity statistics on training cases. `on_device`: batches
    // for a device, see Dataset.
    bool prepare(bool on_device);

    const std::vector<CohortCase>& cases() const { return job_.cohort.cases; }
    const Dataset& dataset() const { return *dataset_; }
    const std::vector<CachedVolume>& volumes() const { return volumes_; }  // by case; empty where none are used
    const VolumeCache& cache() const { return *cache_; }                  // of models with a volume branch
    // Of everything that the weights follow from, apart from the settings.
    std::string fingerprint() const;

    std::vector<size_t> train, val, test;  // case numbers
    std::vector<std::string> failed;       // cases that were left out, "ID: what is wrong"
    std::vector<std::string> warnings;     // of identical scans: training/duplicates.hpp
    ModelFile description;                 // what goes into every checkpoint's metadata

  private:
    void match_features();
    bool prepare_volumes();
    void leave_out(const std::vector<std::string>& errors);
    void scale_features();

    TrainJob& job_;
    const Config& config_;
    RunFolder& folder_;
    bool computed_ = false;  // features come from the volumes, not from a table
    std::optional<VolumeCache> cache_;
    std::optional<VolumeStore> store_;
    std::vector<CachedVolume> volumes_;
    std::vector<std::vector<float>> scaled_;
    std::optional<Dataset> dataset_;
};

}  // namespace cmtl
