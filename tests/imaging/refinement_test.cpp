// The steps of the refinement by themselves, on bodies whose right answer is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "imaging/dense_edges.hpp"
#include "imaging/lung_measures.hpp"
#include "imaging/morphology.hpp"
#include "imaging/slice_snakes.hpp"

namespace cmtl {
namespace {

Geometry grid(int64_t nx, int64_t ny, int64_t nz) {
    Geometry g;
    g.size = {nx, ny, nz};
    return g;
}

// A ball of lung in tissue with a blurred edge: `lung` inside, 40 HU outside, linear over 4 mm.
Volume blurred_ball(double radius, float lung) {
    Volume hu(grid(80, 80, 80));
    for (int64_t k = 0; k < 80; ++k)
        for (int64_t j = 0; j < 80; ++j)
            for (int64_t i = 0; i < 80; ++i) {
                const double r = std::hypot(double(i) - 40, double(j) - 40, double(k) - 40);
                const auto t = static_cast<float>(std::clamp((r - radius + 2) / 4, 0.0, 1.0));
                hu.at(i, j, k) = lung + t * (40 - lung);
            }
    return hu;
}

Mask below(const Volume& hu, float limit) {
    Mask mask(hu.geometry);
    for (size_t n = 0; n < mask.voxels.size(); ++n) mask.voxels[n] = hu.voxels[n] < limit;
    return mask;
}

int64_t voxels(const Mask& mask) {
    return std::count_if(mask.voxels.begin(), mask.voxels.end(), [](uint8_t v) { return v != 0; });
}

TEST(DenseEdges, GroundGlassGetsItsRimAndHealthyLungNothing) {
    const double truth = 4.0 / 3 * 3.14159265358979 * 30 * 30 * 30;
    Volume sick = blurred_ball(30, -500);
    Mask mask = below(sick, -420);
    EXPECT_LT(static_cast<double>(voxels(mask)), 0.9 * truth);
    const auto before = static_cast<double>(voxels(mask));
    const double ml = grow_dense_edges(sick, mask);
    EXPECT_NEAR(static_cast<double>(voxels(mask)), truth, 0.03 * truth);
    EXPECT_NEAR(ml, (static_cast<double>(voxels(mask)) - before) / 1000, 1e-9);
    EXPECT_EQ(*std::max_element(mask.voxels.begin(), mask.voxels.end()), 1);

    const Volume healthy = blurred_ball(30, -850);
    const Mask as_it_was = below(healthy, -420);
    Mask same = as_it_was;
    EXPECT_EQ(grow_dense_edges(healthy, same), 0);
    EXPECT_EQ(same.voxels, as_it_was.voxels);
}

TEST(DenseEdges, TheGridsEdgeIsNotCrossed) {
    Volume hu(grid(20, 20, 20), -500);
    Mask mask(hu.geometry, 1);
    mask.at(0, 0, 0) = 0;
    grow_dense_edges(hu, mask);
    EXPECT_GE(voxels(mask), 20 * 20 * 20 - 1);
    Mask none(hu.geometry);
    EXPECT_EQ(grow_dense_edges(hu, none), 0);
    EXPECT_EQ(voxels(none), 0);
}

// Two discs of lung per slice, one with a bite out of its edge that a disk of 10 mm closes.
struct Discs {
    Volume hu{grid(300, 180, 3), 40};
    Mask lungs{hu.geometry};
    explicit Discs(double radius) {
        for (int64_t k = 0; k < 3; ++k)
            for (int64_t j = 0; j < 180; ++j)
                for (int64_t i = 0; i < 300; ++i)
                    for (uint8_t side : {uint8_t{1}, uint8_t{2}}) {
                        const double x = double(i) - (side == 1 ? 75 : 225), y = double(j) - 90;
                        if (std::hypot(x, y) > radius) continue;
                        const bool bite = side == 1 && x < 0 && std::abs(y) < 6 && std::hypot(x, y) > radius - 25;
                        if (!bite) hu.at(i, j, k) = -850, lungs.at(i, j, k) = side;
                    }
    }
};

TEST(SliceSnakes, ABiteIsFilledAndTheRimIsLost) {
    const Discs discs(60);
    const Mask refined = refine_by_snakes(discs.hu, discs.lungs);
    for (int64_t k = 0; k < 3; ++k) {
        EXPECT_EQ(discs.lungs.at(30, 90, k), 0);
        EXPECT_EQ(refined.at(30, 90, k), 1);   // in the bite
        EXPECT_EQ(refined.at(75, 90, k), 1);   // right
        EXPECT_EQ(refined.at(225, 90, k), 2);  // left
        EXPECT_EQ(refined.at(150, 90, k), 0);
    }
    const Mask left = labelled(discs.lungs, 2), left_refined = labelled(refined, 2);
    EXPECT_LT(voxels(left_refined), voxels(left));  // the erosion of 2 mm
    EXPECT_GT(static_cast<double>(voxels(left_refined)), 0.9 * static_cast<double>(voxels(left)));
}

// Below 15,000 mm2 a slice is only closed.
TEST(SliceSnakes, SmallSlicesAreOnlyClosed) {
    const Discs discs(45);
    const Mask refined = refine_by_snakes(discs.hu, discs.lungs);
    const Mask left = labelled(discs.lungs, 2), left_refined = labelled(refined, 2);
    EXPECT_EQ(left_refined.voxels, close(left, 5, Element::disk).voxels);
}

TEST(LungMeasures, SidesPocketsAndDensity) {
    Lungs lungs;
    Volume hu(grid(90, 60, 60), -850);
    lungs.mask = Mask(hu.geometry);
    for (int64_t k = 10; k < 50; ++k)
        for (int64_t j = 10; j < 50; ++j)
            for (int64_t i = 0; i < 90; ++i) {
                if (i < 40) lungs.mask.at(i, j, k) = 1;
                if (i >= 50 && i < 60) lungs.mask.at(i, j, k) = 2;
                if (i >= 50) hu.at(i, j, k) = 0;                                                         // consolidated
                if (i >= 6 && i < 36 && j >= 12 && j < 42 && k >= 12 && k < 42) hu.at(i, j, k) = -1000;  // a leak
            }
    measure_lungs(hu, lungs);
    EXPECT_NEAR(lungs.right_litres, 0.064, 1e-9);
    EXPECT_NEAR(lungs.left_litres, 0.016, 1e-9);
    EXPECT_NEAR(lungs.side_mm2, 1600, 1e-9);
    EXPECT_NEAR(lungs.air_ml, 27, 1e-9);
    EXPECT_NEAR(lungs.dense_share, 0.2, 1e-9);
    EXPECT_NEAR(lungs.left_mean_hu, 0, 1e-9);
    const auto has = [&](const char* flag) { return std::count(lungs.flags.begin(), lungs.flags.end(), flag) == 1; };
    EXPECT_TRUE(has("cut_at_sides"));
    EXPECT_TRUE(has("asymmetric"));
    EXPECT_TRUE(has("small"));
    EXPECT_TRUE(has("air"));
    EXPECT_FALSE(has("cut_at_top"));
    EXPECT_FALSE(has("large"));
}

}  // namespace
}  // namespace cmtl
