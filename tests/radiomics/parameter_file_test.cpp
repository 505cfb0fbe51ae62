// Parameter files as PyRadiomics 3.0.1 takes them, and what is refused by name.
#include "radiomics/parameter_file.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

ParameterFile read(const std::string& text) {
    test::TemporaryFolder folder;
    std::ofstream(folder / "Params.yaml") << text;
    return read_parameter_file(folder / "Params.yaml");
}

std::string error_of(const std::string& text) {
    try {
        read(text);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage) << error.what();
        return error.what();
    }
    return "no error";
}

std::string setting_error(const std::string& assignment) {
    RadiomicsSettings settings;
    try {
        set_parameter(settings, assignment);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage) << error.what();
        return error.what();
    }
    return "no error";
}

std::vector<std::string> names(const ParameterFile& file) {
    std::vector<std::string> out;
    for (const FeatureRequest& f : file.settings.features) out.push_back(f.name);
    return out;
}

#define EXPECT_PART(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// The form of the examples that PyRadiomics ships (examples/exampleSettings), as far as it goes here.
constexpr const char* example = R"(
# a comment
imageType:
  Original: {}
  Wavelet: {}
featureClass:
  firstorder: []
  glcm:
    - 'Autocorrelation'
    - 'JointAverage'
    - 'Contrast'
  glrlm:
setting:
  normalize: false
  normalizeScale: 100
  interpolator: 'sitkBSpline'
  resampledPixelSpacing:
  padDistance: 10
  binWidth: 12.5
  voxelArrayShift: 1000
  label: 3
  distances: [1, 2]
  minimumROIDimensions: 1
  minimumROISize: 50
  geometryTolerance: 1e-4
  correctMask: true
  symmetricalGLCM: true
  weightingNorm: null
  force2D: false
  force2Ddimension: 0
  preCrop: false
  additionalInfo: true
)";

TEST(ParameterFile, SettingsAreTaken) {
    const ParameterFile file = read(example);
    const RadiomicsSettings& s = file.settings;
    EXPECT_TRUE(file.chooses_features);
    EXPECT_EQ(s.bin_width, 12.5);
    EXPECT_EQ(s.bin_count, 0);
    EXPECT_EQ(s.voxel_array_shift, 1000);
    EXPECT_EQ(s.label, 3);
    EXPECT_EQ(s.distances, (std::vector<int>{1, 2}));
    EXPECT_EQ(s.minimum_roi_dimensions, 1);
    EXPECT_EQ(s.minimum_roi_size, 50);
    EXPECT_EQ(s.geometry_tolerance, 1e-4);
    EXPECT_TRUE(s.correct_mask);
    EXPECT_EQ(read("setting: {binCount: 64}").settings.bin_count, 64);
    EXPECT_EQ(read("setting: {binCount: null}").settings.bin_count, 0);
    EXPECT_EQ(read(R"({"setting": {"binWidth": 5}})").settings.bin_width, 5) << "JSON";
}

TEST(ParameterFile, ColumnsStandInPyRadiomicsOrder) {
    const auto all = names(read(example));
    ASSERT_EQ(all.size(), 9u * (18 + 3 + 16));
    EXPECT_EQ(all[0], "original_firstorder_10Percentile");
    EXPECT_EQ(all[18], "original_glcm_Autocorrelation");
    EXPECT_EQ(all[19], "original_glcm_JointAverage") << "listed features stand as listed";
    EXPECT_EQ(all[20], "original_glcm_Contrast");
    EXPECT_EQ(all[21], "original_glrlm_GrayLevelNonUniformity");
    EXPECT_EQ(all[37], "wavelet-LLH_firstorder_10Percentile");
    EXPECT_EQ(all.back(), "wavelet-LLL_glrlm_ShortRunLowGrayLevelEmphasis");
    EXPECT_EQ(
        names(read("imageType: {Wavelet: , Original: }\nfeatureClass: {glcm: [Id, Id], firstorder: [Mean]}\n")).at(0),
        "wavelet-LLH_glcm_Id");
    EXPECT_EQ(
        names(read("imageType: {Wavelet: , Original: }\nfeatureClass: {glcm: [Id, Id], firstorder: [Mean]}\n")).back(),
        "original_firstorder_Mean");
}

TEST(ParameterFile, AbsentSectionsAreDefaults) {
    const ParameterFile file = read("setting: {binWidth: 10}");
    EXPECT_FALSE(file.chooses_features);
    EXPECT_EQ(file.settings.features.size(), 18u + 24 + 16 + 16) << "the original image, every class";
    EXPECT_EQ(read("imageType: {Wavelet: {}}").settings.features.size(), 8u * 74);
    EXPECT_EQ(read("featureClass: {}\nimageType: {Original: }").settings.features.size(), 74u);
}

TEST(ParameterFile, WhatDoesNotExistHereIsRefusedByName) {
    EXPECT_PART(error_of("\nfeatureClass:\n  firstorder:\n  shape:\n"),
                "Params.yaml:4: the feature class shape does not exist here");
    for (const char* name : {"shape2D", "gldm", "ngtdm"})
        EXPECT_PART(error_of(fmt::format("featureClass: {{{}: []}}", name)), "does not exist here: remove it");
    for (const char* name : {"LoG", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D", "LBP3D"})
        EXPECT_PART(error_of(fmt::format("imageType: {{{}: {{}}}}", name)), "does not exist here: remove it");
    EXPECT_PART(error_of("featureClass: {firstorder: [StandardDeviation]}"), "deprecated");
    EXPECT_PART(error_of("voxelSetting: {kernelRadius: 2}"), "voxelSetting");
    for (const char* setting : {"normalize: true", "resampledPixelSpacing: [1, 1, 1]", "resegmentRange: [-100, 100]",
                                "preCrop: true", "force2D: true", "symmetricalGLCM: false", "weightingNorm: euclidean",
                                "label_channel: 1", "wavelet: haar", "start_level: 1", "level: 2"}) {
        const std::string text = error_of(fmt::format("setting:\n  {}\n", setting));
        EXPECT_PART(text, "Params.yaml:2: setting.");
        EXPECT_PART(text, "possible");
    }
    EXPECT_EQ(error_of("setting: {wavelet: coif1, start_level: 0, level: 1, resegmentRange: null, label_channel: 0}"),
              "no error");
}

TEST(ParameterFile, SettingsOfOneImageTypeMustBeTheCommonOnes) {
    EXPECT_EQ(
        error_of(
            "imageType: {Original: {binWidth: 10}, Wavelet: {binWidth: 10, wavelet: coif1}}\nsetting: {binWidth: 10}"),
        "no error");
    EXPECT_PART(error_of("imageType:\n  Original:\n  Wavelet:\n    binWidth: 10\n"),
                "Params.yaml:4: imageType.Wavelet.binWidth is 10: all image types share one value here");
}

TEST(ParameterFile, UnknownNamesHaveNearMatches) {
    EXPECT_PART(error_of("setting: {binWith: 10}"), "there is no setting 'binWith': did you mean binWidth?");
    EXPECT_PART(error_of("setings: {}"), "there is no section 'setings': did you mean setting?");
    EXPECT_PART(error_of("featureClass: {glcmm: }"), "did you mean glcm");
    EXPECT_PART(error_of("featureClass: {glcm: [Contras]}"), "did you mean Contrast?");
    EXPECT_PART(error_of("imageType: {original: {}}"), "did you mean Original?");
}

TEST(ParameterFile, WrongValuesAreNamedWithTheirPlace) {
    EXPECT_PART(error_of("setting:\n  binWidth: 0\n"), "Params.yaml:2: binWidth is 0: a number above 0 is needed");
    EXPECT_PART(error_of("setting: {binWidth: wide}"), "setting.binWidth is wide: a number is needed");
    EXPECT_PART(error_of("setting: {binWidth: .inf}"), "a number is needed");
    EXPECT_PART(error_of("setting: {binWidth: [1]}"), "a number is needed");
    EXPECT_PART(error_of("setting: {binCount: 0}"), "1 to 4096 bins");
    EXPECT_PART(error_of("setting: {binCount: 5000}"), "1 to 4096 bins");
    EXPECT_PART(error_of("setting: {label: 1.5}"), "a whole number is needed");
    EXPECT_PART(error_of("setting: {label: 300}"), "255");
    EXPECT_PART(error_of("setting: {distances: 2}"), "[1, 2]");
    EXPECT_PART(error_of("setting: {distances: []}"), "at least one");
    EXPECT_PART(error_of("setting: {correctMask: maybe}"), "true or false");
    EXPECT_PART(error_of("setting: {binWidth: 2, binWidth: 3}"), "stands twice");
    EXPECT_PART(error_of("setting: [binWidth]"), "'name: value'");
    EXPECT_PART(error_of("featureClass: {glcm: Contrast}"), "a list of features is needed");
    EXPECT_PART(error_of("setting: {binWidth: 2"), "no YAML");
    EXPECT_PART(error_of(""), "no parameter file");
    EXPECT_PART(error_of("hello"), "no parameter file");
    EXPECT_THROW(read_parameter_file("/nowhere/Params.yaml"), Error);
}

TEST(ParameterFile, SingleSettingsOnTheCommandLine) {
    RadiomicsSettings settings;
    set_parameter(settings, "binWidth=10");
    set_parameter(settings, "distances=[1, 3]");
    set_parameter(settings, "label:2");
    EXPECT_EQ(settings.bin_width, 10);
    EXPECT_EQ(settings.distances, (std::vector<int>{1, 3}));
    EXPECT_EQ(settings.label, 2);
    EXPECT_PART(setting_error("binWidth"), "'name=value' is needed");
    EXPECT_PART(setting_error("=3"), "'name=value' is needed");
    EXPECT_PART(setting_error("binWidth="), "a number is needed");
    EXPECT_PART(setting_error("binWith=3"), "did you mean binWidth?");
    EXPECT_PART(setting_error("normalize=true"), "--setting: normalize is true");
}

TEST(ParameterFile, SettingsAsJsonHavePyRadiomicsNames) {
    const auto json = to_json(read(example).settings);
    EXPECT_EQ(json["binWidth"], 12.5);
    EXPECT_TRUE(json["binCount"].is_null());
    EXPECT_EQ(json["minimumROISize"], 50);
    EXPECT_EQ(json["correctMask"], true);
}

}  // namespace
}  // namespace cmtl
