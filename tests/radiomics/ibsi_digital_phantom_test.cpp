// The digital phantom of the Image Biomarker Standardisation Initiative and its consensus values, to the digits that
// are printed (Zwanenburg et al., Radiology 2020, 295(2):328-338; theibsi.github.io; CC BY 4.0). Levels are the values
// themselves: bin width 1. The tags name the reference feature: of co-occurrences and run lengths the average over 13
// directions in 3D, of zones 3D.
#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

#include "base/csv.hpp"
#include "radiomics/radiomics_case.hpp"

namespace cmtl {
namespace {

using namespace test;

// 5 x 4 x 4 voxels, x fastest, 2 mm. Negative: outside of the mask.
constexpr int phantom[] = {1, 4, 4, 1,  1, 1, 4, 6, 1, 1,  4,  1, 6, 4, 1, 4, 4,  6,  4, 1, 1, 4, 4, 1, 1, 1,  1,
                           6, 1, 1, -1, 1, 3, 1, 1, 4, 4,  6,  1, 1, 1, 4, 4, -1, -1, 1, 1, 1, 1, 1, 1, 1, -9, 1,
                           1, 1, 1, 6,  1, 1, 1, 4, 4, -1, -1, 1, 1, 1, 1, 1, 1,  1,  1, 1, 1, 1, 1, 6, 1, 1};

TEST(IbsiDigitalPhantom, HasTheConsensusValues) {
    Image<int16_t> image(grid_of({4, 4, 5}, {2, 2, 2}));
    Mask mask(image.geometry);
    ASSERT_EQ(std::size(phantom), image.voxels.size());
    for (size_t n = 0; n < image.voxels.size(); ++n) {
        image.voxels[n] = static_cast<int16_t>(std::abs(phantom[n]));
        mask.voxels[n] = phantom[n] > 0;
    }
    RadiomicsSettings settings;
    settings.bin_width = 1;
    settings.features = feature_set("all");
    Context context;
    const auto result = extract_features(context, image, mask, settings);
    EXPECT_EQ(result.roi_voxels, 74);
    const auto values = by_name(result);

    const CsvTable table =
        read_csv(std::filesystem::path(CMTL_SOURCE_DIR) / "tests/oracles/goldens/ibsi_digital_phantom.csv");
    EXPECT_EQ(table.rows.size(), 72u);
    for (size_t row = 0; row < table.rows.size(); ++row) {
        double value = values.at(table.text(row, 0));
        if (table.text(row, 1) == "stat_kurt") value -= 3;  // theirs is the excess over the normal distribution's
        // Three digits are printed.
        EXPECT_EQ(std::stod(fmt::format("{:.2e}", value)), table.number(row, 2))
            << table.text(row, 0) << " " << table.text(row, 1) << " is " << value;
    }
}

}  // namespace
}  // namespace cmtl
