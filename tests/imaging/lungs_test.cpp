#include "imaging/lungs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "imaging/phantom.hpp"
#include "imaging/resample.hpp"
#include "io/image_io.hpp"
#include "npy.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

template <class A, class B>
double dice(size_t count, A&& in_a, B&& in_b) {
    double a = 0, b = 0, both = 0;
    for (size_t n = 0; n < count; ++n) a += in_a(n), b += in_b(n), both += in_a(n) && in_b(n);
    return 2 * both / (a + b);
}

double dice(const Mask& a, const Mask& b, uint8_t label = 0) {
    const auto in = [label](const Mask& m) {
        return [&m, label](size_t n) { return label ? m.voxels[n] == label : m.voxels[n] != 0; };
    };
    return dice(a.voxels.size(), in(a), in(b));
}

bool has(const Lungs& lungs, const std::string& flag) {
    return std::count(lungs.flags.begin(), lungs.flags.end(), flag) > 0;
}

// A thorax of boxes and ellipsoids in mm around the centre of the grid: body, lungs, and what a test adds.
struct Thorax {
    Volume hu;

    explicit Thorax(double spacing = 2.5) {
        Geometry g;
        g.size = {static_cast<int64_t>(360 / spacing), static_cast<int64_t>(260 / spacing),
                  static_cast<int64_t>(280 / spacing)};
        g.spacing = {spacing, spacing, spacing};
        hu = Volume(g, -1000);
        ellipsoid({0, 0, 0}, {165, 115, 600}, 40);
    }
    void lung(double side) { ellipsoid({side * 75, 0, 0}, {55, 80, 110}, -850); }
    void ellipsoid(const Vector3& centre, const Vector3& radius, float value) {
        each([&](const Vector3& p, float& v) {
            double d = 0;
            for (size_t a = 0; a < 3; ++a) d += (p[a] - centre[a]) * (p[a] - centre[a]) / (radius[a] * radius[a]);
            if (d <= 1) v = value;
        });
    }
    void box(const Vector3& low, const Vector3& high, float value) {
        each([&](const Vector3& p, float& v) {
            bool in = true;
            for (size_t a = 0; a < 3; ++a) in = in && p[a] >= low[a] && p[a] <= high[a];
            if (in) v = value;
        });
    }
    template <class F>
    void each(F&& f) {
        const Geometry& g = hu.geometry;
        for (int64_t k = 0; k < hu.nz(); ++k)
            for (int64_t j = 0; j < hu.ny(); ++j)
                for (int64_t i = 0; i < hu.nx(); ++i)
                    f({(double(i) - 0.5 * double(g.size[0] - 1)) * g.spacing[0],
                       (double(j) - 0.5 * double(g.size[1] - 1)) * g.spacing[1],
                       (double(k) - 0.5 * double(g.size[2] - 1)) * g.spacing[2]},
                      hu.at(i, j, k));
    }
    // Share of the voxels in the ellipsoid that have the label.
    double share(const Mask& mask, const Vector3& centre, double radius, uint8_t label) {
        double all = 0, with = 0;
        size_t n = 0;
        each([&](const Vector3& p, float&) {
            const double d = std::hypot(p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]);
            if (d <= radius) ++all, with += mask.voxels[n] == label;
            ++n;
        });
        return with / all;
    }
};

TEST(Lungs, TwoLungsAreRightAndLeft) {
    Thorax t;
    t.lung(-1), t.lung(1);
    const Lungs lungs = segment_lungs(t.hu);
    const double litres = 4.0 / 3 * 3.14159265 * 55 * 80 * 110 / 1e6;
    EXPECT_NEAR(lungs.right_litres, litres, 0.02 * litres);
    EXPECT_NEAR(lungs.left_litres, litres, 0.02 * litres);
    EXPECT_NEAR(lungs.right_mean_hu, -850, 5);
    EXPECT_EQ(t.share(lungs.mask, {-75, 0, 0}, 40, 1), 1);  // x grows to the patient's left
    EXPECT_EQ(t.share(lungs.mask, {75, 0, 0}, 40, 2), 1);
    EXPECT_EQ(t.share(lungs.mask, {0, 0, 0}, 15, 0), 1);
    EXPECT_TRUE(has(lungs, "no_trachea"));
    EXPECT_FALSE(has(lungs, "one_lung"));
}

TEST(Lungs, TouchingLungsAreParted) {
    Thorax t;
    t.lung(-1), t.lung(1);
    t.box({-30, -40, -30}, {30, -30, 30}, -850);  // the junction in front of the heart
    const Lungs lungs = segment_lungs(t.hu);
    EXPECT_FALSE(has(lungs, "one_lung"));
    EXPECT_GT(t.share(lungs.mask, {-75, 0, 0}, 45, 1), 0.999);
    EXPECT_GT(t.share(lungs.mask, {75, 0, 0}, 45, 2), 0.999);
    EXPECT_NEAR(lungs.right_litres, lungs.left_litres, 0.05);
}

TEST(Lungs, VesselsAndSmallConsolidationsAreInside) {
    Thorax t;
    t.lung(-1), t.lung(1);
    t.ellipsoid({-75, 0, 0}, {6, 6, 60}, 40);
    t.ellipsoid({75, 20, 10}, {15, 15, 15}, 30);
    const Lungs lungs = segment_lungs(t.hu);
    EXPECT_EQ(t.share(lungs.mask, {-75, 0, 0}, 20, 1), 1);
    EXPECT_EQ(t.share(lungs.mask, {75, 20, 10}, 20, 2), 1);
}

TEST(Lungs, TheTracheaIsNotLung) {
    Thorax t(1.5);
    t.lung(-1), t.lung(1);
    t.ellipsoid({0, 0, 140}, {9, 9, 120}, -1000);
    t.box({-40, -5, 25}, {40, 5, 35}, -1000);  // the main bronchi, into both lungs
    const Lungs lungs = segment_lungs(t.hu);
    EXPECT_FALSE(has(lungs, "no_trachea"));
    EXPECT_GT(lungs.trachea_ml, 10);
    EXPECT_EQ(t.share(lungs.mask, {0, 0, 90}, 8, 0), 1);
    EXPECT_FALSE(has(lungs, "one_lung"));
    EXPECT_GT(t.share(lungs.mask, {75, 0, 0}, 45, 2), 0.999);
}

TEST(Lungs, GasInTheStomachIsNotLung) {
    Thorax t;
    t.lung(-1), t.lung(1);
    t.ellipsoid({60, -50, -100}, {28, 28, 25}, -1000);
    t.box({60, -50, -100}, {66, -44, -60}, -900);  // a leak through the diaphragm
    const Lungs lungs = segment_lungs(t.hu);
    EXPECT_LT(t.share(lungs.mask, {60, -50, -100}, 20, 2), 0.02);
    EXPECT_GT(t.share(lungs.mask, {75, 0, 0}, 45, 2), 0.999);
}

TEST(Lungs, OneLungIsSaid) {
    Thorax t;
    t.lung(1);
    const Lungs lungs = segment_lungs(t.hu);
    EXPECT_TRUE(has(lungs, "one_lung"));
    EXPECT_EQ(lungs.right_litres, 0);
    EXPECT_GT(lungs.left_litres, 1.5);
}

TEST(Lungs, ASmallLungStays) {
    Thorax t;
    t.lung(-1);
    t.ellipsoid({80, 0, 40}, {35, 45, 50}, -800);
    const Lungs lungs = segment_lungs(t.hu);
    EXPECT_FALSE(has(lungs, "one_lung"));
    EXPECT_TRUE(has(lungs, "asymmetric"));
    EXPECT_NEAR(lungs.left_litres, 0.33, 0.02);
}

TEST(Lungs, NoLungsIsAnErrorThatSaysSo) {
    for (int contents = 0; contents < 2; ++contents) {
        Thorax t;
        if (contents == 1) t.ellipsoid({0, 0, 0}, {60, 50, 70}, -990);  // a gas-filled bowel
        try {
            segment_lungs(t.hu);
            ADD_FAILURE() << contents;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input);
            EXPECT_NE(std::string(error.what()).find("no lungs"), std::string::npos) << error.what();
        }
    }
}

TEST(Lungs, AnyOrientationGivesTheSameMask) {
    Thorax t(4);
    t.lung(-1), t.lung(1);
    t.ellipsoid({75, 20, 10}, {25, 25, 25}, 30);
    const Lungs expected = segment_lungs(t.hu);
    Geometry turned;
    turned.direction = {0, 0, -1, 0, -1, 0, 1, 0, 0};
    turned.size = {t.hu.nz(), t.hu.ny(), t.hu.nx()};
    turned.spacing = t.hu.geometry.spacing;
    const Volume volume = restore(t.hu, orientation_of(turned));
    const Lungs lungs = segment_lungs(volume);
    EXPECT_EQ(lungs.mask.geometry, turned);
    EXPECT_EQ(to_lps(lungs.mask).image.voxels, expected.mask.voxels);
}

// As cmtl_segment does it: at 1 mm (or `spacing`), and back to the volume's own grid.
struct Segmented {
    Lungs lungs;
    Mask mask;
};

Segmented segmented(Volume hu, Refinement refine = Refinement::surfaces, double spacing = 1) {
    for (float& v : hu.voxels) v = std::clamp(v, -1024.0f, 3071.0f);
    const Geometry grid = hu.geometry;
    LungOptions options;
    options.refine = refine;
    Segmented out;
    out.lungs =
        segment_lungs(resample_cubic(std::move(hu), size_at_spacing(grid, {spacing, spacing, spacing})), options);
    out.mask = resample_mask(out.lungs.mask, grid, MaskInterpolation::linear);
    return out;
}

// A consolidation at the pleura is as bright as the chest wall: the classical mask loses it, the refinement regains
// most of it and leaves healthy lungs alone. In severe case 6 it fills the recess above the left diaphragm.
TEST(Lungs, RefinementRegainsConsolidationAndHarmsNothing) {
    for (int severity = 0; severity < 3; ++severity)
        for (uint64_t seed : severity == 2 ? std::vector<uint64_t>{1, 2, 3, 4, 6} : std::vector<uint64_t>{1, 2}) {
            PhantomOptions phantom;
            phantom.severity = severity;
            const PhantomCase p = phantom_case(seed, phantom);
            const Segmented before = segmented(p.hu, Refinement::none), after = segmented(p.hu);
            EXPECT_FALSE(has(after.lungs, "one_lung")) << seed;
            const double was = dice(before.mask, p.lungs), is = dice(after.mask, p.lungs);
            std::printf("severity %d, seed %d: Dice %.4f classical, %.4f refined, %.0f ml regained\n", severity,
                        static_cast<int>(seed), was, is, after.lungs.regained_ml);
            for (uint8_t side : {uint8_t{1}, uint8_t{2}})
                EXPECT_GT(dice(after.mask, p.lungs, side), severity == 2 ? 0.955 : 0.985) << seed;
            EXPECT_GT(is, severity == 2 ? 0.97 : 0.985) << seed;
            if (severity == 0) {
                EXPECT_GE(is, was - 0.0001) << seed;
            } else {
                EXPECT_GT(is, was) << seed;
            }
        }
}

// The published refinement loses a rim on healthy lungs, about 0.01 Dice on real scans.
TEST(Lungs, ThePublishedRefinementLosesARim) {
    PhantomOptions healthy;
    healthy.severity = 0;
    const PhantomCase p = phantom_case(1, healthy);
    const Segmented classical = segmented(p.hu, Refinement::none), published = segmented(p.hu, Refinement::published);
    EXPECT_LT(dice(published.mask, p.lungs), dice(classical.mask, p.lungs) - 0.005);
    EXPECT_GT(dice(published.mask, p.lungs), 0.95);
}

// Real volumes, as cmtl_segment does them: 1 mm, and back.
double real_dice(const std::string& image, const std::string& truth, float above, double spacing, Refinement refine) {
    Oriented<float> ct = to_lps(read_volume(test::data_folder() / image));
    const Mask mask = restore(segmented(std::move(ct.image), refine, spacing).mask, ct.orientation);
    ReadOptions options;
    options.expect_ct = false;
    const Volume reference = read_volume(test::data_folder() / truth, options);
    EXPECT_EQ(reference.geometry.size, mask.geometry.size);
    const double d = dice(
        mask.voxels.size(), [&](size_t n) { return mask.voxels[n] != 0; },
        [&](size_t n) { return reference.voxels[n] > above; });
    std::printf("Dice %.4f at %.0f mm, %s: %s\n", d, spacing, refine == Refinement::none ? "classical" : "refined",
                image.c_str());
    return d;
}

TEST(Lungs, DiceOnRealScans) {
    CMTL_NEED_DATA("ct/imlab-lung3d");
    CMTL_NEED_DATA("ct/cip");
    struct Scan {
        const char *image, *truth;
        float above;
    };
    for (const Scan& s :
         {Scan{"ct/imlab-lung3d/id001-128x128x64.nii.gz", "ct/imlab-lung3d/id001-128x128x64-msk.nii.gz", 127},
          Scan{"ct/imlab-lung3d/id002-128x128x64.nii.gz", "ct/imlab-lung3d/id002-128x128x64-msk.nii.gz", 127},
          Scan{"ct/cip/ct-64.nrrd", "ct/cip/wholeLung-64.nrrd", 0}}) {
        const double refined = real_dice(s.image, s.truth, s.above, 1, Refinement::surfaces);
        EXPECT_GT(refined, 0.98);
        EXPECT_GE(refined, real_dice(s.image, s.truth, s.above, 1, Refinement::none) - 0.0005);
        EXPECT_GT(real_dice(s.image, s.truth, s.above, 4, Refinement::surfaces), 0.97);
    }
}

struct Gain {
    Mask before, after;
    std::vector<double> mm2;  // by slice
    int64_t lost = 0;
};

Gain gain(const std::string& scan) {
    const Volume hu = to_lps(read_volume(test::data_folder() / scan)).image;
    Gain g{segmented(hu, Refinement::none).mask, segmented(hu).mask, {}};
    const int64_t plane = hu.nx() * hu.ny();
    for (int64_t k = 0; k < hu.nz(); ++k) {
        int64_t gained = 0;
        for (int64_t n = k * plane; n < (k + 1) * plane; ++n) {
            const bool was = g.before.voxels[static_cast<size_t>(n)] != 0,
                       is = g.after.voxels[static_cast<size_t>(n)] != 0;
            gained += is && !was, g.lost += was && !is;
        }
        g.mm2.push_back(static_cast<double>(gained) * hu.geometry.spacing[0] * hu.geometry.spacing[1]);
    }
    return g;
}

TEST(Lungs, RefinementLeavesAHealthyScanAlone) {
    CMTL_NEED_DATA("ct/covid-ct-md-normal001");
    const Gain g = gain("ct/covid-ct-md-normal001");
    EXPECT_EQ(g.lost, 0);
    EXPECT_GT(dice(g.before, g.after), 0.9999);
}

// What is regained lies in the slices that radiologists labelled infected (labels run from head to foot).
TEST(Lungs, RefinementRegainsInfectedSlices) {
    CMTL_NEED_DATA("ct/covid-ct-md-P001");
    CMTL_NEED_DATA("ct/Slice-level-labels-updated-1.npy");
    const Gain g = gain("ct/covid-ct-md-P001");
    const auto labels = test::read_npy<int32_t>(test::data_folder() / "ct/Slice-level-labels-updated-1.npy");
    double infected = 0, others = 0;
    int slices = 0;
    for (size_t k = 0; k < g.mm2.size(); ++k) {
        const bool sick = labels.values[g.mm2.size() - 1 - k] > 0;
        (sick ? infected : others) += g.mm2[k];
        slices += sick && g.mm2[k] > 0;
    }
    std::printf("P001: %.0f mm2 regained in %d infected slices, %.0f mm2 in others\n", infected, slices, others);
    EXPECT_EQ(g.lost, 0);
    EXPECT_GT(infected, 4000);
    EXPECT_LT(others, 0.02 * infected);
}

TEST(Lungs, AnAbdomenHasNone) {
    CMTL_NEED_DATA("ct/no-lungs/totalseg-abdomen.nii.gz");
    EXPECT_THROW(segment_lungs(read_volume(test::data_folder() / "ct/no-lungs/totalseg-abdomen.nii.gz")), Error);
}

TEST(Lungs, KeepTheClassicalMaskWhereItDiffers) {
    PhantomOptions severe;
    severe.severity = 2;
    severe.size = {96, 96, 48};
    severe.spacing = {4, 4, 6.7};
    Volume hu = phantom_case(7, severe).hu;
    LungOptions options;
    options.keep_classical = true;
    const Lungs both = segment_lungs(hu, options);
    LungOptions plain;
    plain.refine = Refinement::none;
    const Lungs classical = segment_lungs(hu, plain);
    EXPECT_EQ(both.classical.voxels, classical.mask.voxels);
    EXPECT_EQ(both.mask.voxels, segment_lungs(hu).mask.voxels);
    EXPECT_TRUE(segment_lungs(hu).classical.voxels.empty());
    plain.keep_classical = true;
    EXPECT_TRUE(segment_lungs(hu, plain).classical.voxels.empty());
    // On the image's own grid.
    Geometry turned = hu.geometry;
    turned.direction = {-1, 0, 0, 0, -1, 0, 0, 0, 1};
    const Lungs there = segment_lungs(restore(hu, orientation_of(turned)), options);
    EXPECT_EQ(there.classical.geometry, turned);
    EXPECT_EQ(to_lps(there.classical).image.voxels, both.classical.voxels);
    severe.severity = 0;
    const Lungs healthy = segment_lungs(phantom_case(5, severe).hu, options);
    EXPECT_TRUE(healthy.classical.voxels.empty() || healthy.classical.voxels != healthy.mask.voxels);
}

}  // namespace
}  // namespace cmtl
