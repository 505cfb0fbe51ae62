#pragma once
// The image features that go with a prepared volume: what COVID-MTL's feature branch takes beside it.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/context.hpp"
#include "pipeline/preparation.hpp"

namespace cmtl {

struct FeatureOptions {
    std::string set = "covid-mtl-375";  // radiomics/settings.hpp: feature_set
    double bin_width = 25;              // HU
    bool operator==(const FeatureOptions&) const = default;
};

// {"feature_set", "bin_width"}. Back in, missing keys keep their default; throws Error(usage) for unknown keys, wrong types and
// values out of range.
nlohmann::json to_json(const FeatureOptions& options);
FeatureOptions feature_options_from_json(const nlohmann::json& json);

// The features' names, in their order.
std::vector<std::string> feature_names(const FeatureOptions& options);

// The features of prepare_case's voxels (HU + 1024; the ROI is every voxel above 0, the lungs), as the published table was made.
// `voxels` are lent, not copied: they come back as they were. `name` is the case's in messages.
// Throws Error(input) as extract_features does, and where a feature is not a number (a ROI without two neighbouring voxels).
std::vector<double> case_features(Context& context, std::vector<uint16_t>& voxels, const PreparationOptions& preparation,
                                  const FeatureOptions& options, const std::string& name);

}  // namespace cmtl
