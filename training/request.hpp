#pragma once
// What somebody asked cmtl_train for, turned into a job: presets, configuration files, --set, manifest and features.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "training/config_tree.hpp"
#include "training/trainer.hpp"

namespace cmtl {

struct TrainRequest {
    std::filesystem::path manifest, features, run, cache, init, config_file;
    std::string preset, id_column = "ID";
    std::string model, task;            // a named model (training/model_name.hpp), and the one task to predict
    nlohmann::json tree = nlohmann::json::object();  // settings over the file's and under `settings`
    std::string tree_source;                         // where they stand
    std::vector<std::string> settings;               // "key=value"
    std::optional<int64_t> max_steps;
    std::optional<uint64_t> seed;
    Device device;
    int threads = 1;
    bool resume = false, quiet = false;
};

// What a manifest's runs begin with where nobody names a preset: full with images, else features.
std::string default_preset(const std::filesystem::path& manifest);

// The configuration alone: preset, then the file's tree, then the named model, then the request's tree, then the settings. `preset` when
// neither names one. The
// file may be a run's config.json: its "run" record (seed, version and so on) is passed over.
// Throws Error(usage) for unknown keys, wrong types and values; Error(input) for an unreadable file.
ConfigTree resolve_settings(const TrainRequest& request, const std::string& preset);

// Reads manifest and features. Without a preset a manifest without Image column gets "features", another one "full".
// With images and no feature table the model's features are computed from the images, unless model.features is false. resume without a manifest: everything is taken from the
// run's config.json. Throws Error as the readers do.
TrainJob make_job(const TrainRequest& request);

}  // namespace cmtl
