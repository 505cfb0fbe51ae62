#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "evaluation/report.hpp"
#include "pipeline/feature_table.hpp"
#include "training/cohort.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {

// What a run's report is made of, beside the run folder's metrics.jsonl and importances.csv
// (`task,feature,gain,cover,weight,share`), which may be absent.
struct TrainingRecord {
    std::filesystem::path run;
    const nlohmann::json& settings;           // groups of them
    const Cohort& cohort;                     // cases that took part, with splits
    std::span<const CachedVolume> volumes{};  // one per case; empty without images
    const FeatureTable* features = nullptr;   // raw, of the cases
    const Predictions &val, &test;            // of the chosen weights
    std::vector<std::string> left_out{};      // "ID: why"
    std::vector<std::string> warnings{};      // whole sentences
    std::vector<GalleryCase> gallery{};
    uint64_t seed = 0;  // of the bootstrap
};

// Writes RUN/report.html.
void write_training_report(const TrainingRecord& record);

}  // namespace cmtl
