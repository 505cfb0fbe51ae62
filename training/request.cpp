#include "training/request.hpp"

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "training/model_name.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
json read_json(const fs::path& path) {
    json tree = json::parse(read_file(path), nullptr, false, true);
    if (tree.is_discarded() || !tree.is_object())
        fail(ErrorKind::usage, "config", "{}: not a JSON object", path.string());
    return tree;
}

bool has_image_column(const fs::path& manifest) { return read_csv(manifest).find("Image").has_value(); }

std::string absolute_text(const fs::path& path) {
    return path.empty() ? "" : fs::absolute(path).lexically_normal().string();
}

// Fills what the command line left out from the run that is resumed.
TrainRequest completed(TrainRequest request) {
    const fs::path record = request.run / "config.json";
    std::error_code code;
    if (!request.resume || !request.manifest.empty()) return request;
    if (!fs::exists(record, code))
        fail(ErrorKind::usage, "train", "{}: nothing to resume there: give --manifest to begin", request.run.string());
    const json tree = read_json(record);
    try {
        const json &run = tree.at("run"), &sources = run.at("sources");
        request.manifest = sources.at("manifest").get<std::string>();
        request.features = sources.at("features").get<std::string>();
        request.id_column = sources.at("id_column").get<std::string>();
        request.cache = sources.at("cache").get<std::string>();
        request.init = run.at("init").get<std::string>();
        if (!request.seed) request.seed = run.at("seed").get<uint64_t>();
    } catch (const json::exception& error) {
        fail(ErrorKind::input, "train", "{}: damaged: {}", record.string(), error.what());
    }
    if (request.config_file.empty()) request.config_file = record;
    return request;
}
}  // namespace

std::string default_preset(const fs::path& manifest) { return has_image_column(manifest) ? "full" : "features"; }

ConfigTree resolve_settings(const TrainRequest& request, const std::string& preset) {
    json file = json::object();
    std::string name = preset;
    if (!request.config_file.empty()) {
        file = read_json(request.config_file);
        file.erase("run");
        if (file.contains("preset") && file["preset"].is_string()) name = file["preset"].get<std::string>();
    }
    if (request.tree.contains("preset") && request.tree["preset"].is_string())
        name = request.tree["preset"].get<std::string>();
    for (const std::string& setting : request.settings)
        if (setting.rfind("preset=", 0) == 0) name = setting.substr(7);
    if (!request.preset.empty()) name = request.preset;
    ConfigTree tree(to_json(preset_config(name)));
    tree.merge(file, request.config_file.string());
    apply_model_name(tree, request.model, request.task);
    tree.merge(request.tree, request.tree_source);
    for (const std::string& setting : request.settings) tree.set(setting);
    tree.set("preset=" + name);
    if (request.max_steps) tree.set(fmt::format("train.max_steps={}", *request.max_steps));
    return tree;
}

TrainJob make_job(const TrainRequest& asked) {
    const TrainRequest request = completed(asked);
    if (request.manifest.empty())
        fail(ErrorKind::usage, "train", "--manifest is needed: a CSV file of cases and labels");
    require_readable(request.manifest);
    const bool images = has_image_column(request.manifest);
    const ConfigTree tree = resolve_settings(request, default_preset(request.manifest));
    TrainJob job;
    job.config = config_from_json(tree.tree());
    ModelOptions& model = job.config.model;
    job.cohort = read_manifest(request.manifest, request.id_column, model.tasks, true);
    require_whole_patients(job.cohort);
    const bool trees = model.architecture == boosted_trees_architecture;
    if (trees && !request.init.empty())
        fail(ErrorKind::usage, "train", "--init is for networks: boosted trees begin with no tree");
    const auto set_feature_count = [&](int64_t count, const std::string& source) {
        if (tree.was_set("model.feature_count") && request.config_file.empty() && count != model.feature_count)
            fail(ErrorKind::input, "features", "{}: {} feature columns, but model.feature_count is {}", source, count,
                 model.feature_count);
        model.feature_count = count;
    };
    if (!request.features.empty()) {
        if (!model.features)
            fail(ErrorKind::usage, "train", "--features is given, but model.features is false: leave one of them out");
        job.features = read_feature_table(request.features, request.id_column,
                                          trees ? MissingFeatures::keep : MissingFeatures::refuse);
        set_feature_count(static_cast<int64_t>(job.features->names.size()), request.features.string());
    } else if (model.features && images) {
        set_feature_count(static_cast<int64_t>(feature_names(job.config.radiomics).size()), job.config.radiomics.set);
    } else if (model.features) {
        fail(ErrorKind::usage, "train",
             "{}: --features is needed: a CSV table of {} and feature columns, for a model with a feature branch and without images",
             request.manifest.string(), request.id_column);
    }
    job.run = request.run;
    job.cache = request.cache;
    job.init = request.init;
    job.sources = {{"manifest", absolute_text(request.manifest)},
                   {"features", absolute_text(request.features)},
                   {"id_column", request.id_column},
                   {"cache", absolute_text(request.cache)}};
    job.seed = request.seed.value_or(0);
    job.device = request.device;
    job.threads = request.threads;
    job.resume = request.resume;
    job.quiet = request.quiet;
    return job;
}

}  // namespace cmtl
