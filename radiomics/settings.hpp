#pragma once
// What is extracted, and how. Names and defaults are PyRadiomics' 3.0.1 (docs: "Customizing the Extraction").
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

enum class FeatureClass { first_order, glcm, glrlm, glszm };
constexpr size_t feature_classes = 4;
constexpr std::array<FeatureClass, feature_classes> every_feature_class{FeatureClass::first_order, FeatureClass::glcm,
                                                                        FeatureClass::glrlm, FeatureClass::glszm};

// Image types: 0 the original, 1 to 8 the wavelet's sub-bands in this order (first letter x, then y, then z).
constexpr size_t image_types = 9;
constexpr std::array<std::string_view, image_types> image_type_names{"original",    "wavelet-LLH", "wavelet-LHL",
                                                                     "wavelet-LHH", "wavelet-HLL", "wavelet-HLH",
                                                                     "wavelet-HHL", "wavelet-HHH", "wavelet-LLL"};

// One column of the result.
struct FeatureRequest {
    std::string name;  // of the column
    size_t image = 0;  // in image_type_names
    FeatureClass feature_class{};
    size_t feature = 0;  // in feature_names(feature_class)
};

struct RadiomicsSettings {
    double bin_width = 25;
    int bin_count =
        0;  // above 0: so many bins of equal width from the least to the largest value, instead of bin_width
    double voxel_array_shift = 0;          // added before Energy, TotalEnergy and RootMeanSquared
    std::vector<int> distances{1};         // GLCM: pairs whose largest offset along an axis is one of these
    int label = 1;                         // of the mask: the ROI is the voxels that have it; 0: every voxel above 0
    int minimum_roi_dimensions = 2;        // axes along which the ROI is longer than one voxel
    int64_t minimum_roi_size = 0;          // voxels that the ROI must exceed; 0: no limit
    double geometry_tolerance = 1e-6;      // of image and mask, relative to the image's spacing
    bool correct_mask = false;             // a mask on another grid is brought to the image's (nearest voxel)
    std::vector<FeatureRequest> features;  // the columns, in order
};

// Names of a class' features as PyRadiomics spells them, in alphabetical order as it lists them. The deprecated ones
// are not there.
const std::vector<std::string>& feature_names(FeatureClass feature_class);
// "firstorder", "glcm", "glrlm", "glszm".
std::string_view class_name(FeatureClass feature_class);

// "all": every feature of the four classes on the original and the eight sub-bands, 666 columns named as PyRadiomics
// does
// ("wavelet-LLH_glcm_Contrast"). "covid-mtl-375": the columns of COVID-MTL's published table, names and order its own;
// three bare names that stand among the GLRLM's hold values of the GLSZM, as there. Throws Error(usage) for another
// name.
std::vector<FeatureRequest> feature_set(std::string_view name);

// Throws Error(usage) naming the setting and the value that is out of range.
void validate(const RadiomicsSettings& settings);

}  // namespace cmtl
