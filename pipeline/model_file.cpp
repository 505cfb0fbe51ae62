#include "pipeline/model_file.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "version.hpp"

namespace cmtl {

namespace {
fs::path weights_path(const fs::path& path) {
    require_readable(path);
    if (!fs::is_directory(path)) return path;
    for (const char* name : {"best.safetensors", "latest.safetensors"})
        if (const fs::path file = path / "checkpoints" / name; fs::exists(file)) return file;
    fail(ErrorKind::input, "model",
         "{}: a folder without checkpoints/best.safetensors: give a run folder of cmtl_train or a .safetensors file",
         path.string());
}

std::optional<nlohmann::json> record(const Metadata& metadata, const std::string& key, const std::string& source) {
    const auto it = metadata.find(key);
    if (it == metadata.end()) return std::nullopt;
    auto json = nlohmann::json::parse(it->second, nullptr, false);
    if (json.is_discarded()) fail(ErrorKind::input, "model", "{}: damaged metadata '{}'", source, key);
    return json;
}

bool belongs_to_network(const std::string& name) {
    for (const char* prefix : {"momentum/", "exp_avg/", "exp_avg_sq/", "optimiser.", "loss."})
        if (name.starts_with(prefix)) return false;
    return true;
}
}  // namespace

ModelFile read_model(Context& context, const fs::path& file_or_run) {
    const fs::path path = weights_path(file_or_run);
    Safetensors content = read_safetensors(context, path);
    ModelFile file;
    file.source = path.string();
    file.metadata = std::move(content.metadata);
    for (auto& entry : content.tensors)
        (belongs_to_network(entry.first) ? file.weights : file.other).push_back(std::move(entry));
    try {
        if (const auto json = record(file.metadata, "cmtl.model", file.source))
            file.options = model_options_from_json(*json);
        else
            file.options = infer_options(file.weights, file.source);
        if (const auto json = record(file.metadata, "cmtl.preparation", file.source))
            file.preparation = preparation_from_json(*json);
        if (const auto json = record(file.metadata, "cmtl.intensity", file.source))
            file.intensity = IntensityStatistics{json->at("mean").get<double>(), json->at("deviation").get<double>()};
        if (const auto json = record(file.metadata, "cmtl.features", file.source))
            file.scaler = feature_scaler_from_json(*json, file.source);
        if (const auto json = record(file.metadata, "cmtl.radiomics", file.source))
            file.radiomics = feature_options_from_json(*json);
    } catch (const nlohmann::json::exception& error) {
        fail(ErrorKind::input, "model", "{}: damaged metadata: {}", file.source, error.what());
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::input) throw;
        fail(ErrorKind::input, "model", "{}: damaged metadata: {}", file.source, error.what());
    }
    return file;
}

Metadata model_metadata(const ModelFile& file) {
    Metadata metadata{{"format", "pt"}, {"cmtl.version", CMTL_VERSION}, {"cmtl.model", to_json(file.options).dump()}};
    if (file.preparation) metadata["cmtl.preparation"] = to_json(*file.preparation).dump();
    if (file.intensity) metadata["cmtl.intensity"] = to_json(*file.intensity).dump();
    if (file.scaler) metadata["cmtl.features"] = to_json(*file.scaler).dump();
    if (file.radiomics) metadata["cmtl.radiomics"] = to_json(*file.radiomics).dump();
    return metadata;
}

std::vector<double> class_probabilities(Context& context, const Tensor& logits) {
    const std::vector<float> values = context.to_vector<float>(logits);
    const auto classes = static_cast<size_t>(logits.size(1));
    std::vector<double> out(values.begin(), values.end());
    for (size_t row = 0; row < out.size(); row += classes) {
        const double most = *std::max_element(out.begin() + row, out.begin() + row + classes);
        double sum = 0;
        for (size_t c = row; c < row + classes; ++c) sum += out[c] = std::exp(out[c] - most);
        for (size_t c = row; c < row + classes; ++c) out[c] /= sum;
    }
    return out;
}

}  // namespace cmtl
