#pragma once
// PyRadiomics' parameter files, and single settings by PyRadiomics' names.
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "radiomics/settings.hpp"

namespace cmtl {

struct ParameterFile {
    RadiomicsSettings settings;     // complete, columns included
    bool chooses_features = false;  // has a section imageType or featureClass
};

// Reads YAML or JSON as PyRadiomics 3.0.1 does ("Customizing the Extraction", "Parameter File"). Sections:
//   imageType     Original, Wavelet; without the section: Original
//   featureClass  firstorder, glcm, glrlm, glszm: nothing or [] for all features of the class, else a list of names;
//   without
//                 the section: all four (PyRadiomics adds the classes that do not exist here)
//   setting       what set_parameter() takes
// Columns stand in PyRadiomics' order: image types and classes as in the file, listed features as listed.
// Throws Error(input) for a file that cannot be read, and Error(usage) naming file, line, key, value and remedy for
// what PyRadiomics knows and this program has not, for unknown names (with near ones), and for values out of range.
ParameterFile read_parameter_file(const std::filesystem::path& path);

// "binWidth=10", "distances=[1, 2]"; also with a colon, as PyRadiomics' own program takes it. Names: binWidth,
// binCount, voxelArrayShift, distances, label, minimumROIDimensions, minimumROISize, geometryTolerance, correctMask.
// Settings that change nothing here (padDistance, interpolator, ...) are accepted; those that would (normalize,
// resampledPixelSpacing,
// ...) only with the value that leaves them off. Throws Error(usage) as above.
void set_parameter(RadiomicsSettings& settings, std::string_view assignment);

// All settings but the columns, under PyRadiomics' names.
nlohmann::ordered_json to_json(const RadiomicsSettings& settings);

}  // namespace cmtl
