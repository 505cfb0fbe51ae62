#pragma once
// What a run was made with, and whether somebody who resumes it asks for the same.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "training/trainer.hpp"

namespace cmtl {

// config.json of a run: the configuration, and under "run" version, commit, seed, device, threads, init and sources.
nlohmann::json run_settings(const TrainJob& job);

// The same without what may change between two parts of one run, since no weight follows from it: version, commit,
// device, threads, sources; how volumes are kept, workers, checkpoints within epochs, TensorBoard's events.
nlohmann::json lasting_settings(nlohmann::json settings);

// Throws Error(usage) that names the first setting that differs, but for those that may change.
void require_same_settings(const std::filesystem::path& run, const nlohmann::json& now, const nlohmann::json& then);

// Writes run/config.json. Where one is, it must hold the same settings: throws Error(usage) as require_same_settings
// does, Error(input) when it is damaged.
void record_settings(const std::filesystem::path& run, const nlohmann::json& settings);

// Of everything a training depends on beside its settings: cases, labels, patients, sites, splits, feature rows, and
// of images path, size and time of change.
std::string cohort_hash(const TrainJob& job);

}  // namespace cmtl
