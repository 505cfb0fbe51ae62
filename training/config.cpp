#include "training/config.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "pipeline/feature_table.hpp"
#include "training/class_weights.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
template <class T>
void check(bool holds, const char* key, const T& value, const char* what) {
    if (!holds) fail(ErrorKind::usage, "config", "{} is {}: {}", key, json(value).dump(), what);
}

void check_probability(const char* key, double value) {
    check(value >= 0 && value <= 1, key, value, "it must lie in [0, 1]");
}

void validate(const Config& c) {
    check(c.data.validation_share >= 0 && c.data.validation_share < 1, "data.validation_share", c.data.validation_share,
          "it must lie in [0, 1)");
    check(c.data.split_seed >= -1, "data.split_seed", c.data.split_seed, "it must be -1 or a seed");
    const auto& methods = feature_scaling_methods();
    check(std::find(methods.begin(), methods.end(), c.data.feature_scaling) != methods.end(), "data.feature_scaling",
          c.data.feature_scaling, fmt::format("choose {}", fmt::join(methods, ", ")).c_str());
    const std::vector<std::string> caches{"auto", "memory", "mapped", "compressed"};
    check(std::find(caches.begin(), caches.end(), c.data.cache) != caches.end(), "data.cache", c.data.cache,
          "choose auto, memory, mapped or compressed");
    check(c.data.workers >= 1 && c.data.workers <= 64, "data.workers", c.data.workers, "it must lie in [1, 64]");
    check_probability("augment.noise_p", c.augment.noise_p);
    check_probability("augment.rotate_p", c.augment.rotate_p);
    check_probability("augment.flip_p", c.augment.flip_p);
    check(c.augment.noise_sd[0] >= 0 && c.augment.noise_sd[1] >= c.augment.noise_sd[0], "augment.noise_sd",
          c.augment.noise_sd, "it must be two numbers, the smaller first");
    check(c.loss.name == "random" || c.loss.name == "equal" || c.loss.name == "uncertainty" || c.loss.name == "fixed",
          "loss.name", c.loss.name, "choose random, equal, uncertainty or fixed");
    check(c.loss.draws >= 1, "loss.draws", c.loss.draws, "it must be at least 1");
    check(c.loss.alpha.empty() || c.loss.alpha.size() == c.model.tasks.size(), "loss.alpha", c.loss.alpha,
          "give one number per task, or none");
    for (const double a : c.loss.alpha) check(a > 0, "loss.alpha", c.loss.alpha, "every number must be above 0");
    check(c.loss.name != "fixed" || c.loss.weights.size() == c.model.tasks.size(), "loss.weights", c.loss.weights,
          fmt::format("loss.name=fixed takes one number per task ({})", c.model.tasks.size()).c_str());
    check(c.loss.name == "fixed" || c.loss.weights.empty(), "loss.weights", c.loss.weights,
          "only loss.name=fixed takes them");
    for (const double w : c.loss.weights) check(w >= 0, "loss.weights", c.loss.weights, "no number may be below 0");
    check_class_weights(c.loss.class_weights, c.model.tasks);
    check(c.train.epochs >= 1, "train.epochs", c.train.epochs, "it must be at least 1");
    check(c.train.batch_size >= 1, "train.batch_size", c.train.batch_size, "it must be at least 1");
    check(c.train.lr > 0, "train.lr", c.train.lr, "it must be above 0");
    check(c.train.optimiser == "sgd" || c.train.optimiser == "adamw", "train.optimiser", c.train.optimiser,
          "choose sgd or adamw");
    for (const double beta : c.train.betas)
        check(beta >= 0 && beta < 1, "train.betas", c.train.betas, "both numbers must lie in [0, 1)");
    check(c.train.eps > 0, "train.eps", c.train.eps, "it must be above 0");
    check(c.train.clip_norm >= 0, "train.clip_norm", c.train.clip_norm,
          "it must not be negative; 0 leaves gradients as they are");
    check(c.train.accumulate >= 1 && c.train.accumulate <= 256, "train.accumulate", c.train.accumulate,
          "it must lie in [1, 256]");
    check(c.train.precision == "f32" || c.train.precision == "bf16", "train.precision", c.train.precision,
          "choose f32 or bf16");
    check(c.train.schedule == "cosine" || c.train.schedule == "step" || c.train.schedule == "constant",
          "train.schedule", c.train.schedule, "choose cosine, step or constant");
    check(!c.train.step_epochs.empty() && c.train.step_epochs[0] >= 1 &&
              std::ranges::adjacent_find(c.train.step_epochs, std::greater_equal<>()) == c.train.step_epochs.end(),
          "train.step_epochs", c.train.step_epochs, "give one number above 0, or several in rising order");
    check(c.train.step_factor > 0 && c.train.step_factor <= 1, "train.step_factor", c.train.step_factor,
          "it must lie in (0, 1]");
    check(c.train.warmup_epochs >= 0, "train.warmup_epochs", c.train.warmup_epochs, "it must not be negative");
    check(c.train.patience >= 0, "train.patience", c.train.patience, "it must not be negative");
    check(c.train.min_delta >= 0, "train.min_delta", c.train.min_delta, "it must not be negative");
    check(c.train.momentum >= 0 && c.train.momentum < 1, "train.momentum", c.train.momentum, "it must lie in [0, 1)");
    check(c.train.weight_decay >= 0, "train.weight_decay", c.train.weight_decay, "it must not be negative");
    check(c.train.max_steps >= 0, "train.max_steps", c.train.max_steps, "it must not be negative");
    check(c.train.evaluate_every >= 1, "train.evaluate_every", c.train.evaluate_every, "it must be at least 1");
    check(c.train.checkpoint_steps >= 0, "train.checkpoint_steps", c.train.checkpoint_steps, "it must not be negative");
    check(c.train.select == "best" || c.train.select == "last", "train.select", c.train.select, "choose best or last");
    check(c.data.fold_validation_share >= 0 && c.data.fold_validation_share < 1, "data.fold_validation_share",
          c.data.fold_validation_share, "it must lie in [0, 1)");
}

void validate(const TreeOptions& t) {
    check(t.rounds >= 1, "trees.rounds", t.rounds, "it must be at least 1");
    check(t.max_depth >= 1 && t.max_depth <= 30, "trees.max_depth", t.max_depth, "it must lie in [1, 30]");
    check(t.eta > 0 && t.eta <= 1, "trees.eta", t.eta, "it must lie in (0, 1]");
    check(t.subsample > 0 && t.subsample <= 1, "trees.subsample", t.subsample, "it must lie in (0, 1]");
    check(t.colsample > 0 && t.colsample <= 1, "trees.colsample", t.colsample, "it must lie in (0, 1]");
    check(t.min_child_weight >= 0, "trees.min_child_weight", t.min_child_weight, "it must not be negative");
    check(t.lambda >= 0, "trees.lambda", t.lambda, "it must not be negative");
    check(t.patience >= 0, "trees.patience", t.patience, "it must not be negative");
}

// The networks' room knows nothing of trees: theirs is only the rest of the options.
ModelOptions model_of(json tree) {
    const bool trees = tree.value("architecture", json()) == boosted_trees_architecture;
    if (trees) tree.erase("architecture");
    ModelOptions model = model_options_from_json(tree);
    if (!trees) return model;
    if (model.volume || !model.features)
        fail(ErrorKind::usage, "config",
             "model.architecture {} takes features alone: set model.volume=false and model.features=true, or choose "
             "--preset trees",
             boosted_trees_architecture);
    for (const Task& task : model.tasks)
        if (task.name.find('/') != std::string::npos)
            fail(ErrorKind::usage, "config", "task '{}': its name becomes a file's, without '/'", task.name);
    model.architecture = boosted_trees_architecture;
    return model;
}
}  // namespace

const std::vector<std::string>& preset_names() {
    static const std::vector<std::string> names{"full", "small", "features", "trees"};
    return names;
}

Config preset_config(const std::string& name) {
    Config config;
    config.preset = name;
    if (name == "full") return config;
    if (name == "small") {
        config.preparation = preparation_preset("small");
        config.train.epochs = 40;
        config.train.batch_size = 4;
        config.train.lr = 0.01;
        return config;
    }
    if (name == "features") {
        // Found by cross-validation on a 930-patient table: the published rate undertrains, and a tenth of the features
        // left out per step helps every task.
        config.model.volume = false;
        config.model.dropout = 0;
        config.model.feature_dropout = 0.1;
        config.model.feature_init = "xavier";
        config.train.epochs = 100;
        config.train.batch_size = 32;
        config.train.lr = 0.02;
        config.train.select = "last";
        return config;
    }
    if (name == "trees") {
        config.model.architecture = boosted_trees_architecture;
        config.model.volume = false;
        return config;
    }
    fail(ErrorKind::usage, "config", "'{}' is not a preset: choose {}", name, fmt::join(preset_names(), ", "));
}

json to_json(const Config& c) {
    return {
        {"preset", c.preset},
        {"data",
         {{"validation_share", c.data.validation_share},
          {"split_seed", c.data.split_seed},
          {"fold_validation_share", c.data.fold_validation_share},
          {"feature_scaling", c.data.feature_scaling},
          {"cache", c.data.cache},
          {"memory_gib", c.data.memory_gib},
          {"workers", c.data.workers}}},
        {"preparation", to_json(c.preparation)},
        {"radiomics", to_json(c.radiomics)},
        {"augment",
         {{"crop", c.augment.crop},
          {"noise_p", c.augment.noise_p},
          {"noise_sd", c.augment.noise_sd},
          {"rotate_p", c.augment.rotate_p},
          {"flip_p", c.augment.flip_p}}},
        {"model", to_json(c.model)},
        {"loss",
         {{"name", c.loss.name},
          {"draws", c.loss.draws},
          {"alpha", c.loss.alpha},
          {"weights", c.loss.weights},
          {"class_weights", c.loss.class_weights}}},
        {"train",
         {{"epochs", c.train.epochs},
          {"batch_size", c.train.batch_size},
          {"lr", c.train.lr},
          {"schedule", c.train.schedule},
          {"optimiser", c.train.optimiser},
          {"step_epochs", c.train.step_epochs},
          {"step_factor", c.train.step_factor},
          {"warmup_epochs", c.train.warmup_epochs},
          {"momentum", c.train.momentum},
          {"nesterov", c.train.nesterov},
          {"betas", c.train.betas},
          {"eps", c.train.eps},
          {"weight_decay", c.train.weight_decay},
          {"clip_norm", c.train.clip_norm},
          {"accumulate", c.train.accumulate},
          {"precision", c.train.precision},
          {"max_steps", c.train.max_steps},
          {"evaluate_every", c.train.evaluate_every},
          {"patience", c.train.patience},
          {"min_delta", c.train.min_delta},
          {"checkpoint_steps", c.train.checkpoint_steps},
          {"checkpoint_minutes", c.train.checkpoint_minutes},
          {"select", c.train.select},
          {"tensorboard", c.train.tensorboard}}},
        {"trees", to_json(c.trees)},
    };
}

Config config_from_json(const json& tree) {
    Config c;
    try {
        tree.at("preset").get_to(c.preset);
        const json &data = tree.at("data"), &augment = tree.at("augment"), &loss = tree.at("loss"),
                   &train = tree.at("train");
        data.at("validation_share").get_to(c.data.validation_share);
        data.at("split_seed").get_to(c.data.split_seed);
        data.at("fold_validation_share").get_to(c.data.fold_validation_share);
        data.at("feature_scaling").get_to(c.data.feature_scaling);
        data.at("cache").get_to(c.data.cache);
        data.at("memory_gib").get_to(c.data.memory_gib);
        data.at("workers").get_to(c.data.workers);
        c.preparation = preparation_from_json(tree.at("preparation"));
        c.radiomics = feature_options_from_json(tree.at("radiomics"));
        augment.at("crop").get_to(c.augment.crop);
        augment.at("noise_p").get_to(c.augment.noise_p);
        const auto range = augment.at("noise_sd").get<std::vector<double>>();
        check(range.size() == 2, "augment.noise_sd", range, "it must be two numbers, the smaller first");
        c.augment.noise_sd = {range[0], range[1]};
        augment.at("rotate_p").get_to(c.augment.rotate_p);
        augment.at("flip_p").get_to(c.augment.flip_p);
        c.model = model_of(tree.at("model"));
        loss.at("name").get_to(c.loss.name);
        loss.at("draws").get_to(c.loss.draws);
        loss.at("alpha").get_to(c.loss.alpha);
        loss.at("weights").get_to(c.loss.weights);
        loss.at("class_weights").get_to(c.loss.class_weights);
        train.at("epochs").get_to(c.train.epochs);
        train.at("batch_size").get_to(c.train.batch_size);
        train.at("lr").get_to(c.train.lr);
        train.at("schedule").get_to(c.train.schedule);
        train.at("optimiser").get_to(c.train.optimiser);
        train.at("step_epochs").get_to(c.train.step_epochs);
        train.at("step_factor").get_to(c.train.step_factor);
        train.at("warmup_epochs").get_to(c.train.warmup_epochs);
        train.at("momentum").get_to(c.train.momentum);
        train.at("nesterov").get_to(c.train.nesterov);
        const auto betas = train.at("betas").get<std::vector<double>>();
        check(betas.size() == 2, "train.betas", betas, "it must be two numbers");
        c.train.betas = {betas[0], betas[1]};
        train.at("eps").get_to(c.train.eps);
        train.at("weight_decay").get_to(c.train.weight_decay);
        train.at("clip_norm").get_to(c.train.clip_norm);
        train.at("accumulate").get_to(c.train.accumulate);
        train.at("precision").get_to(c.train.precision);
        train.at("max_steps").get_to(c.train.max_steps);
        train.at("evaluate_every").get_to(c.train.evaluate_every);
        train.at("patience").get_to(c.train.patience);
        train.at("min_delta").get_to(c.train.min_delta);
        train.at("checkpoint_steps").get_to(c.train.checkpoint_steps);
        train.at("checkpoint_minutes").get_to(c.train.checkpoint_minutes);
        train.at("select").get_to(c.train.select);
        train.at("tensorboard").get_to(c.train.tensorboard);
        c.trees = tree_options_from_json(tree.at("trees"));
    } catch (const json::exception& error) {
        fail(ErrorKind::usage, "config", "incomplete or wrong configuration: {}", error.what());
    }
    validate(c);
    validate(c.trees);
    return c;
}

}  // namespace cmtl
