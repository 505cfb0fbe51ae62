// Against scipy.ndimage.zoom(order=3, mode='nearest'): tests/oracles/resample_golden.py.
#include "imaging/resample.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.hpp"
#include "base/parallel.hpp"

namespace cmtl {
namespace {

Geometry grid(const Index3& size, const Vector3& spacing = {1, 1, 1}) {
    Geometry g;
    g.size = size;
    g.spacing = spacing;
    return g;
}

TEST(Resample, EqualsScipyZoom) {
    std::ifstream file(std::string(CMTL_SOURCE_DIR) + "/tests/oracles/goldens/resample.json");
    ASSERT_TRUE(file);
    const auto golden = nlohmann::json::parse(file);
    ASSERT_GE(golden["cases"].size(), 7u);
    for (const auto& c : golden["cases"]) {
        const Index3 in_size = c["in_size"], size = c["out_size"];
        Volume volume(grid(in_size));
        volume.voxels = c["in"].get<std::vector<float>>();
        const Volume out = resample_cubic(volume, size);
        const auto expected = c["out"].get<std::vector<double>>();
        ASSERT_EQ(out.voxels.size(), expected.size());
        double worst = 0;
        for (size_t n = 0; n < expected.size(); ++n) worst = std::max(worst, std::abs(out.voxels[n] - expected[n]));
        // Values up to 2000 HU, rounded to float (6e-5 each) after each of three axes.
        EXPECT_LT(worst, 1e-3) << c["in_size"] << " -> " << c["out_size"];
    }
}

TEST(Resample, SameSizeIsTheSameVolume) {
    Volume volume(grid({5, 6, 7}));
    for (size_t n = 0; n < volume.voxels.size(); ++n) volume.voxels[n] = static_cast<float>(n % 17);
    EXPECT_EQ(resample_cubic(volume, {5, 6, 7}).voxels, volume.voxels);
}

TEST(Resample, ThreadsChangeNothing) {
    Volume volume(grid({40, 37, 29}));
    std::mt19937 random(3);
    for (float& v : volume.voxels) v = static_cast<float>(random() % 3000) - 1000;
    set_threads(1);
    const Volume one = resample_cubic(volume, {23, 50, 61});
    set_threads(3);
    const Volume three = resample_cubic(volume, {23, 50, 61});
    set_threads(0);
    EXPECT_EQ(one.voxels, three.voxels);
}

TEST(Resample, TheGridKeepsItsEnds) {
    const Geometry g = grid({512, 512, 148}, {0.748046875, 0.748046875, 2});
    const Index3 size = size_at_spacing(g, {1, 1, 1});
    EXPECT_EQ(size, (Index3{383, 383, 296}));
    const Geometry fine = grid_of_size(g, size);
    for (size_t a = 0; a < 3; ++a)
        EXPECT_NEAR(fine.spacing[a] * static_cast<double>(fine.size[a] - 1),
                    g.spacing[a] * static_cast<double>(g.size[a] - 1), 1e-9);
    EXPECT_EQ(fine.origin, g.origin);
}

TEST(Resample, AnAbsurdSpacingIsAnError) {
    const Geometry g = grid({512, 512, 300}, {94.17, 94.17, 3.99});
    try {
        size_at_spacing(g, {1, 1, 1});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input);
        EXPECT_NE(std::string(error.what()).find("spacing"), std::string::npos) << error.what();
    }
}

TEST(ResampleMask, TheSameGridIsTheSameMask) {
    Mask mask(grid({9, 8, 7}, {0.7, 1.3, 2}));
    std::mt19937 random(5);
    for (uint8_t& v : mask.voxels) v = static_cast<uint8_t>(random() % 3);
    EXPECT_EQ(resample_mask(mask, mask.geometry, MaskInterpolation::linear).voxels, mask.voxels);
    EXPECT_EQ(resample_mask(mask, mask.geometry, MaskInterpolation::nearest).voxels, mask.voxels);
}

TEST(ResampleMask, AFinerGridAndBackIsTheSameMask) {
    Mask mask(grid({9, 8, 7}, {2, 2, 2}));
    std::mt19937 random(7);
    for (uint8_t& v : mask.voxels) v = static_cast<uint8_t>(random() % 3);
    const Geometry fine = grid_of_size(mask.geometry, {33, 29, 25});  // every fourth voxel is an old one
    for (auto how : {MaskInterpolation::nearest, MaskInterpolation::linear})
        EXPECT_EQ(resample_mask(resample_mask(mask, fine, how), mask.geometry, how).voxels, mask.voxels);
}

TEST(ResampleMask, LinearTakesTheLargestShareAndZeroOutside) {
    Mask mask(grid({4, 1, 1}));
    mask.voxels = {1, 1, 2, 2};
    Geometry target = grid({6, 1, 1});
    target.origin = {-1, 0, 0};
    target.spacing[0] = 1;
    EXPECT_EQ(resample_mask(mask, target, MaskInterpolation::linear).voxels, (std::vector<uint8_t>{0, 1, 1, 2, 2, 0}));
    target.origin = {0.4, 0, 0};  // 0.4 of the way to the next one
    EXPECT_EQ(resample_mask(mask, target, MaskInterpolation::linear).voxels, (std::vector<uint8_t>{1, 1, 2, 2, 0, 0}));
}

}  // namespace
}  // namespace cmtl
