#include "pipeline/predictor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "engine/autograd.hpp"
#include "version.hpp"

namespace cmtl {

Predictor::Predictor(Context& context, const std::filesystem::path& model)
    : context_(context), model_(read_model(context, model)), net_(context, model_.options, 0) {
    load_weights(context, net_, model_.weights, model_.source);
    model_.weights.clear();
    model_.other.clear();
}

void Predictor::require_ct() const {
    if (!model_.options.volume)
        fail(ErrorKind::input, "model", "{}: takes image features only, no CT: give --features", model_.source);
    if (!model_.preparation || !model_.intensity)
        fail(ErrorKind::input, "model",
             "{}: holds no intensity statistics of its training cohort (a bare state dict?): it can be used on ready "
             "tensors "
             "(--tensors), not on CT; give a run folder or a checkpoint of cmtl_train",
             model_.source);
}

void Predictor::require_features() const {
    if (!model_.options.features)
        fail(ErrorKind::input, "model", "{}: takes CT only, no features: leave --features out", model_.source);
    if (!model_.scaler)
        fail(ErrorKind::input, "model",
             "{}: holds no feature ranges of its training cohort (a bare state dict?): it can be used on ready tensors "
             "(--tensors), not on raw features; give a run folder or a checkpoint of cmtl_train",
             model_.source);
}

FeatureOptions Predictor::computable_features() const {
    require_features();
    if (model_.radiomics) return *model_.radiomics;
    const FeatureOptions published;
    const auto known = feature_names(published);
    for (const std::string& name : model_.scaler->names)
        if (std::find(known.begin(), known.end(), name) == known.end())
            fail(ErrorKind::usage, "model",
                 "{}: was trained on a table with the feature '{}', which is none of {}: give the case's features with --features",
                 model_.source, name, published.set);
    const double spacing = preparation().spacing_mm, table_spacing = PreparationOptions{}.spacing_mm;
    if (spacing != table_spacing)
        fail(ErrorKind::usage, "model",
             "{}: was trained on a table of features and on volumes of {} mm, of which other features would come: give the case's "
             "features with --features, or train without --features",
             model_.source, spacing);
    return published;
}

std::vector<double> Predictor::features(std::vector<uint16_t>& voxels, const std::string& name) {
    const FeatureOptions options = computable_features();
    const auto names = feature_names(options);
    const auto values = case_features(context_, voxels, preparation(), options, name);
    if (names == model_.scaler->names) return values;
    std::vector<double> chosen;
    for (const std::string& wanted : model_.scaler->names) {
        const auto at = std::find(names.begin(), names.end(), wanted);
        if (at == names.end())
            fail(ErrorKind::input, "model", "{}: its feature '{}' is none of {}", model_.source, wanted, options.set);
        chosen.push_back(values[static_cast<size_t>(at - names.begin())]);
    }
    return chosen;
}

FeatureTable Predictor::select(const FeatureTable& table) const {
    require_features();
    return select_features(table, model_.scaler->names, model_.options.feature_count, model_.source);
}

std::vector<std::vector<double>> Predictor::probabilities(const std::vector<uint16_t>& volume,
                                                          std::span<const double> features,
                                                          std::vector<CamMap>* maps) {
    const NoGrad quiet(context_);
    Tensor x, f;
    if (model_.options.volume) {
        require_ct();
        const PreparationOptions& p = *model_.preparation;
        const auto input = network_input(volume, p.evaluation_offset, *model_.intensity, p);
        x = context_.from<float>({1, p.crop[0], p.crop[1], p.crop[2], 1}, input);
    }
    if (model_.options.features) {
        require_features();
        std::vector<float> scaled(features.size());
        model_.scaler->apply(features, scaled);
        f = context_.from<float>({1, static_cast<int64_t>(scaled.size())}, scaled);
    }
    std::vector<std::vector<double>> out;
    const auto add = [&](const std::vector<Tensor>& logits) {
        for (const Tensor& one : logits) out.push_back(class_probabilities(context_, one));
    };
    if (!maps || !model_.options.volume) {
        add(net_.forward(Pass{context_}, x, f));
        return out;
    }
    const GradCam cam(context_, net_, x, f);
    add(cam.logits());
    for (size_t k = 0; k < out.size(); ++k)
        maps->push_back(cam.map(k, std::max_element(out[k].begin(), out[k].end()) - out[k].begin()));
    return out;
}

std::vector<Tensor> Predictor::logits(const Tensor& volume, const Tensor& features) {
    const NoGrad quiet(context_);
    const auto lacks = [&](const char* name) {
        fail(ErrorKind::input, "model", "{}: needs a tensor '{}'", model_.source, name);
    };
    if (model_.options.volume && !volume.defined()) lacks("volume");
    if (model_.options.features && !features.defined()) lacks("features");
    Tensor x;
    if (model_.options.volume) {
        if (volume.rank() != 5 || volume.size(1) != 1 || volume.dtype() != Dtype::f32)
            fail(ErrorKind::input, "model", "volume is {} {}: (N, 1, D, H, W) f32 is needed", name_of(volume.dtype()),
                 volume.shape().text());
        x = context_.to_device(to_channels_last(context_, volume));
    }
    return net_.forward(Pass{context_}, x, model_.options.features ? context_.to_device(features) : Tensor());
}

nlohmann::ordered_json to_json(const CaseResult& result, const ModelFile& model) {
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
                        {"model", model.source},
                        {"model_trained_by", trained == model.metadata.end() ? "unknown" : "cmtl " + trained->second}};
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
