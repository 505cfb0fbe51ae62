#include "imaging/phantom.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstring>
#include <map>

#include "base/error.hpp"

namespace cmtl {
namespace {

PhantomOptions small() {
    PhantomOptions o;
    o.size = {64, 64, 40};
    o.spacing = {6, 6, 8};
    return o;
}

struct Counts {
    double right = 0, left = 0, glass = 0, solid = 0;
    double lung() const { return right + left; }
};

Counts litres(const PhantomCase& p) {
    const Vector3& s = p.hu.geometry.spacing;
    const double voxel = s[0] * s[1] * s[2] / 1e6;
    Counts c;
    for (size_t i = 0; i < p.lungs.voxels.size(); ++i) {
        (p.lungs.voxels[i] == 1 ? c.right : c.left) += p.lungs.voxels[i] ? voxel : 0;
        c.glass += p.lesions.voxels[i] == 1 ? voxel : 0;
        c.solid += p.lesions.voxels[i] == 2 ? voxel : 0;
    }
    return c;
}

// FNV-1a over whole numbers of HU: a fingerprint that a change of the picture cannot miss.
uint64_t fingerprint(const PhantomCase& p) {
    uint64_t h = 14695981039346656037u;
    const auto add = [&](uint32_t v) { h = (h ^ v) * 1099511628211u; };
    for (const float v : p.hu.voxels) {
        uint32_t bits;
        std::memcpy(&bits, &v, 4);
        add(bits);
    }
    for (const uint8_t v : p.lungs.voxels) add(v);
    for (const uint8_t v : p.lesions.voxels) add(v);
    return h;
}

TEST(Phantom, TheSameSeedGivesTheSameBitsOnAnyNumberOfThreads) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    const PhantomCase one = phantom_case(11, small());
    omp_set_num_threads(3);
    const PhantomCase three = phantom_case(11, small());
    omp_set_num_threads(before);
    EXPECT_EQ(one.hu.voxels, three.hu.voxels);
    EXPECT_EQ(one.lungs.voxels, three.lungs.voxels);
    EXPECT_EQ(one.lesions.voxels, three.lesions.voxels);
    EXPECT_NE(fingerprint(one), fingerprint(phantom_case(12, small())));
}

TEST(Phantom, TissuesHaveTheirHounsfieldUnits) {
    for (const uint64_t seed : {1, 2, 3}) {
        PhantomOptions o;
        o.severity = 0;
        const PhantomCase p = phantom_case(seed, o);
        const Counts c = litres(p);
        EXPECT_GT(c.right, 1.0);
        EXPECT_GT(c.left, 0.9);
        EXPECT_LT(c.lung(), 7.0);
        EXPECT_GT(c.right, c.left);  // the heart takes its room on the left
        EXPECT_EQ(c.glass + c.solid, 0);
        double lung = 0, n = 0, bone = 0, soft = 0, air = 0;
        for (size_t i = 0; i < p.hu.voxels.size(); ++i) {
            const float v = p.hu.voxels[i];
            EXPECT_GE(v, -1024);
            EXPECT_LE(v, 3071);
            if (p.lungs.voxels[i]) lung += v, n += 1;
            bone += v > 250;
            soft += v > 0 && v < 100;
            air += v < -950;
        }
        EXPECT_NEAR(lung / n, -830, 60);
        const double all = double(p.hu.voxels.size());
        EXPECT_GT(bone / all, 0.005);
        EXPECT_LT(bone / all, 0.05);
        EXPECT_GT(soft / all, 0.1);
        EXPECT_GT(air / all, 0.3);
        // Room air in the corner in front of the patient: -1000 and the noise asked for.
        double mean = 0, count = 0;
        for (int64_t k = 0; k < 64; ++k)
            for (int64_t j = 0; j < 10; ++j)
                for (int64_t i = 0; i < 20; ++i) mean += p.hu.at(i, j, k), count += 1;
        mean /= count;
        EXPECT_NEAR(mean, -1000, 1.5);  // cut at -1024
        o.noise = 0;
        const PhantomCase clean = phantom_case(seed, o);
        EXPECT_EQ(clean.hu.at(0, 0, 0), -1000);
    }
}

TEST(Phantom, NoiseHasTheStandardDeviationAskedForAndIsCorrelatedInTheSlice) {
    PhantomOptions o = small();
    o.spacing = {0.8, 0.8, 1};  // all inside the body
    o.noise = 0;
    const PhantomCase clean = phantom_case(5, o);
    o.noise = 20;
    const PhantomCase noisy = phantom_case(5, o);
    double square = 0, beside = 0, above = 0, n = 0;
    for (int64_t k = 0; k + 1 < 40; ++k)
        for (int64_t j = 0; j < 64; ++j)
            for (int64_t i = 0; i + 1 < 64; ++i) {
                const auto d = [&](int64_t a, int64_t c) {
                    return double(noisy.hu.at(a, j, c) - clean.hu.at(a, j, c));
                };
                square += d(i, k) * d(i, k);
                beside += d(i, k) * d(i + 1, k);
                above += d(i, k) * d(i, k + 1);
                n += 1;
            }
    EXPECT_NEAR(std::sqrt(square / n), 20, 0.4);
    EXPECT_NEAR(beside / square, 2.0 / 3, 0.03);  // weights 1/2, 1, 1/2
    EXPECT_NEAR(above / square, 0, 0.03);
}

TEST(Phantom, FindingsGrowWithSeverityAndLieWhereTheyShould) {
    double share[3] = {0, 0, 0};
    constexpr int cases = 6;
    for (int severity = 0; severity < 3; ++severity)
        for (int seed = 0; seed < cases; ++seed) {
            PhantomOptions o = small();
            o.noise = 0;
            o.severity = severity;
            const PhantomCase p = phantom_case(uint64_t(seed), o);
            EXPECT_EQ(p.severity, severity);
            EXPECT_EQ(p.ct, severity > 0);
            const Counts c = litres(p);
            share[severity] += (c.glass + c.solid) / c.lung() / cases;
            double glass = 0, ng = 0, solid = 0, ns = 0;
            for (size_t i = 0; i < p.hu.voxels.size(); ++i) {
                if (p.lesions.voxels[i]) {
                    EXPECT_NE(p.lungs.voxels[i], 0);
                }
                if (p.lesions.voxels[i] == 1) glass += p.hu.voxels[i], ng += 1;
                if (p.lesions.voxels[i] == 2) solid += p.hu.voxels[i], ns += 1;
            }
            if (severity == 0) {
                EXPECT_EQ(ng + ns, 0);
            }
            if (severity > 0) {
                EXPECT_NEAR(glass / ng, -560, 130) << seed;
            }
            if (severity == 2) {
                EXPECT_NEAR(solid / ns, -20, 90) << seed;
            }
        }
    EXPECT_EQ(share[0], 0);
    EXPECT_GT(share[1], 0.02);
    EXPECT_LT(share[1], 0.16);
    EXPECT_GT(share[2], 0.25);
    EXPECT_LT(share[2], 0.65);
}

TEST(Phantom, LabelsFollowPrevalenceAndAgreement) {
    PhantomOptions o;
    o.size = {4, 4, 2};
    o.spacing = {90, 90, 160};
    o.prevalence = 0.4;
    int positive = 0, agree = 0, n = 200;
    std::map<int, int> severity;
    for (int seed = 0; seed < n; ++seed) {
        const PhantomCase p = phantom_case(uint64_t(seed) + 1000, o);
        positive += p.ct;
        agree += p.ct == p.nat;
        ++severity[p.severity];
        EXPECT_EQ(p.ct, p.severity > 0);
    }
    // Four standard deviations of a binomial draw.
    EXPECT_NEAR(positive, 0.4 * n, 4 * std::sqrt(0.24 * n));
    EXPECT_NEAR(agree, 0.85 * n, 4 * std::sqrt(0.1275 * n));
    EXPECT_GT(severity[1], severity[2]);
    EXPECT_GT(severity[2], 0);
}

TEST(Phantom, AnotherGridShowsTheSamePatient) {
    PhantomOptions coarse = small(), fine = small();
    coarse.severity = fine.severity = 1;
    fine.size = {128, 128, 80};
    fine.spacing = {3, 3, 4};
    const Counts a = litres(phantom_case(21, coarse)), b = litres(phantom_case(21, fine));
    EXPECT_NEAR(a.right / b.right, 1, 0.02);
    EXPECT_NEAR(a.left / b.left, 1, 0.02);
    EXPECT_NEAR(a.glass / b.glass, 1, 0.15);
    const PhantomCase p = phantom_case(21, fine);
    EXPECT_EQ(p.hu.geometry.origin, (Vector3{-190.5, -190.5, -158}));
    EXPECT_EQ(p.hu.geometry, p.lungs.geometry);
    EXPECT_EQ(p.hu.geometry, p.lesions.geometry);
}

TEST(Phantom, OptionsOutOfRangeAreRefused) {
    const auto refused = [](auto change) {
        PhantomOptions o = small();
        change(o);
        try {
            phantom_case(1, o);
        } catch (const Error& e) {
            return e.kind() == ErrorKind::usage;
        }
        return false;
    };
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.size[2] = 0; }));
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.size[0] = 100000; }));
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.spacing[1] = 0; }));
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.spacing[1] = std::nan(""); }));
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.prevalence = 1.5; }));
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.nat_agreement = -1; }));
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.severity = 3; }));
    EXPECT_TRUE(refused([](PhantomOptions& o) { o.noise = -1; }));
}

}  // namespace
}  // namespace cmtl
