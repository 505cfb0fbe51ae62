#include "pipeline/predictor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "engine/autograd.hpp"
#include "pipeline/model_runs.hpp"
#include "version.hpp"

namespace cmtl {

namespace {
// What two models must share to read the same case and to be averaged, their heat maps too. What is of training alone
// (dropout, Shift3D) may differ, as in folds whose settings were chosen by --tune.
nlohmann::json input_and_tasks(const ModelFile& file) {
    const nlohmann::json model = to_json(file.options);
    nlohmann::json json;
    for (const char* key : {"architecture", "tasks", "volume", "features"}) json[key] = model.at(key);
    if (file.preparation) json["preparation"] = to_json(*file.preparation);
    if (file.radiomics) json["radiomics"] = to_json(*file.radiomics);
    if (file.scaler) json["feature_names"] = file.scaler->names;
    return json;
}
}  // namespace

Predictor::Predictor(Context& context, const std::filesystem::path& model) : context_(context) {
    const auto runs = model_runs(model);
    for (const auto& run : runs) {
        ModelFile file = read_model(context, run);
        auto net = std::make_unique<CovidMtl>(context, file.options, 0);
        load_weights(context, *net, file.weights, file.source);
        file.weights.clear();
        file.other.clear();
        members_.push_back({std::move(file), std::move(net)});
        if (input_and_tasks(members_.back().file) != input_and_tasks(members_.front().file))
            fail(ErrorKind::input, "model", "{}: takes other input or has other tasks than {}: they cannot be averaged",
                 members_.back().file.source, members_.front().file.source);
    }
    source_ = runs.size() == 1 ? members_.front().file.source : model.string();
}

void Predictor::require_ct() const {
    if (!model().options.volume)
        fail(ErrorKind::input, "model", "{}: takes image features only, no CT: give --features", model().source);
    if (!model().preparation || !model().intensity)
        fail(ErrorKind::input, "model",
             "{}: holds no intensity statistics of its training cohort (a bare state dict?): it can be used on ready "
             "tensors "
             "(--tensors), not on CT; give a run folder or a checkpoint of cmtl_train",
             model().source);
}

void Predictor::require_features() const {
    if (!model().options.features)
        fail(ErrorKind::input, "model", "{}: takes CT only, no features: leave --features out", model().source);
    if (!model().scaler)
        fail(ErrorKind::input, "model",
             "{}: holds no feature ranges of its training cohort (a bare state dict?): it can be used on ready tensors "
             "(--tensors), not on raw features; give a run folder or a checkpoint of cmtl_train",
             model().source);
}

FeatureOptions Predictor::computable_features() const {
    require_features();
    if (model().radiomics) return *model().radiomics;
    const FeatureOptions published;
    const auto known = feature_names(published);
    for (const std::string& name : model().scaler->names)
        if (std::find(known.begin(), known.end(), name) == known.end())
            fail(ErrorKind::usage, "model",
                 "{}: was trained on a table with the feature '{}', which is none of {}: give the case's features with "
                 "--features",
                 model().source, name, published.set);
    const double spacing = preparation().spacing_mm, table_spacing = PreparationOptions{}.spacing_mm;
    if (spacing != table_spacing)
        fail(ErrorKind::usage, "model",
             "{}: was trained on a table of features and on volumes of {} mm, of which other features would come: give "
             "the case's features with --features, or train without --features",
             model().source, spacing);
    return published;
}

std::vector<double> Predictor::features(std::vector<uint16_t>& voxels, const std::string& name) {
    const FeatureOptions options = computable_features();
    const auto names = feature_names(options);
    const auto values = case_features(context_, voxels, preparation(), options, name);
    if (names == model().scaler->names) return values;
    std::vector<double> chosen;
    for (const std::string& wanted : model().scaler->names) {
        const auto at = std::find(names.begin(), names.end(), wanted);
        if (at == names.end())
            fail(ErrorKind::input, "model", "{}: its feature '{}' is none of {}", model().source, wanted, options.set);
        chosen.push_back(values[static_cast<size_t>(at - names.begin())]);
    }
    return chosen;
}

FeatureTable Predictor::select(const FeatureTable& table) const {
    require_features();
    return select_features(table, model().scaler->names, model().options.feature_count, model().source);
}

std::vector<std::vector<double>> Predictor::probabilities(const std::vector<uint16_t>& volume,
                                                          std::span<const double> features,
                                                          std::vector<CamMap>* maps) {
    const NoGrad quiet(context_);
    const ModelOptions& options = model().options;
    if (options.volume) require_ct();
    if (options.features) require_features();
    const double share = 1.0 / static_cast<double>(members());
    std::vector<std::vector<double>> out;
    for (const Task& task : options.tasks) out.emplace_back(static_cast<size_t>(task.classes));
    std::vector<GradCam> cams;
    for (Member& member : members_) {
        Tensor x, f;
        if (options.volume) {
            const PreparationOptions& p = *member.file.preparation;
            const auto input = network_input(volume, p.evaluation_offset, *member.file.intensity, p);
            x = context_.from<float>({1, p.crop[0], p.crop[1], p.crop[2], 1}, input);
        }
        if (options.features) {
            std::vector<float> scaled(features.size());
            member.file.scaler->apply(features, scaled);
            f = context_.from<float>({1, static_cast<int64_t>(scaled.size())}, scaled);
        }
        std::vector<Tensor> logits;
        if (maps && options.volume) {
            cams.emplace_back(context_, *member.net, x, f);
            logits = cams.back().logits();
        } else {
            logits = member.net->forward(Pass{context_}, x, f);
        }
        for (size_t k = 0; k < out.size(); ++k) {
            const auto p = class_probabilities(context_, logits[k]);
            for (size_t c = 0; c < p.size(); ++c) out[k][c] += share * p[c];
        }
    }
    for (size_t k = 0; !cams.empty() && k < out.size(); ++k) {
        const auto top = std::max_element(out[k].begin(), out[k].end()) - out[k].begin();
        CamMap mean = cams.front().map(k, top);
        for (size_t m = 1; m < cams.size(); ++m) {
            const CamMap more = cams[m].map(k, top);
            for (size_t i = 0; i < mean.values.size(); ++i) mean.values[i] += more.values[i];
        }
        for (float& value : mean.values) value *= static_cast<float>(share);
        maps->push_back(std::move(mean));
    }
    return out;
}

std::vector<Tensor> Predictor::logits(const Tensor& volume, const Tensor& features) {
    const NoGrad quiet(context_);
    if (members() > 1)
        fail(ErrorKind::usage, "model",
             "{}: {} models: ready tensors go through one network: name one of its run folders", source_, members());
    const ModelOptions& options = model().options;
    const auto lacks = [&](const char* name) {
        fail(ErrorKind::input, "model", "{}: needs a tensor '{}'", source_, name);
    };
    if (options.volume && !volume.defined()) lacks("volume");
    if (options.features && !features.defined()) lacks("features");
    Tensor x;
    if (options.volume) {
        if (volume.rank() != 5 || volume.size(1) != 1 || volume.dtype() != Dtype::f32)
            fail(ErrorKind::input, "model", "volume is {} {}: (N, 1, D, H, W) f32 is needed", name_of(volume.dtype()),
                 volume.shape().text());
        x = context_.to_device(to_channels_last(context_, volume));
    }
    return members_.front().net->forward(Pass{context_}, x, options.features ? context_.to_device(features) : Tensor());
}

nlohmann::ordered_json to_json(const CaseResult& result, const Predictor& predictor) {
    const ModelFile& model = predictor.model();
    nlohmann::ordered_json json{{"id", result.id}};
    if (!result.input.empty()) json["input"] = result.input.string();
    for (size_t k = 0; k < result.probabilities.size(); ++k) {
        const auto& p = result.probabilities[k];
        json["probabilities"][model.options.tasks[k].name] = p;
        json["predicted"][model.options.tasks[k].name] = std::max_element(p.begin(), p.end()) - p.begin();
    }
    if (!result.input.empty())
        json["lungs"] = {{"right_litres", result.litres_right},
                         {"left_litres", result.litres_left},
                         {"litres", result.litres_right + result.litres_left},
                         {"warnings", result.warnings}};
    if (result.radiomics)
        json["features"] = {{"source", "computed"},
                            {"feature_set", result.radiomics->set},
                            {"bin_width", result.radiomics->bin_width},
                            {"count", model.options.feature_count}};
    else if (!result.feature_table.empty())
        json["features"] = {
            {"source", "table"}, {"file", result.feature_table.string()}, {"count", model.options.feature_count}};
    double total = 0;
    for (const auto& [step, seconds] : result.timeline) {
        json["timeline"][step] = seconds;
        total += seconds;
    }
    json["timeline"]["total"] = total;
    const auto trained = model.metadata.find("cmtl.version");
    json["versions"] = {{"cmtl", CMTL_VERSION},
                        {"commit", CMTL_COMMIT},
                        {"model", predictor.source()},
                        {"model_trained_by", trained == model.metadata.end() ? "unknown" : "cmtl " + trained->second}};
    if (predictor.members() > 1) json["versions"]["models"] = predictor.members();
    return json;
}

std::string case_id(const std::filesystem::path& image) {
    const std::filesystem::path whole = image.has_filename() ? image : image.parent_path();
    std::string name = whole.filename().string();
    if (name == "." || name == "..") name = std::filesystem::absolute(whole).lexically_normal().filename().string();
    if (std::filesystem::is_directory(whole)) return name;
    for (const char* extension : {".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr", ".dcm", ".zip"})
        if (name.size() > std::string_view(extension).size() && name.ends_with(extension))
            return name.substr(0, name.size() - std::string_view(extension).size());
    return name;
}

}  // namespace cmtl
