#include "pipeline/case_features.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "radiomics/extract.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
RadiomicsSettings settings_of(const FeatureOptions& options) {
    RadiomicsSettings settings;
    settings.bin_width = options.bin_width;
    settings.label = 0;
    settings.features = feature_set(options.set);
    return settings;
}

// An image that borrows its voxels: a prepared volume has 100 MB.
class BorrowedImage {
  public:
    BorrowedImage(std::vector<uint16_t>& voxels, const PreparationOptions& p) : owner_(voxels) {
        image_.geometry.size = {p.size[2], p.size[1], p.size[0]};
        image_.geometry.spacing = {p.spacing_mm, p.spacing_mm, p.spacing_mm};
        require(static_cast<int64_t>(voxels.size()) == image_.geometry.count(), "pipeline", "{} voxels are not a prepared volume",
                voxels.size());
        image_.voxels.swap(voxels);
    }
    ~BorrowedImage() { image_.voxels.swap(owner_); }
    BorrowedImage(const BorrowedImage&) = delete;
    BorrowedImage& operator=(const BorrowedImage&) = delete;
    const Image<uint16_t>& image() const { return image_; }

  private:
    std::vector<uint16_t>& owner_;
    Image<uint16_t> image_;
};

RadiomicsResult extract(Context& context, const Image<uint16_t>& image, const RadiomicsSettings& settings, const std::string& name) {
    try {
        return extract_features(context, image, settings);
    } catch (const Error& error) {
        fail(error.kind(), "features", "{}: {}", name, error.message());
    }
}
}  // namespace

json to_json(const FeatureOptions& options) { return {{"feature_set", options.set}, {"bin_width", options.bin_width}}; }

FeatureOptions feature_options_from_json(const json& tree) {
    FeatureOptions options;
    if (!tree.is_object()) fail(ErrorKind::usage, "radiomics", "a JSON object of settings is needed");
    const json known = to_json(options);
    for (const auto& [key, value] : tree.items())
        if (!known.contains(key)) fail(ErrorKind::usage, "radiomics", "unknown setting 'radiomics.{}'", key);
    try {
        options.set = tree.value("feature_set", options.set);
        options.bin_width = tree.value("bin_width", options.bin_width);
    } catch (const json::exception& error) {
        fail(ErrorKind::usage, "radiomics", "wrong type: {}", error.what());
    }
    validate(settings_of(options));
    return options;
}

std::vector<std::string> feature_names(const FeatureOptions& options) {
    std::vector<std::string> names;
    for (const FeatureRequest& request : feature_set(options.set)) names.push_back(request.name);
    return names;
}

std::vector<double> case_features(Context& context, std::vector<uint16_t>& voxels, const PreparationOptions& preparation,
                                  const FeatureOptions& options, const std::string& name) {
    const BorrowedImage borrowed(voxels, preparation);
    RadiomicsResult result = extract(context, borrowed.image(), settings_of(options), name);
    size_t undefined = 0, first = 0;
    for (size_t i = result.values.size(); i-- > 0;)
        if (!std::isfinite(result.values[i])) {
            ++undefined;
            first = i;
        }
    if (undefined > 0)
        fail(ErrorKind::input, "features", "{}: {} of its {} features are not numbers, the first of them {}: the lungs have {} voxels at {} mm",
             name, undefined, result.values.size(), result.names[first], result.roi_voxels, preparation.spacing_mm);
    return std::move(result.values);
}

}  // namespace cmtl
