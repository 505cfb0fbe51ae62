// Against PyRadiomics 3.0.1's results for volumes that are awkward in one way each (tests/oracles/radiomics_oracle.py,
// which states the settings): every feature of the four classes on the original and the eight sub-bands.
#include <cstring>

#include "base/csv.hpp"
#include "radiomics/awkward_volumes.hpp"

namespace cmtl {
namespace {

using namespace test;

const CsvTable& table() {
    static const CsvTable golden =
        read_csv(std::filesystem::path(CMTL_SOURCE_DIR) / "tests/oracles/goldens/radiomics.csv");
    return golden;
}

template <class T>
void expect_golden(const std::string& name, const Image<T>& image, const Mask& mask, RadiomicsSettings settings = {}) {
    settings.features = feature_set("all");
    const std::pair<Device, int> runs[] = {{devices()[0], 1}, {devices()[0], 2}, {devices()[0], 3}, {devices()[1], 2}};
    std::vector<double> first;
    for (const auto& [device, threads] : runs) {
        SCOPED_TRACE(to_string(device));
        const Threads scope(threads);
        Context context({.device = device});
        const auto result = extract_features(context, image, mask, settings);
        if (threads == 1 || device.kind != Device::Kind::cpu) {
            if (threads == 1) first = result.values;
            const auto values = by_name(result);
            ASSERT_EQ(values.size(), table().rows.size());
            for (size_t row = 0; row < table().rows.size(); ++row) {
                const std::string& feature = table().text(row, 0);
                ASSERT_TRUE(values.count(feature)) << feature;
                const auto golden = [&](size_t r) { return table().number_or_nan(r, table().column(name)); };
                // PyRadiomics' mean of equal values can be off by a bit, and their kurtosis then is of that bit: ours
                // is 0, as stated.
                const size_t minimum = row / 74 * 74 + 10, maximum = row / 74 * 74 + 6;
                ASSERT_TRUE(table().text(minimum, 0).ends_with("Minimum") &&
                            table().text(maximum, 0).ends_with("Maximum"));
                const bool flat_moment = (feature.ends_with("Kurtosis") || feature.ends_with("Skewness")) &&
                                         golden(minimum) == golden(maximum);
                expect_feature(feature, values.at(feature), flat_moment ? 0 : golden(row));
            }
        }
        if (device.kind == Device::Kind::cpu) {
            EXPECT_EQ(std::memcmp(first.data(), result.values.data(), first.size() * sizeof(double)), 0)
                << threads << " threads give other bits than one";
        }
    }
}

const std::vector<size_t> shape{8, 11, 13};
const auto volume = [] { return steps_and_noise(shape); };

TEST(PyRadiomicsAwkward, OneSlice) { expect_golden("one_slice", steps_and_noise({1, 17, 19}), ball({1, 17, 19})); }
TEST(PyRadiomicsAwkward, TwoSlices) { expect_golden("two_slices", steps_and_noise({2, 10, 9}), ball({2, 10, 9})); }
TEST(PyRadiomicsAwkward, ThreeSlicesToTheBorder) {
    expect_golden("three_slices_to_the_border", steps_and_noise({3, 9, 8}), all_but_the_middle({3, 9, 8}));
}
TEST(PyRadiomicsAwkward, OneColumn) {
    expect_golden("one_column", steps_and_noise({14, 12, 1}), all_but_the_middle({14, 12, 1}));
}
TEST(PyRadiomicsAwkward, WholeVolumeOfOddSize) {
    expect_golden("whole_odd", steps_and_noise({7, 9, 11}), all_but_the_middle({7, 9, 11}));
}
TEST(PyRadiomicsAwkward, SparseMask) { expect_golden("sparse", volume(), sparse(shape, 12)); }
TEST(PyRadiomicsAwkward, VoxelsWithoutNeighbours) {
    expect_golden("no_neighbours", volume(), mask_of(shape, [](int64_t z, int64_t y, int64_t x) {
                      return z % 3 == 0 && y % 3 == 0 && x % 3 == 0;
                  }));
}
TEST(PyRadiomicsAwkward, TwoVoxels) {
    RadiomicsSettings settings;
    settings.minimum_roi_dimensions = 1;
    expect_golden(
        "two_voxels", volume(),
        mask_of(shape, [](int64_t z, int64_t y, int64_t x) { return z == 2 && y == 3 && (x == 4 || x == 5); }),
        settings);
}
TEST(PyRadiomicsAwkward, OneLevel) {
    expect_golden("one_level", mapped<int16_t>(volume(), [](int) { return 137; }), ball(shape));
}
TEST(PyRadiomicsAwkward, TwoLevels) {
    const auto floor_400 = [](int v) { return (v >= 0 ? v / 400 : -((399 - v) / 400)) * 25; };
    expect_golden("two_levels", mapped<int16_t>(volume(), floor_400), ball(shape));
}
TEST(PyRadiomicsAwkward, FloatImagesAreFilteredInFloat) {
    expect_golden("float32", mapped<float>(volume(), [](int v) { return static_cast<float>(v) * 0.37f; }), ball(shape));
}
TEST(PyRadiomicsAwkward, DoubleImagesAndAFractionalBinWidth) {
    RadiomicsSettings settings;
    settings.bin_width = 7.3;
    expect_golden("float64", mapped<double>(volume(), [](int v) { return v * 0.37; }), ball(shape), settings);
}
TEST(PyRadiomicsAwkward, BinCount) {
    RadiomicsSettings settings;
    settings.bin_count = 16;
    expect_golden("bin_count", volume(), ball(shape), settings);
}
TEST(PyRadiomicsAwkward, TwoDistances) {
    RadiomicsSettings settings;
    settings.distances = {1, 2};
    expect_golden("distances", volume(), ball(shape), settings);
}
TEST(PyRadiomicsAwkward, Shift) {
    RadiomicsSettings settings;
    settings.voxel_array_shift = 1000;
    expect_golden("shift", volume(), ball(shape), settings);
}
TEST(PyRadiomicsAwkward, ThreeHundredLevels) {
    RadiomicsSettings settings;
    settings.bin_width = 2;
    expect_golden("three_hundred_levels", steps_and_noise({9, 12, 15}), all_but_the_middle({9, 12, 15}), settings);
}

}  // namespace
}  // namespace cmtl
