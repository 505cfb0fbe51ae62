// Heat over CT: the right place, the right share, nothing outside of what the network saw.
#include "io/heat_overlay.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "imaging/resample.hpp"

namespace cmtl {
namespace {

Geometry grid(const Index3& size, double spacing, const Vector3& origin) {
    Geometry g;
    g.size = size;
    g.spacing = {spacing, spacing, spacing};
    g.origin = origin;
    return g;
}

// Lungs that fill a cube of 160 mm around 0, in an image of 200 mm; heat on cells of 64 mm over a field of 128 mm.
struct Scene {
    Volume hu{grid({50, 50, 50}, 4, {-98, -98, -98}), -600};
    Mask lungs{hu.geometry};
    HeatImage heat{Volume(grid({3, 3, 3}, 64, {-64, -64, -64})), grid({32, 32, 32}, 4, {-62, -62, -62})};
    Scene() {
        for (int64_t k = 5; k < 45; ++k)
            for (int64_t j = 5; j < 45; ++j)
                for (int64_t i = 5; i < 45; ++i) lungs.at(i, j, k) = 1;
    }
};

// Rows of the picture: views in the upper and lower half, of equal height. The columns and rows in which they differ.
struct Difference {
    int64_t x0 = 1 << 20, x1 = -1, y0 = 1 << 20, y1 = -1;
};
Difference difference(const Picture& p, int64_t panel) {
    // A cube: panels of `panel` x `panel` pixels below a line of text, 10 pixels apart.
    Difference d;
    for (int64_t y = 0; y < panel; ++y)
        for (int64_t x = 0; x < p.width; ++x)
            if (!std::equal(p.at(x, 34 + y), p.at(x, 34 + y) + 3, p.at(x, 44 + panel + y)))
                d.x0 = std::min(d.x0, x), d.x1 = std::max(d.x1, x), d.y0 = std::min(d.y0, y), d.y1 = std::max(d.y1, y);
    return d;
}

TEST(LinearAt, IsTrilinearAndGoesOnBeyondTheCentres) {
    Volume v(grid({2, 3, 2}, 1, {0, 0, 0}));
    for (int64_t k = 0; k < 2; ++k)
        for (int64_t j = 0; j < 3; ++j)
            for (int64_t i = 0; i < 2; ++i) v.at(i, j, k) = static_cast<float>(i + 10 * j * j + 100 * k);
    EXPECT_DOUBLE_EQ(linear_at(v, {0, 0, 0}), 0);
    EXPECT_DOUBLE_EQ(linear_at(v, {1, 2, 1}), 141);
    EXPECT_DOUBLE_EQ(linear_at(v, {0.25, 1.5, 0.5}), 0.25 + 25 + 50);
    EXPECT_DOUBLE_EQ(linear_at(v, {-3, 1, 9}), 110);
}

TEST(HeatOverlay, HeatIsZeroOutsideOfTheField) {
    Scene s;
    for (float& v : s.heat.cells.voxels) v = 2;
    EXPECT_EQ(s.heat.at({0, 0, 0}), 2);
    EXPECT_EQ(s.heat.at({-63.9, 0, 63.9}), 2);  // half a voxel beyond the outermost centre
    EXPECT_EQ(s.heat.at({-64.1, 0, 0}), 0);
    EXPECT_EQ(s.heat.at({0, 0, 64.1}), 0);
    s.heat.cells.at(1, 1, 1) = 4;
    EXPECT_DOUBLE_EQ(s.heat.at({32, 0, 0}), 3);
}

TEST(HeatOverlay, ColoursLieWhereTheHeatIs) {
    Scene s;
    // Left, front, foot: the viewer's right, above in axial views, below in coronal ones.
    s.heat.cells.at(2, 0, 0) = 5;
    const Picture p = heat_overlay(s.hu, s.lungs, s.heat, {.panel = 220});  // of 200 mm
    ASSERT_EQ(p.width, 3 * (220 + 10) + 10);
    ASSERT_EQ(p.height, 10 + 24 + 2 * (220 + 10) + 24);
    const double pixels = 220.0 / 200;  // per mm; the field is the whole image
    const auto panel = [&](int64_t n) {
        Picture one(220, p.height);
        for (int64_t y = 0; y < p.height; ++y)
            for (int64_t x = 0; x < 220; ++x) std::copy_n(p.at(10 + n * 230 + x, y), 3, one.at(x, y));
        return difference(one, 220);
    };
    // Heat falls to 0 at 64 mm from its cell, the middle of the image, and the field ends 36 mm from the image's side.
    const Difference axial = panel(0), coronal = panel(1), sagittal = panel(2);
    EXPECT_NEAR(axial.x0, 110, 4);
    EXPECT_NEAR(axial.x1, 220 - 36 * pixels, 2);
    EXPECT_NEAR(axial.y0, 36 * pixels, 2);
    EXPECT_NEAR(axial.y1, 110, 4);
    EXPECT_NEAR(coronal.x0, 110, 4);
    EXPECT_NEAR(coronal.y0, 110, 4);
    EXPECT_NEAR(coronal.y1, 220 - 36 * pixels, 2);
    EXPECT_NEAR(sagittal.x0, 36 * pixels, 2);  // front: the viewer's left
    EXPECT_NEAR(sagittal.x1, 110, 4);
    EXPECT_NEAR(sagittal.y0, 110, 4);
    // Near the hottest place: 60.5, -59.5 and -62 mm, so 0.945 x 0.93 x 0.97 of the heat, 60 % over the lung's grey,
    // 128.
    const uint8_t* hot = p.at(10 + 176, 264 + 44);
    EXPECT_NEAR(hot[0], 0.6 * 251 + 0.4 * 128, 3);
    EXPECT_NEAR(hot[1], 0.6 * 190 + 0.4 * 128, 3);
    EXPECT_NEAR(hot[2], 0.6 * 78 + 0.4 * 128, 3);
}

TEST(HeatOverlay, WithoutHeatBothRowsAreTheSame) {
    const Scene s;
    const Picture two = heat_overlay(s.hu, s.lungs, s.heat, {.panel = 220});
    EXPECT_EQ(difference(two, 220).x1, -1);
    const Picture one = heat_overlay(s.hu, s.lungs, s.heat, {.panel = 220, .plain = false});
    EXPECT_EQ(one.height, two.height - 230);
    EXPECT_EQ(heat_overlay(s.hu, Mask(s.hu.geometry), s.heat).width, two.width - 18);  // no lungs: the whole image
    Mask other(grid({2, 2, 2}, 1, {0, 0, 0}));
    EXPECT_THROW(heat_overlay(s.hu, other, s.heat), Error);
}

}  // namespace
}  // namespace cmtl
