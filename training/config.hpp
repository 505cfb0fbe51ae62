#pragma once
// Everything a training is made of, as one JSON tree: config.json of a run folder, --config, --set.
#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nets/covid_mtl.hpp"
#include "nets/losses.hpp"
#include "pipeline/case_features.hpp"
#include "pipeline/preparation.hpp"
#include "training/boosted_trees.hpp"

namespace cmtl {

struct DataConfig {
    double validation_share = 0.2;           // of a manifest without Split column
    int64_t split_seed = -1;                 // of that draw; -1: the run's seed
    double fold_validation_share = 0;        // of a fold's training cases; 0: none, and the last weights count
    std::string feature_scaling = "minmax";  // pipeline/feature_table.hpp lists the methods
    std::string cache = "auto";  // of prepared volumes while training: memory | mapped | compressed | auto (VolumeStore)
    double memory_gib = 4;       // auto: volumes are kept in memory when all fit into so much
    int64_t workers = 1;         // threads that make batches ahead
};

struct AugmentConfig {
    bool crop = true;                            // training offsets; false: always the evaluation offset
    double noise_p = 0.2;                        // additive Gaussian noise on lung voxels, once per case and epoch
    std::array<double, 2> noise_sd{2.5, 12.75};  // HU, its standard deviation is drawn from this range
    double rotate_p = 0;  // in-plane rotation by 90, 180 or 270 degrees (180 alone when the crop is not square)
    double flip_p = 0;    // flip left to right
};

struct TrainConfig {
    int64_t epochs = 80;
    int64_t batch_size = 10;
    double lr = 0.005;
    std::string optimiser = "sgd";    // sgd | adamw
    double momentum = 0.9;            // sgd
    bool nesterov = true;             // sgd
    std::array<double, 2> betas{0.9, 0.999};  // adamw
    double eps = 1e-8;                        // adamw
    std::string schedule = "cosine";        // cosine (to 0 over all steps) | step | constant (schedule.hpp)
    std::vector<int64_t> step_epochs{30};   // step: one number, every so many epochs; several, at these epochs
    double step_factor = 0.1;               // step: what the rate is multiplied with
    int64_t warmup_epochs = 0;              // epochs in which the rate climbs to lr, step by step
    double weight_decay = 5e-5;
    double clip_norm = 0;  // gradients longer than this, over all parameters, are scaled down to it; 0: none are
    int64_t accumulate =
        1;  // micro-batches of batch_size cases to an optimiser step, which takes their gradients' mean
    std::string precision = "f32";   // f32 | bf16: convolutions multiply in bf16; weights, gradients and sums stay f32
    int64_t max_steps = 0;           // stop after so many optimiser steps; 0: no limit
    int64_t evaluate_every = 1;      // epochs between evaluations on the validation cases
    int64_t patience = 0;            // stop after so many evaluations in a row without improvement; 0: never
    double min_delta = 0;            // what the mean validation AUC must gain to count as an improvement
    int64_t checkpoint_steps = 0;    // steps between checkpoints within an epoch; 0: none by steps
    double checkpoint_minutes = 10;  // minutes between checkpoints within an epoch; 0: none by time
    std::string select = "best";     // weights of the final predictions: best (validation AUC, then loss) | last
    bool tensorboard = true;         // RUN/tensorboard
};

struct Config {
    std::string preset = "full";
    DataConfig data;
    PreparationOptions preparation;
    FeatureOptions radiomics;  // of features that are computed; a table's are what they are
    AugmentConfig augment;
    ModelOptions model;
    LossOptions loss;
    TrainConfig train;
    TreeOptions trees;  // of model.architecture xgboost
};

// model.architecture of boosted trees, which are no network.
inline constexpr const char* boosted_trees_architecture = "xgboost";

// full (published), small (5 mm volumes, for laptops and the demo), features (feature table alone), trees (boosted
// trees on the feature table).
// Throws Error(usage) for another name.
Config preset_config(const std::string& name);
const std::vector<std::string>& preset_names();

nlohmann::json to_json(const Config& config);
// A tree as to_json gives it. Throws Error(usage) naming the key and the value that is out of range.
Config config_from_json(const nlohmann::json& json);

}  // namespace cmtl
