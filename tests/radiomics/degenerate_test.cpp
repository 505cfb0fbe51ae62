// Input that has no features, or hardly any.
#include <limits>

#include "base/error.hpp"
#include "radiomics/awkward_volumes.hpp"

namespace cmtl {
namespace {

using namespace test;

const std::vector<size_t> shape{6, 7, 8};

template <class T>
std::string error_of(const Image<T>& image, const Mask& mask, RadiomicsSettings settings = {}) {
    settings.features = feature_set("covid-mtl-375");
    Context context;
    try {
        extract_features(context, image, mask, settings);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input);
        return error.what();
    }
    return "";
}

TEST(Degenerate, EmptyMask) {
    EXPECT_EQ(error_of(steps_and_noise(shape), Mask(grid_of(shape))),
              "[radiomics] the mask is empty: no voxel is above 0");
}

TEST(Degenerate, LabelAbsent) {
    Mask mask = ball(shape);
    mask.at(4, 3, 3) = 7;
    RadiomicsSettings settings;
    settings.label = 2;
    EXPECT_EQ(error_of(steps_and_noise(shape), mask, settings),
              "[radiomics] label 2 is absent from the mask, which has 1, 7: choose with --label");
}

TEST(Degenerate, OneVoxel) {
    Mask mask(grid_of(shape));
    mask.at(3, 3, 3) = 1;
    EXPECT_EQ(error_of(steps_and_noise(shape), mask), "[radiomics] the mask has one voxel: texture needs neighbours");
}

TEST(Degenerate, FewerDimensionsOrVoxelsThanAskedFor) {
    Mask mask(grid_of(shape));
    mask.at(3, 3, 3) = mask.at(4, 3, 3) = 1;
    EXPECT_NE(error_of(steps_and_noise(shape), mask).find("minimumROIDimensions wants 2"), std::string::npos);
    RadiomicsSettings settings;
    settings.minimum_roi_dimensions = 1;
    settings.minimum_roi_size = 2;
    EXPECT_NE(error_of(steps_and_noise(shape), mask, settings).find("2 voxels, minimumROISize wants more than 2"),
              std::string::npos);
    settings.minimum_roi_size = 1;
    EXPECT_EQ(error_of(steps_and_noise(shape), mask, settings), "");
}

TEST(Degenerate, SizesThatDiffer) {
    EXPECT_EQ(error_of(steps_and_noise(shape), ball({6, 7, 9})),
              "[radiomics] the image has 8 x 7 x 6 voxels, its mask 9 x 7 x 6");
}

TEST(Degenerate, NotANumberInTheRoiIsAnErrorAndOutsideOfItsReachIsNot) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        auto image = mapped<float>(steps_and_noise({12, 14, 16}), [](int v) { return v; });
        const Mask mask =
            mask_of({12, 14, 16}, [](int64_t z, int64_t y, int64_t x) { return z < 5 && y < 5 && x < 5; });
        image.at(8, 9, 7) = bad;
        image.at(15, 13, 11) = 1;
        EXPECT_EQ(error_of(image, mask), "");
        image.at(4, 4, 4) = bad;
        EXPECT_NE(error_of(image, mask).find("original: NaN or infinity within the ROI's reach"), std::string::npos);
        image.at(4, 4, 4) = 1;
        image.at(6, 2, 2) = bad;  // outside of the ROI, within a filter's length
        EXPECT_NE(error_of(image, mask).find("wavelet-LLH: NaN or infinity within the ROI's reach"), std::string::npos);
    }
}

TEST(Degenerate, TooManyLevelsSayWhichBinWidthWouldDo) {
    auto image = mapped<double>(steps_and_noise(shape), [](int v) { return v; });
    image.at(4, 3, 3) = 65535;
    RadiomicsSettings settings;
    settings.bin_width = 1;
    const std::string text = error_of(image, ball(shape), settings);
    EXPECT_NE(text.find("grey levels, 4096 are possible: a bin width of 17 would do"), std::string::npos) << text;
    settings.bin_width = 17;
    for (const auto& f : feature_set("all"))
        if (f.image == 0 && f.name != "original_glcm_MCC") settings.features.push_back(f);
    Context context;
    EXPECT_LE(extract_features(context, image, ball(shape), settings).levels[0], 4096);
}

TEST(Degenerate, EmptyPreparedVolume) {
    RadiomicsSettings settings;
    settings.features = feature_set("covid-mtl-375");
    Context context;
    EXPECT_THROW(extract_features(context, Image<uint16_t>(grid_of(shape)), settings), Error);
}

// The ROI of a prepared volume is what is above 0.
TEST(Degenerate, PreparedVolumesNeedNoMask) {
    RadiomicsSettings settings;
    settings.features = feature_set("covid-mtl-375");
    Context context;
    const Mask mask = ball(shape);
    auto image = mapped<uint16_t>(steps_and_noise(shape), [](int v) { return v + 1000; });
    for (size_t n = 0; n < mask.voxels.size(); ++n)
        if (!mask.voxels[n]) image.voxels[n] = 0;
    EXPECT_EQ(extract_features(context, image, settings).values,
              extract_features(context, image, mask, settings).values);
}

TEST(Degenerate, SettingsOutOfRange) {
    const auto rejected = [](auto&& change) {
        RadiomicsSettings settings;
        settings.features = feature_set("all");
        change(settings);
        try {
            validate(settings);
        } catch (const Error& error) {
            return error.kind() == ErrorKind::usage;
        }
        return false;
    };
    EXPECT_FALSE(rejected([](auto&) {}));
    EXPECT_TRUE(rejected([](auto& s) { s.bin_width = 0; }));
    EXPECT_TRUE(rejected([](auto& s) { s.bin_width = std::numeric_limits<double>::quiet_NaN(); }));
    EXPECT_TRUE(rejected([](auto& s) { s.bin_count = -1; }));
    EXPECT_TRUE(rejected([](auto& s) { s.distances = {}; }));
    EXPECT_TRUE(rejected([](auto& s) { s.distances = {0}; }));
    EXPECT_TRUE(rejected([](auto& s) { s.label = 256; }));
    EXPECT_TRUE(rejected([](auto& s) { s.minimum_roi_dimensions = 4; }));
    EXPECT_TRUE(rejected([](auto& s) { s.features.clear(); }));
}

}  // namespace
}  // namespace cmtl
