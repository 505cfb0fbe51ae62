// Features of prepared volumes: axes, ROI and spacing, and what happens to the voxels.
#include "pipeline/case_features.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "radiomics/extract.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using test::expect_error;

struct CaseFeatures : testing::Test {
    Context context;
    PreparationOptions preparation;
    std::vector<uint16_t> voxels;
    void SetUp() override {
        preparation.spacing_mm = 2.5;
        preparation.size = {20, 17, 14};  // z y x
        voxels.assign(20 * 17 * 14, 0);
    }
    uint16_t& at(int64_t z, int64_t y, int64_t x) { return voxels[static_cast<size_t>((z * 17 + y) * 14 + x)]; }
    // A box of lung in the middle, with value(z, y, x).
    template <class F>
    void fill(F&& value) {
        for (int64_t z = 3; z < 17; ++z)
            for (int64_t y = 2; y < 15; ++y)
                for (int64_t x = 2; x < 12; ++x) at(z, y, x) = static_cast<uint16_t>(value(z, y, x));
    }
    std::map<std::string, double> features(const FeatureOptions& options = {}) {
        const auto names = feature_names(options);
        const auto values = case_features(context, voxels, preparation, options, "case P7");
        std::map<std::string, double> out;
        for (size_t i = 0; i < names.size(); ++i) out[names[i]] = values.at(i);
        return out;
    }
    static double noise(int64_t z, int64_t y, int64_t x) {
        return 100 + 300 * RandomStream({3, Purpose::test, 0}, static_cast<uint64_t>((z * 100 + y) * 100 + x)).uniform();
    }
};

TEST_F(CaseFeatures, AreThoseOfEveryVoxelAboveZero) {
    fill(noise);
    at(5, 5, 5) = 0;  // a vessel that the lung mask leaves out
    double sum = 0, squares = 0, n = 0;
    for (const double v : voxels)
        if (v > 0) {
            sum += v;
            squares += v * v;
            ++n;
        }
    EXPECT_EQ(n, 14 * 13 * 10 - 1);
    const auto f = features();
    EXPECT_EQ(f.size(), 375u);
    EXPECT_NEAR(f.at("Mean"), sum / n, 1e-9 * sum / n);
    EXPECT_NEAR(f.at("Energy"), squares, 1e-9 * squares);
    EXPECT_NEAR(f.at("TotalEnergy"), squares * 2.5 * 2.5 * 2.5, 1e-9 * squares * 16);

    // Through the extraction's own front door, with a mask.
    Geometry grid;
    grid.size = {14, 17, 20};
    grid.spacing = {2.5, 2.5, 2.5};
    Image<uint16_t> image(grid);
    image.voxels = voxels;
    Mask mask(grid);
    for (size_t i = 0; i < voxels.size(); ++i) mask.voxels[i] = voxels[i] > 0;
    RadiomicsSettings settings;
    settings.features = feature_set("covid-mtl-375");
    EXPECT_EQ(case_features(context, voxels, preparation, {}, "x"), extract_features(context, image, mask, settings).values);
    EXPECT_NE(features({.bin_width = 10}).at("Entropy"), f.at("Entropy"));
}

// The wavelet's first letter is x, which runs fastest: a volume that changes along one axis has detail in that one's sub-band alone.
TEST_F(CaseFeatures, KnowTheirAxes) {
    const auto wavy = [](int64_t i) { return 500 + 200 * (i % 2); };
    const std::map<std::string, std::function<double(int64_t, int64_t, int64_t)>> along{
        {"HLL", [&](int64_t, int64_t, int64_t x) { return wavy(x); }},
        {"LHL", [&](int64_t, int64_t y, int64_t) { return wavy(y); }},
        {"LLH", [&](int64_t z, int64_t, int64_t) { return wavy(z); }}};
    for (const auto& [band, value] : along) {
        voxels.assign(voxels.size(), 1);  // no edge of the lungs disturbs
        for (int64_t z = 0; z < 20; ++z)
            for (int64_t y = 0; y < 17; ++y)
                for (int64_t x = 0; x < 14; ++x) at(z, y, x) = static_cast<uint16_t>(value(z, y, x));
        const auto f = features();
        for (const auto& [other, unused] : along)
            if (other == band)
                EXPECT_GT(f.at(other + "_glcm_Contrast"), 10) << band;
            else
                EXPECT_LT(f.at(other + "_glcm_Contrast"), f.at(band + "_glcm_Contrast") / 4) << band << " " << other;
    }
}

TEST_F(CaseFeatures, GiveTheVoxelsBack) {
    fill(noise);
    const auto before = voxels;
    const auto* place = voxels.data();
    features();
    EXPECT_EQ(voxels, before);
    EXPECT_EQ(voxels.data(), place);
    voxels.assign(voxels.size(), 0);
    expect_error(ErrorKind::input, {"[features] case P7: "}, [&] { features(); });
    EXPECT_EQ(voxels.size(), before.size());
    voxels.pop_back();
    expect_error(ErrorKind::internal, {"not a prepared volume"}, [&] { features(); });
}

TEST_F(CaseFeatures, MustBeNumbers) {
    // Lonely voxels: no two are neighbours, so there is no GLCM.
    for (int64_t z = 2; z < 18; z += 4)
        for (int64_t y = 2; y < 15; y += 4)
            for (int64_t x = 2; x < 12; x += 4) at(z, y, x) = 100;
    expect_error(ErrorKind::input, {"case P7", "not numbers", "48 voxels", "2.5 mm"}, [&] { features(); });
    at(2, 2, 3) = 4095;
    expect_error(ErrorKind::input, {"case P7", "4096", "would do"}, [&] { features({.bin_width = 0.1}); });
}

TEST(FeatureOptions, SurviveJsonAndNameWhatIsWrong) {
    const FeatureOptions options{"all", 12.5};
    EXPECT_EQ(feature_options_from_json(nlohmann::json::parse(to_json(options).dump())), options);
    EXPECT_EQ(feature_options_from_json(nlohmann::json::object()), FeatureOptions{});
    expect_error(ErrorKind::usage, {"unknown setting 'radiomics.bins'"}, [] { feature_options_from_json({{"bins", 3}}); });
    expect_error(ErrorKind::usage, {"wrong type"}, [] { feature_options_from_json({{"bin_width", "wide"}}); });
    expect_error(ErrorKind::usage, {"binWidth"}, [] { feature_options_from_json({{"bin_width", 0}}); });
    expect_error(ErrorKind::usage, {"'some'"}, [] { feature_options_from_json({{"feature_set", "some"}}); });
    expect_error(ErrorKind::usage, {"object"}, [] { feature_options_from_json(3); });
}

}  // namespace
}  // namespace cmtl
