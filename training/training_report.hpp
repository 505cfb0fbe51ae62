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

// What pages of single trainings and of studies share.
std::string training_program();  // name and version
void add_summary(TrainingReport& report, const Predictions& predictions, const std::string& what);  // AUC by task
// Tests of the training cases' features, and RUN/importances.csv.
void add_features(TrainingReport& report, const Cohort& cohort, const FeatureTable* features,
                  const std::filesystem::path& run);
std::vector<FactGroup> settings_groups(const nlohmann::json& settings);
Facts flat_settings(const nlohmann::json& tree);  // {"train": {"lr": 0.1}} as "train.lr", "0.1"
std::string left_out_sentence(size_t cases);

}  // namespace cmtl
