#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "radiomics/settings.hpp"

namespace cmtl {

const std::vector<std::string>& feature_names(FeatureClass feature_class) {
    static const std::vector<std::string> names[feature_classes] = {
        {"10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum",
         "MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation",
         "RootMeanSquared", "Skewness", "TotalEnergy", "Uniformity", "Variance"},
        {"Autocorrelation",
         "ClusterProminence",
         "ClusterShade",
         "ClusterTendency",
         "Contrast",
         "Correlation",
         "DifferenceAverage",
         "DifferenceEntropy",
         "DifferenceVariance",
         "Id",
         "Idm",
         "Idmn",
         "Idn",
         "Imc1",
         "Imc2",
         "InverseVariance",
         "JointAverage",
         "JointEnergy",
         "JointEntropy",
         "MCC",
         "MaximumProbability",
         "SumAverage",
         "SumEntropy",
         "SumSquares"},
        {"GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance", "HighGrayLevelRunEmphasis",
         "LongRunEmphasis", "LongRunHighGrayLevelEmphasis", "LongRunLowGrayLevelEmphasis", "LowGrayLevelRunEmphasis",
         "RunEntropy", "RunLengthNonUniformity", "RunLengthNonUniformityNormalized", "RunPercentage", "RunVariance",
         "ShortRunEmphasis", "ShortRunHighGrayLevelEmphasis", "ShortRunLowGrayLevelEmphasis"},
        {"GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance", "HighGrayLevelZoneEmphasis",
         "LargeAreaEmphasis", "LargeAreaHighGrayLevelEmphasis", "LargeAreaLowGrayLevelEmphasis",
         "LowGrayLevelZoneEmphasis", "SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "SmallAreaEmphasis",
         "SmallAreaHighGrayLevelEmphasis", "SmallAreaLowGrayLevelEmphasis", "ZoneEntropy", "ZonePercentage",
         "ZoneVariance"}};
    return names[static_cast<size_t>(feature_class)];
}

std::string_view class_name(FeatureClass feature_class) {
    constexpr std::array<std::string_view, feature_classes> names{"firstorder", "glcm", "glrlm", "glszm"};
    return names[static_cast<size_t>(feature_class)];
}

namespace {

size_t index_of(FeatureClass feature_class, std::string_view name) {
    const auto& names = feature_names(feature_class);
    const auto at = std::find(names.begin(), names.end(), name);
    require(at != names.end(), "radiomics", "there is no feature {}", name);
    return static_cast<size_t>(at - names.begin());
}

std::vector<FeatureRequest> everything() {
    std::vector<FeatureRequest> out;
    for (size_t image = 0; image < image_types; ++image)
        for (const FeatureClass c : every_feature_class)
            for (size_t f = 0; f < feature_names(c).size(); ++f)
                out.push_back({fmt::format("{}_{}_{}", image_type_names[image], class_name(c), feature_names(c)[f]),
                               image, c, f});
    return out;
}

// The published table gave up the class in a name, so that the GLSZM's features overwrote the GLRLM's of the same name
// in place.
std::vector<FeatureRequest> covid_mtl_375() {
    std::vector<FeatureRequest> out;
    for (const FeatureClass c : every_feature_class)
        for (size_t f = 0; f < feature_names(c).size(); ++f) {
            const std::string& name = feature_names(c)[f];
            const auto before = std::find_if(out.begin(), out.end(), [&](const auto& r) { return r.name == name; });
            if (before == out.end())
                out.push_back({name, 0, c, f});
            else
                *before = {name, 0, c, f};
        }
    constexpr std::string_view glcm[] = {"Autocorrelation",
                                         "JointAverage",
                                         "ClusterProminence",
                                         "ClusterShade",
                                         "ClusterTendency",
                                         "Contrast",
                                         "Correlation",
                                         "DifferenceAverage",
                                         "DifferenceEntropy",
                                         "DifferenceVariance",
                                         "JointEnergy",
                                         "JointEntropy",
                                         "Imc1",
                                         "Imc2",
                                         "Idm",
                                         "Idmn",
                                         "Id",
                                         "Idn",
                                         "InverseVariance",
                                         "MaximumProbability",
                                         "SumEntropy",
                                         "SumSquares"};
    const auto add = [&](FeatureClass c, size_t image, std::string_view name) {
        out.push_back({fmt::format("{}_{}_{}", image_type_names[image].substr(8), class_name(c), name), image, c,
                       index_of(c, name)});
    };
    for (size_t image = 1; image < image_types; ++image)
        for (const auto name : glcm) add(FeatureClass::glcm, image, name);
    for (size_t image = 1; image < image_types; ++image)
        for (const auto& name : feature_names(FeatureClass::glrlm)) add(FeatureClass::glrlm, image, name);
    return out;
}

}  // namespace

std::vector<FeatureRequest> feature_set(std::string_view name) {
    if (name == "all") return everything();
    if (name == "covid-mtl-375") return covid_mtl_375();
    fail(ErrorKind::usage, "radiomics", "'{}' is no feature set: all or covid-mtl-375", name);
}

void validate(const RadiomicsSettings& s) {
    const auto reject = [](const char* name, auto value, const char* range) {
        fail(ErrorKind::usage, "radiomics", "{} is {}: {}", name, value, range);
    };
    if (!(std::isfinite(s.bin_width) && s.bin_width > 0)) reject("binWidth", s.bin_width, "a number above 0 is needed");
    if (s.bin_count < 0 || s.bin_count > 4096) reject("binCount", s.bin_count, "1 to 4096 bins are possible");
    if (!std::isfinite(s.voxel_array_shift)) reject("voxelArrayShift", s.voxel_array_shift, "a number is needed");
    if (s.distances.empty()) reject("distances", "empty", "at least one is needed");
    for (const int d : s.distances)
        if (d < 1 || d > 8) reject("distances", d, "1 to 8 voxels are possible");
    if (s.label < 0 || s.label > 255) reject("label", s.label, "0 (every voxel above 0) to 255 are possible");
    if (s.minimum_roi_dimensions < 1 || s.minimum_roi_dimensions > 3)
        reject("minimumROIDimensions", s.minimum_roi_dimensions, "1, 2 or 3 are possible");
    if (s.minimum_roi_size < 0) reject("minimumROISize", s.minimum_roi_size, "a number of voxels is needed");
    if (!(s.geometry_tolerance >= 0)) reject("geometryTolerance", s.geometry_tolerance, "a number from 0 is needed");
    if (s.features.empty()) reject("features", "empty", "at least one feature is needed");
}

}  // namespace cmtl
