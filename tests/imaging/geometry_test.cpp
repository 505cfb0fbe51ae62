#include "imaging/geometry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "base/error.hpp"

namespace cmtl {
namespace {

// All 48: six orders of the axes, eight choices of direction.
std::vector<std::array<double, 9>> all_directions() {
    std::vector<std::array<double, 9>> all;
    std::array<size_t, 3> order{0, 1, 2};
    do {
        for (int signs = 0; signs < 8; ++signs) {
            std::array<double, 9> d{};
            for (size_t a = 0; a < 3; ++a) d[a * 3 + order[a]] = signs >> a & 1 ? -1 : 1;
            all.push_back(d);
        }
    } while (std::next_permutation(order.begin(), order.end()));
    return all;
}

Geometry grid(const std::array<double, 9>& direction) {
    Geometry g;
    g.size = {17, 5, 19};
    g.spacing = {0.7, 1.25, 3.1};
    g.origin = {-120.5, 33.25, -700.125};
    g.direction = direction;
    return g;
}

TEST(Geometry, EveryOrientationComesBackExactly) {
    ASSERT_EQ(all_directions().size(), 48u);
    std::mt19937 random(1);
    for (const auto& direction : all_directions()) {
        Volume stored(grid(direction));
        for (float& v : stored.voxels) v = static_cast<float>(random() % 5000);
        const Oriented<float> canonical = to_lps(stored);
        const Geometry& g = canonical.image.geometry;
        EXPECT_EQ(g.direction, (std::array<double, 9>{1, 0, 0, 0, 1, 0, 0, 0, 1}));
        EXPECT_EQ(orientation_code(g), "LPS");
        // Every voxel keeps its place in the patient.
        for (int n = 0; n < 50; ++n) {
            const Index3 i{static_cast<int64_t>(random() % 17), static_cast<int64_t>(random() % 5),
                           static_cast<int64_t>(random() % 19)};
            const Vector3 place = index_to_lps(stored.geometry, {double(i[0]), double(i[1]), double(i[2])});
            const Vector3 there = lps_to_index(g, place);
            for (size_t a = 0; a < 3; ++a) ASSERT_NEAR(there[a], std::round(there[a]), 1e-9);
            EXPECT_EQ(canonical.image.at(std::llround(there[0]), std::llround(there[1]), std::llround(there[2])),
                      stored.at(i[0], i[1], i[2]));
        }
        const Volume back = restore(canonical.image, canonical.orientation);
        EXPECT_EQ(back.geometry, stored.geometry);
        EXPECT_EQ(back.voxels, stored.voxels);
    }
}

TEST(Geometry, CodesNameTheAxes) {
    EXPECT_EQ(orientation_code(grid({-1, 0, 0, 0, -1, 0, 0, 0, 1})), "RAS");
    EXPECT_EQ(orientation_code(grid({1, 0, 0, 0, -1, 0, 0, 0, 1})), "LAS");
    // Sagittal slices, rows to the back, columns to the feet.
    EXPECT_EQ(orientation_code(grid({0, 0, 1, 1, 0, 0, 0, -1, 0})), "PIL");
}

TEST(Geometry, AnObliqueGridKeepsItsAngles) {
    const double c = std::cos(0.3), s = std::sin(0.3);
    Volume stored(grid({-c, -s, 0, -s, c, 0, 0, 0, 1}));
    stored.at(3, 2, 7) = 1;
    const Oriented<float> canonical = to_lps(stored);
    EXPECT_EQ(orientation_code(stored.geometry), "RPS");
    EXPECT_NEAR(canonical.image.geometry.direction[0], c, 1e-12);
    EXPECT_EQ(canonical.image.at(13, 2, 7), 1);
    const Vector3 a = index_to_lps(stored.geometry, {3, 2, 7}), b = index_to_lps(canonical.image.geometry, {13, 2, 7});
    for (size_t n = 0; n < 3; ++n) EXPECT_NEAR(a[n], b[n], 1e-9);
    EXPECT_EQ(restore(canonical.image, canonical.orientation).voxels, stored.voxels);
}

TEST(Geometry, RestoreRefusesAnotherSize) {
    const Oriented<float> canonical = to_lps(Volume(grid({0, 0, 1, 1, 0, 0, 0, -1, 0})));
    EXPECT_THROW(restore(Volume(grid({1, 0, 0, 0, 1, 0, 0, 0, 1})), canonical.orientation), Error);
}

TEST(Geometry, IndexAndPositionAreInverse) {
    Geometry g = grid({0, 0, 1, 1, 0, 0, 0, -1, 0});
    const Vector3 index = lps_to_index(g, index_to_lps(g, {1.5, -2.25, 9}));
    EXPECT_NEAR(index[0], 1.5, 1e-12);
    EXPECT_NEAR(index[1], -2.25, 1e-12);
    EXPECT_NEAR(index[2], 9, 1e-12);
}

}  // namespace
}  // namespace cmtl
