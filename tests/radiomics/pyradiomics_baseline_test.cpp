// Against the baselines that PyRadiomics tests itself with (radiomics/pyradiomics of the test data), where their
// settings exist here: each table holds the settings as Python prints a dictionary.
#include <fmt/format.h>

#include <regex>

#include "base/csv.hpp"
#include "io/image_io.hpp"
#include "radiomics/radiomics_case.hpp"

namespace cmtl {
namespace {

using namespace test;

class PyRadiomicsBaseline : public testing::TestWithParam<FeatureClass> {};

TEST_P(PyRadiomicsBaseline, OfBrain1AndBreast1) {
    CMTL_NEED_DATA("radiomics/pyradiomics/baseline");
    const auto folder = data_folder() / "radiomics/pyradiomics";
    const CsvTable table = read_csv(folder / "baseline" / fmt::format("baseline_{}.csv", class_name(GetParam())));
    Context context;
    ReadOptions reading;
    reading.min_slices = 1;
    reading.expect_ct = false;
    int compared = 0;
    for (const std::string name : {"brain1", "breast1"}) {
        const Volume image = read_volume(folder / (name + "_image.nrrd"), reading);
        const Mask mask = read_mask(folder / (name + "_label.nrrd"));
        for (const std::string variant : {"", "_FBN"}) {  // fixed number of bins
            const auto column = table.find(name + variant);
            if (!column) continue;
            RadiomicsSettings settings;
            for (size_t f = 0; f < feature_names(GetParam()).size(); ++f)
                settings.features.push_back({feature_names(GetParam())[f], 0, GetParam(), f});
            for (size_t row = 0; row < table.rows.size(); ++row)
                if (table.text(row, 0) == "diagnostics_Configuration_Settings") {
                    const auto number = [&](const std::string& key, double otherwise) {
                        std::smatch found;
                        const bool stands = std::regex_search(table.text(row, *column), found,
                                                              std::regex("'" + key + "': ([-+.0-9e]+)"));
                        return stands ? std::stod(found[1]) : otherwise;
                    };
                    settings.bin_width = number("binWidth", 25);
                    settings.bin_count = static_cast<int>(number("binCount", 0));
                    settings.voxel_array_shift = number("voxelArrayShift", 0);
                    settings.label = static_cast<int>(number("label", 1));
                }
            EXPECT_EQ(settings.bin_count > 0, variant == "_FBN");
            const auto values = by_name(extract_features(context, image, mask, settings));
            for (size_t row = 0; row < table.rows.size(); ++row) {
                const std::string& full = table.text(row, 0);
                const auto at = values.find(full.substr(full.rfind('_') + 1));
                if (full.rfind("original_", 0) != 0 || at == values.end()) continue;
                SCOPED_TRACE(name + variant);
                expect_feature(full, at->second, table.number(row, *column));
                ++compared;
            }
        }
    }
    EXPECT_GE(compared, 2 * 16);
}

INSTANTIATE_TEST_SUITE_P(Classes, PyRadiomicsBaseline,
                         testing::Values(FeatureClass::first_order, FeatureClass::glcm, FeatureClass::glrlm,
                                         FeatureClass::glszm),
                         [](const auto& info) { return std::string(class_name(info.param)); });

}  // namespace
}  // namespace cmtl
