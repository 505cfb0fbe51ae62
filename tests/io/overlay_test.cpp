// Overlay pictures: colours and letters where they belong, the same picture for any orientation.
#include "io/overlay.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "imaging/phantom.hpp"
#include "io/glyphs.hpp"

namespace cmtl {
namespace {

constexpr Colour blue{70, 160, 255}, orange{255, 150, 40};

OverlayOptions settings(int slices, int64_t panel, const Mask* before = nullptr) {
    OverlayOptions o;
    o.axial_slices = slices, o.panel = panel, o.before = before;
    return o;
}

// Pixels near a colour: how many, and their box.
struct Spot {
    int64_t count = 0, x0 = 1 << 20, x1 = -1, y0 = 1 << 20, y1 = -1;
};

Spot find(const Picture& p, const Colour& colour, int64_t from_y, int64_t to_y, int64_t from_x, int64_t to_x) {
    Spot s;
    for (int64_t y = from_y; y < to_y; ++y)
        for (int64_t x = from_x; x < to_x; ++x) {
            const uint8_t* v = p.at(x, y);
            if (std::abs(v[0] - colour[0]) + std::abs(v[1] - colour[1]) + std::abs(v[2] - colour[2]) > 60) continue;
            ++s.count;
            s.x0 = std::min(s.x0, x), s.x1 = std::max(s.x1, x), s.y0 = std::min(s.y0, y), s.y1 = std::max(s.y1, y);
        }
    return s;
}

// A body of water in air with two boxes of lung: 320 x 240 x 240 mm.
struct Boxes {
    Volume hu;
    Mask mask;
    Boxes() {
        Geometry g;
        g.size = {80, 60, 48};
        g.spacing = {4, 4, 5};
        g.origin = {-158, -118, -117.5};
        hu = Volume(g, -1000);
        mask = Mask(g);
        for (int64_t k = 0; k < 48; ++k)
            for (int64_t j = 6; j < 54; ++j)
                for (int64_t i = 6; i < 74; ++i) hu.at(i, j, k) = 40;
        box(10, 34, 1), box(46, 70, 2);
    }
    void box(int64_t from, int64_t to, uint8_t label) {
        for (int64_t k = 8; k < 40; ++k)
            for (int64_t j = 14; j < 46; ++j)
                for (int64_t i = from; i < to; ++i) hu.at(i, j, k) = -850, mask.at(i, j, k) = label;
    }
};

TEST(Overlay, PanelsAreTrueToSpacingAndTheOutlinesLieOnTheEdges) {
    const Boxes b;
    const Picture p = overlay(b.hu, b.mask, settings(3, 320));
    // The field is 290 x 178 x 210 mm; x: the lungs' 240 mm and 28 around them.
    constexpr double mm = 296.0 / 320;
    // First panel: starts below its caption.
    const Spot right = find(p, blue, 34, 34 + 195, 10, 330), left = find(p, orange, 34, 34 + 195, 10, 330);
    ASSERT_GT(right.count, 200);
    ASSERT_GT(left.count, 200);
    EXPECT_NEAR(static_cast<double>(right.x0), 10 + 28 / mm, 2);
    EXPECT_NEAR(static_cast<double>(right.x1), 10 + (28 + 96) / mm, 2);
    EXPECT_NEAR(static_cast<double>(left.x0), 10 + (28 + 144) / mm, 2);
    EXPECT_NEAR(static_cast<double>(left.x1), 10 + (28 + 240) / mm, 2);
    EXPECT_NEAR(static_cast<double>(right.y0), 34 + 28 / mm, 2);
    EXPECT_NEAR(static_cast<double>(right.y1), 34 + (28 + 128) / mm, 2);
    // Thin: no more pixels than two along the edges, and the inside is the image's own grey.
    EXPECT_LT(right.count, 2 * 2 * (right.x1 - right.x0 + right.y1 - right.y0));
    const uint8_t* inside = p.at((right.x0 + right.x1) / 2, (right.y0 + right.y1) / 2);
    for (int c = 0; c < 3; ++c) EXPECT_EQ(inside[c], 85);  // -850 HU in the lung window: a third of 255
    const uint8_t* between = p.at((right.x1 + left.x0) / 2, (right.y0 + right.y1) / 2);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(between[c], 236, 1);
    // Coronal, in the row below: the lungs are 160 mm high.
    const int64_t coronal = p.height - 29 - static_cast<int64_t>(210 / mm + 0.5) - 10;
    const Spot front = find(p, blue, coronal, p.height - 29, 10, 330);
    EXPECT_NEAR(static_cast<double>(front.y1 - front.y0), 160 / mm, 4);
    EXPECT_NEAR(static_cast<double>(front.x1 - front.x0), 96 / mm, 4);
    // Sagittal: one lung each.
    EXPECT_EQ(find(p, orange, coronal, p.height - 29, 340, 660).count, 0);
    EXPECT_GT(find(p, blue, coronal, p.height - 29, 340, 660).count, 200);
    EXPECT_EQ(find(p, blue, coronal, p.height - 29, 670, 990).count, 0);
    // The scale bar: 50 mm, at the right end of the last line.
    const Spot bar = find(p, {225, 225, 225}, p.height - 15, p.height - 13, p.width - 10 - 60, p.width);
    EXPECT_EQ(bar.x1, p.width - 11);
    EXPECT_NEAR(static_cast<double>(bar.x1 - bar.x0 + 1), 50 / mm, 1);
}

TEST(Overlay, ShowsWhatWasAddedAndTakenAway) {
    const Boxes b;
    Mask before = b.mask;
    for (int64_t k = 20; k < 28; ++k)
        for (int64_t j = 14; j < 30; ++j) {                            // the front half
            for (int64_t i = 10; i < 18; ++i) before.at(i, j, k) = 0;  // was not there: added
            for (int64_t i = 70; i < 72; ++i) before.at(i, j, k) = 2;  // was there: taken away
        }
    const OverlayOptions plain = settings(3, 320);
    for (int64_t k = 34; k < 40; ++k)  // and the left lung's top
        for (int64_t j = 14; j < 46; ++j)
            for (int64_t i = 46; i < 70; ++i) before.at(i, j, k) = 0;
    OverlayOptions compared = plain;
    compared.before = &before;
    const Picture p = overlay(b.hu, b.mask, compared), q = overlay(b.hu, b.mask, plain);
    const auto green = [](const uint8_t* v) { return v[1] > v[0] + 40 && v[1] > v[2] + 30; };
    const auto red = [](const uint8_t* v) { return v[0] > v[1] + 60 && std::abs(v[1] - v[2]) < 20; };
    int64_t added = 0, added_x = 0, added_y = 0, removed = 0, removed_x = 0;
    for (int64_t y = 34; y < 34 + 190; ++y)    // the axial views
        for (int64_t x = 340; x < 660; ++x) {  // the one in the middle, where the change is
            if (green(p.at(x, y))) ++added, added_x += x, added_y += y;
            if (red(p.at(x, y))) ++removed, removed_x += x;
            EXPECT_FALSE(green(q.at(x, y)));
        }
    constexpr double mm = 296.0 / 320;
    EXPECT_NEAR(static_cast<double>(added), 32 * 64 / mm / mm, 300);
    EXPECT_NEAR(static_cast<double>(added_x) / static_cast<double>(added), 340 + (28 + 16) / mm, 2);
    EXPECT_NEAR(static_cast<double>(added_y) / static_cast<double>(added), 34 + (28 + 32) / mm, 2);
    EXPECT_GT(removed, 250);
    EXPECT_NEAR(static_cast<double>(removed_x) / static_cast<double>(removed), 340 + (28 + 244) / mm, 3);
    // Coronal: the head is up, the patient's left on the right.
    const int64_t coronal = p.height - 29 - static_cast<int64_t>(210 / mm + 0.5) - 10;
    int64_t top = 0, top_y = 0;
    for (int64_t y = coronal; y < p.height - 39; ++y)
        for (int64_t x = 170; x < 330; ++x)
            if (green(p.at(x, y))) ++top, top_y += y;
    EXPECT_NEAR(static_cast<double>(top), 30 * 96 / mm / mm, 400);
    EXPECT_NEAR(static_cast<double>(top_y) / static_cast<double>(top), static_cast<double>(coronal) + (25 + 15) / mm,
                3);
    EXPECT_EQ(overlay(b.hu, b.mask, settings(3, 320, &b.mask)).width, q.width);
    Mask other(Geometry{.size = {2, 2, 2}});
    compared.before = &other;
    EXPECT_THROW(overlay(b.hu, b.mask, compared), Error);
}

TEST(Overlay, AnyOrientationIsTheSamePicture) {
    PhantomOptions small;
    small.size = {48, 48, 40};
    small.spacing = {8, 8, 8};
    const PhantomCase c = phantom_case(2, small);
    Mask before = c.lungs;
    for (size_t n = 0; n < before.voxels.size(); ++n)
        if (c.lesions.voxels[n]) before.voxels[n] = 0;
    OverlayOptions options = settings(3, 100, &before);
    options.title = "phantom";
    const Picture straight = overlay(c.hu, c.lungs, options);
    std::array<int, 3> axes{0, 1, 2};
    int orientations = 0;
    do
        for (int flips = 0; flips < 8; ++flips) {
            Geometry stored;
            Geometry canonical = c.hu.geometry;
            for (size_t a = 0; a < 3; ++a) {  // stored axis a runs along canonical axis axes[a]
                const auto along = static_cast<size_t>(axes[a]);
                stored.size[a] = canonical.size[along];
                stored.spacing[a] = canonical.spacing[along];
                const bool flip = flips >> a & 1;
                for (size_t r = 0; r < 3; ++r) stored.direction[r * 3 + a] = r == along ? (flip ? -1 : 1) : 0;
                stored.origin[along] =
                    canonical.origin[along] +
                    (flip ? static_cast<double>(canonical.size[along] - 1) * canonical.spacing[along] : 0);
            }
            const Orientation o = orientation_of(stored);
            const Mask turned = restore(before, o);
            options.before = &turned;
            const Picture p = overlay(restore(c.hu, o), restore(c.lungs, o), options);
            EXPECT_TRUE(p.width == straight.width && p.pixels == straight.pixels) << orientation_code(stored);
            ++orientations;
        }
    while (std::next_permutation(axes.begin(), axes.end()));
    EXPECT_EQ(orientations, 48);
}

TEST(Overlay, ShowsTheWholeImageWhereThereAreNoLungs) {
    const Boxes b;
    const Picture p = overlay(b.hu, Mask(b.hu.geometry), settings(4, 160));
    // Two rows of axial views of 160 x 120, one of 120, and the lines of text.
    EXPECT_EQ(p.width, 3 * 170 + 10);
    EXPECT_EQ(p.height, 10 + 2 * (24 + 120 + 10) + 24 + 120 + 10 + 24 + 5);
    EXPECT_EQ(find(p, blue, 0, p.height - 29, 0, p.width).count, 0);
    EXPECT_THROW(overlay(b.hu, Mask(Geometry{.size = {1, 1, 1}})), Error);
}

TEST(Glyphs, AreTheirDots) {
    EXPECT_EQ(text_width("", 2), 0);
    EXPECT_EQ(text_width("AB", 3), 33);
    Picture p(20, 16);
    std::fill(p.pixels.begin(), p.pixels.end(), uint8_t{99});
    draw_text(p, 2, 2, "L", {200, 100, 50}, 1);
    for (int64_t y = 0; y < 16; ++y)
        for (int64_t x = 0; x < 20; ++x) {
            const bool stem = x == 2 && y >= 2 && y <= 8, foot = y == 8 && x >= 2 && x <= 6;
            const bool rim = (x >= 1 && x <= 3 && y >= 1 && y <= 9) || (y >= 7 && y <= 9 && x >= 1 && x <= 7);
            EXPECT_EQ(p.at(x, y)[0], stem || foot ? 200 : rim ? 0 : 99) << x << " " << y;
        }
    // Cut off at the sides; every printable letter but the space has dots, and no two are alike.
    draw_text(p, -3, 12, "MM\xc3", {255, 255, 255}, 4);
    std::vector<std::vector<uint8_t>> seen;
    for (char c = '!'; c <= '~'; ++c) {
        Picture one(9, 12);
        draw_text(one, 1, 1, std::string_view(&c, 1), {255, 255, 255}, 1);
        EXPECT_NE(std::count(one.pixels.begin(), one.pixels.end(), uint8_t{255}), 0) << c;
        if (std::isalnum(static_cast<unsigned char>(c))) {
            EXPECT_EQ(std::count(seen.begin(), seen.end(), one.pixels), 0) << c;
            seen.push_back(one.pixels);
        }
    }
    Picture grey(4, 4, 1);
    EXPECT_THROW(draw_text(grey, 0, 0, "A", {}), Error);
}

}  // namespace
}  // namespace cmtl
