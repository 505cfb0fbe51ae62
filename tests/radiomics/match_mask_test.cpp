// Masks on other grids, beside SimpleITK (tests/oracles/match_mask_oracle.py) and PyRadiomics' checks.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "radiomics/extract.hpp"

namespace cmtl {
namespace {

Geometry grid(const Index3& size = {9, 8, 7}, const Vector3& spacing = {0.7, 0.9, 2.5}) {
    Geometry g;
    g.size = size;
    g.spacing = spacing;
    g.origin = {-10.5, 3, 7};
    return g;
}

Mask some_mask(const Geometry& g) {
    Mask mask(g);
    for (size_t n = 0; n < mask.voxels.size(); ++n) mask.voxels[n] = static_cast<uint8_t>(n % 3);
    return mask;
}

std::string message(const Mask& mask, const Geometry& image, bool correct = false, int label = 1) {
    RadiomicsSettings settings;
    settings.correct_mask = correct;
    settings.label = label;
    try {
        match_mask(mask, image, settings, "image.nrrd", "mask.nrrd");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input);
        return error.what();
    }
    return "no error";
}

#define EXPECT_PART(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(MatchMask, NearestVoxelsAreSimpleItks) {
    std::ifstream file(std::string(CMTL_SOURCE_DIR) + "/tests/oracles/goldens/match_mask.json");
    const auto json = nlohmann::json::parse(file);
    ASSERT_GT(json["cases"].size(), 5u);
    const auto geometry = [](const nlohmann::json& g) {
        Geometry out;
        out.size = g["size"].get<Index3>();
        out.spacing = g["spacing"].get<Vector3>();
        out.origin = g["origin"].get<Vector3>();
        out.direction = g["direction"].get<std::array<double, 9>>();
        return out;
    };
    RadiomicsSettings settings;
    settings.correct_mask = true;
    settings.label = 9;  // nowhere: the place of the ROI is not looked at
    for (const auto& one : json["cases"]) {
        Mask mask(geometry(one["mask"]));
        mask.voxels = one["values"].get<std::vector<uint8_t>>();
        const Geometry image = geometry(one["image"]);
        const Mask out = match_mask(mask, image, settings, "image", "mask");
        EXPECT_EQ(out.geometry, image);
        EXPECT_EQ(out.voxels, one["out"].get<std::vector<uint8_t>>()) << one["mask"];
    }
}

TEST(MatchMask, TheSameGridIsLeftAlone) {
    const Mask mask = some_mask(grid());
    EXPECT_EQ(match_mask(mask, grid(), {}, "i", "m").voxels, mask.voxels);
    Geometry close = grid();
    close.origin[0] += 0.69e-6;  // a millionth of the first spacing passes
    EXPECT_EQ(message(mask, close), "no error");
    close.origin[0] += 0.1e-6;
    EXPECT_PART(message(mask, close), "not on the grid of image.nrrd");
    RadiomicsSettings loose;
    loose.geometry_tolerance = 1e-3;
    EXPECT_EQ(match_mask(mask, close, loose, "i", "m").voxels, mask.voxels);
}

TEST(MatchMask, DifferencesAreToldInMillimetresWithTheRemedy) {
    const Mask mask = some_mask(grid());
    Geometry moved = grid();
    moved.origin[1] += 12.5;
    for (const char* part : {"mask.nrrd", "image.nrrd", "its origin 12.5 mm away", "--correct-mask"})
        EXPECT_PART(message(mask, moved), part);
    EXPECT_PART(message(mask, grid({9, 8, 7}, {0.7, 0.9, 3})),
                "a spacing of 0.7 x 0.9 x 2.5 mm, the image 0.7 x 0.9 x 3");
    EXPECT_PART(message(mask, grid({9, 8, 7}, {0.7, 0.9, 3})), "0.5 mm of difference; voxels up to 3 mm");
    EXPECT_PART(message(mask, grid({9, 8, 6})), "9 x 8 x 7 voxels, the image 9 x 8 x 6");
    Geometry turned = grid();
    turned.direction = {std::cos(0.1), -std::sin(0.1), 0, std::sin(0.1), std::cos(0.1), 0, 0, 0, 1};
    EXPECT_PART(message(mask, turned), "voxels up to 0.65");  // 8 voxels of 0.7 mm, 7 of 0.9
}

// PyRadiomics: the label's box, half a voxel wider, must lie in the image's; a thousandth of a voxel is forgiven.
TEST(MatchMask, TheRoiMustLieInTheImage) {
    Mask mask(grid({20, 20, 20}, {1, 1, 1}));
    mask.at(5, 6, 7) = 1;
    mask.at(9, 10, 11) = 1;
    mask.at(19, 0, 0) = 2;
    Geometry image = mask.geometry;
    for (size_t a = 0; a < 3; ++a) {
        image.origin[a] += 5;
        image.size[a] = 10;
    }
    EXPECT_EQ(message(mask, image, true), "no error");
    EXPECT_PART(message(mask, image, true, 2), "label 2 reaches 5 mm beyond image.nrrd");
    EXPECT_PART(message(mask, image, true, 0), "label 0 reaches 5 mm beyond");
    image.size[2] = 7;  // voxel 11 of the mask is 6 of the image
    EXPECT_EQ(message(mask, image, true), "no error");
    image.size[2] = 6;
    EXPECT_PART(message(mask, image, true), "label 1 reaches 1 mm beyond");
    image.size[2] = 7;
    image.origin[2] -= 0.0009;
    EXPECT_EQ(message(mask, image, true), "no error");
    image.origin[2] -= 0.002;
    EXPECT_PART(message(mask, image, true), "beyond");
    EXPECT_EQ(message(mask, image, true, 77), "no error") << "an absent label is the extraction's to tell";
}

TEST(MatchMask, CorrectedMasksHaveTheImagesGrid) {
    Mask mask(grid({12, 12, 12}, {0.5, 0.5, 0.5}));
    mask.geometry.origin = {-0.25, -0.25, -0.25};
    for (int64_t k = 2; k < 6; ++k)
        for (int64_t j = 2; j < 6; ++j)
            for (int64_t i = 2; i < 6; ++i) mask.at(i, j, k) = 1;
    Geometry image = grid({6, 6, 6}, {1, 1, 1});
    image.origin = {0, 0, 0};
    RadiomicsSettings settings;
    settings.correct_mask = true;
    const Mask out = match_mask(mask, image, settings, "i", "m");
    EXPECT_EQ(out.geometry, image);
    for (int64_t k = 0; k < 6; ++k)
        for (int64_t j = 0; j < 6; ++j)
            for (int64_t i = 0; i < 6; ++i) {
                const auto in = [](int64_t n) { return n >= 1 && n < 3; };
                EXPECT_EQ(out.at(i, j, k), in(i) && in(j) && in(k)) << i << j << k;
            }
}

}  // namespace
}  // namespace cmtl
