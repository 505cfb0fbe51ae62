// From a CT file to network input.
#include "pipeline/preparation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "imaging/phantom.hpp"
#include "io/image_io.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using test::expect_error;

// A volume whose values tell where they came from, 1 mm, with a mask over all of it.
Volume coded(const Index3& size) {
    Geometry g;
    g.size = size;
    Volume v(g);
    for (int64_t k = 0; k < size[2]; ++k)
        for (int64_t j = 0; j < size[1]; ++j)
            for (int64_t i = 0; i < size[0]; ++i) v.at(i, j, k) = static_cast<float>(-900 + 100 * i + 10 * j + k);
    return v;
}

PreparationOptions cube(int64_t size, int64_t crop) {
    PreparationOptions o;
    o.size = {size, size, size};
    o.crop = {crop, crop, crop};
    o.evaluation_offset = {0, 0, 0};
    o.training_offsets_z = o.training_offsets_y = o.training_offsets_x = {0};
    return o;
}

TEST(Preparation, CropsAndPadsAroundTheCentre) {
    const test::Folder folder;
    const Volume ct = coded({6, 9, 4});
    Mask mask(ct.geometry, 1);
    mask.at(2, 3, 1) = 0;
    write_image(folder / "ct.nii.gz", ct);
    write_image(folder / "mask.nii.gz", mask);
    const PreparedCase p = prepare_case(folder / "ct.nii.gz", cube(7, 5), folder / "mask.nii.gz");
    ASSERT_EQ(p.voxels.size(), 343u);
    // x: 6 into 7 puts one zero in front or behind; y: 9 loses one row on each side; z: 4 gets three zeros around.
    int64_t first_x = -1, first_z = -1;
    for (int64_t n = 0; n < 343 && first_x < 0; ++n)
        if (p.voxels[static_cast<size_t>(n)]) {
            first_x = n % 7;
            first_z = n / 49;
        }
    EXPECT_LE(first_x, 1);
    EXPECT_TRUE(first_z == 1 || first_z == 2);
    for (int64_t z = 0; z < 7; ++z)
        for (int64_t y = 0; y < 7; ++y)
            for (int64_t x = 0; x < 7; ++x) {
                const int64_t i = x - first_x, j = y + 1, k = z - first_z;
                const bool inside = i >= 0 && i < 6 && k >= 0 && k < 4 && !(i == 2 && j == 3 && k == 1);
                const int64_t expected = inside ? 1024 - 900 + 100 * i + 10 * j + k : 0;
                EXPECT_EQ(p.voxels[static_cast<size_t>((z * 7 + y) * 7 + x)], expected) << x << " " << y << " " << z;
            }
    EXPECT_EQ(p.lungs.voxels, mask.voxels);
    EXPECT_EQ(p.timeline.size(), 4u);
}

TEST(Preparation, DoesNotDependOnTheStoredOrientation) {
    const test::Folder folder;
    const PhantomCase phantom = phantom_case(3, {.size = {64, 64, 40}, .spacing = {6, 6, 8}});
    // The same patient stored with x and z backwards and y first.
    Volume turned;
    Geometry& g = turned.geometry;
    const Geometry& from = phantom.hu.geometry;
    g.size = {from.size[1], from.size[0], from.size[2]};
    g.spacing = {from.spacing[1], from.spacing[0], from.spacing[2]};
    g.direction = {0, -1, 0, 1, 0, 0, 0, 0, -1};
    g.origin = {from.origin[0] + from.spacing[0] * static_cast<double>(from.size[0] - 1), from.origin[1],
                from.origin[2] + from.spacing[2] * static_cast<double>(from.size[2] - 1)};
    turned = Volume(Geometry(g));
    for (int64_t k = 0; k < from.size[2]; ++k)
        for (int64_t j = 0; j < from.size[1]; ++j)
            for (int64_t i = 0; i < from.size[0]; ++i)
                turned.at(j, from.size[0] - 1 - i, from.size[2] - 1 - k) = phantom.hu.at(i, j, k);
    write_image(folder / "a.nii.gz", phantom.hu);
    write_image(folder / "b.nrrd", turned);
    const PreparationOptions options = preparation_preset("small");
    const PreparedCase a = prepare_case(folder / "a.nii.gz", options), b = prepare_case(folder / "b.nrrd", options);
    EXPECT_EQ(a.voxels, b.voxels);
    EXPECT_EQ(a.litres_right, b.litres_right);
    EXPECT_GT(a.litres_right, 0.5);
    EXPECT_EQ(b.lungs.geometry.size, turned.geometry.size);
    const auto lung_voxels = std::count_if(a.voxels.begin(), a.voxels.end(), [](uint16_t v) { return v > 0; });
    EXPECT_NEAR(static_cast<double>(lung_voxels) * 125e-6, a.litres_right + a.litres_left,
                0.05 * (a.litres_right + a.litres_left));
}

TEST(Preparation, RefusesMasksOfOtherImages) {
    const test::Folder folder;
    const Volume ct = coded({6, 9, 5});
    write_image(folder / "ct.nii.gz", ct);
    Geometry other = ct.geometry;
    other.size = {6, 9, 6};
    write_image(folder / "size.nii.gz", Mask(other, 1));
    other = ct.geometry;
    other.spacing = {1, 1, 2};
    write_image(folder / "spacing.nii.gz", Mask(other, 1));
    write_image(folder / "empty.nii.gz", Mask(ct.geometry, 0));
    const auto prepare = [&](const char* mask) { prepare_case(folder / "ct.nii.gz", cube(7, 5), folder / mask); };
    expect_error(ErrorKind::input, {"size.nii.gz", "6x9x6", "6x9x5"}, [&] { prepare("size.nii.gz"); });
    expect_error(ErrorKind::input, {"spacing.nii.gz", "image's grid"}, [&] { prepare("spacing.nii.gz"); });
    expect_error(ErrorKind::input, {"empty.nii.gz", "no voxel"}, [&] { prepare("empty.nii.gz"); });
}

TEST(Preparation, StandardisesTheCrop) {
    PreparationOptions o = cube(4, 2);
    o.clip = 40;
    std::vector<uint16_t> volume(64);
    for (size_t i = 0; i < 64; ++i) volume[i] = static_cast<uint16_t>(i);
    const auto input = network_input(volume, {1, 0, 2}, {10, 4}, o);
    // z = 1, 2; y = 0, 1; x = 2, 3: 18 19 22 23 34 35 38 39
    const std::vector<float> expected{2, 2.25f, 3, 3.25f, 6, 6.25f, 7, 7.25f};
    EXPECT_EQ(input, expected);
    EXPECT_EQ(network_input(volume, {2, 2, 2}, {10, 4}, o).back(), 7.5f);  // 63 is limited to 40
}

TEST(Preparation, OptionsSurviveJson) {
    for (const char* name : {"full", "small"}) {
        PreparationOptions o = preparation_preset(name);
        validate(o);
        o.correct_tilt = name == std::string("full");
        o.allow_gaps = !o.correct_tilt;
        EXPECT_EQ(preparation_from_json(nlohmann::json::parse(to_json(o).dump())), o);
    }
    const PreparationOptions full = preparation_preset("full");
    EXPECT_EQ(full.size, (std::array<int64_t, 3>{340, 390, 390}));
    EXPECT_EQ(full.crop, (std::array<int64_t, 3>{200, 250, 250}));
    expect_error(ErrorKind::usage, {"'large'"}, [] { preparation_preset("large"); });
    expect_error(ErrorKind::usage, {"preparation.spacings"}, [] { preparation_from_json({{"spacings", 1}}); });
    expect_error(ErrorKind::usage, {"preparation.crop", "z"}, [] {
        preparation_from_json({{"crop", {341, 250, 250}}});
    });
    expect_error(ErrorKind::usage, {"offset 150", "y"}, [] { preparation_from_json({{"training_offsets_y", {150}}}); });
    expect_error(ErrorKind::usage, {"preparation.size", "three"}, [] {
        preparation_from_json({{"size", {340, 390}}});
    });
    expect_error(ErrorKind::usage, {"wrong type"}, [] { preparation_from_json({{"clip", "high"}}); });
    expect_error(ErrorKind::usage, {"preparation.refine", "'snakes'"}, [] {
        preparation_from_json({{"refine", "snakes"}});
    });
}

// The setting reaches the segmentation: a consolidated phantom keeps more voxels refined than not.
TEST(Preparation, RefinementIsASetting) {
    const test::Folder folder;
    PhantomOptions phantom;
    phantom.severity = 2;
    write_image(folder / "ct.nii.gz", phantom_case(1, phantom).hu);
    PreparationOptions o = preparation_preset("small");
    const auto kept = [&](const char* refine) {
        o.refine = refine;
        const std::vector<uint16_t> voxels = prepare_case(folder / "ct.nii.gz", o).voxels;
        return std::count_if(voxels.begin(), voxels.end(), [](uint16_t v) { return v > 0; });
    };
    const auto refined = kept("surfaces");
    EXPECT_GT(refined, kept("none"));
    EXPECT_NE(refined, kept("published"));
}

}  // namespace
}  // namespace cmtl
