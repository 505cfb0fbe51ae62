// Masks lie on their CT's grid: every orientation and format, oblique grids, and DICOM as SimpleITK reads it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "imaging/geometry.hpp"
#include "imaging/phantom.hpp"
#include "io/image_io.hpp"
#include "oracles/golden.hpp"
#include "test_data.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using test::run_program;
using test::TemporaryFolder;

constexpr std::array<const char*, 4> formats{".nii", ".nii.gz", ".nrrd", ".mha"};

// The canonical grid stored with its axes in another order and direction: axis a runs along canonical axis axes[a].
Geometry stored_as(const Geometry& canonical, const std::array<int, 3>& axes, int flips) {
    Geometry g;
    g.origin = canonical.origin;
    for (size_t a = 0; a < 3; ++a) {
        const auto along = static_cast<size_t>(axes[a]);
        const bool flip = flips >> a & 1;
        g.size[a] = canonical.size[along];
        g.spacing[a] = canonical.spacing[along];
        const double length = static_cast<double>(g.size[a] - 1) * g.spacing[a];
        for (size_t r = 0; r < 3; ++r) {
            const double d = canonical.direction[r * 3 + along];
            g.direction[r * 3 + a] = flip ? -d : d;
            if (flip) g.origin[r] += d * length;
        }
    }
    return g;
}

template <class Function>
void for_48_orientations(const Geometry& canonical, Function&& function) {
    std::array<int, 3> axes{0, 1, 2};
    int n = 0;
    do
        for (int flips = 0; flips < 8; ++flips) function(stored_as(canonical, axes, flips), n++);
    while (std::next_permutation(axes.begin(), axes.end()));
    EXPECT_EQ(n, 48);
}

// NRRD and MetaImage hold every digit; NIfTI floats, and its angles as a quaternion or a matrix of them.
void expect_grid(const Geometry& got, const Geometry& want, const std::string& format) {
    const bool nifti = format.starts_with(".nii");
    if (!nifti) {
        EXPECT_EQ(got, want);
    }
    EXPECT_EQ(got.size, want.size);
    for (size_t a = 0; a < 3; ++a) {
        EXPECT_NEAR(got.spacing[a], want.spacing[a], 1e-6 * want.spacing[a]);
        EXPECT_NEAR(got.origin[a], want.origin[a], 2e-5);  // half a step of a float at 300 mm
    }
    for (size_t n = 0; n < 9; ++n) EXPECT_NEAR(got.direction[n], want.direction[n], 1e-6);
}

// 9 mm, fields that differ along every axis, no spacing a short fraction.
PhantomCase small_phantom() {
    PhantomOptions o;
    o.size = {44, 40, 38};
    o.spacing = {8.7 + 1.0 / 30, 9.6 + 1.0 / 70, 8.4 + 1.0 / 90};
    o.severity = 0;
    PhantomCase c = phantom_case(3, o);
    c.hu.geometry.origin = {-187.3 - 1.0 / 7, -201.9, 31.7 + 1.0 / 3};
    c.lungs.geometry = c.hu.geometry;
    return c;
}

TEST(SegmentGrid, EveryFormatKeepsEveryOrientation) {
    const TemporaryFolder folder;
    PhantomCase c = small_phantom();
    // Straight, and turned by angles of which no cosine is a short number.
    const double a = 0.2, b = -0.1;
    const std::array<double, 9> turned{std::cos(a),
                                       -std::sin(a) * std::cos(b),
                                       std::sin(a) * std::sin(b),
                                       std::sin(a),
                                       std::cos(a) * std::cos(b),
                                       -std::cos(a) * std::sin(b),
                                       0,
                                       std::sin(b),
                                       std::cos(b)};
    for (const auto& direction : {c.hu.geometry.direction, turned}) {
        c.lungs.geometry.direction = direction;
        for_48_orientations(c.lungs.geometry, [&](const Geometry& stored, int) {
            const Mask mask = restore(c.lungs, orientation_of(stored));
            for (const std::string format : formats) {
                SCOPED_TRACE(orientation_code(stored) + format);
                write_image(folder / ("m" + format), mask);
                const Mask back = read_mask(folder / ("m" + format));
                expect_grid(back.geometry, stored, format);
                EXPECT_EQ(back.voxels, mask.voxels);
            }
        });
    }
}

TEST(SegmentGrid, TheMaskLiesOnTheInputsGridInEveryOrientation) {
    const TemporaryFolder folder;
    const PhantomCase c = small_phantom();
    Mask straight;
    for_48_orientations(c.hu.geometry, [&](const Geometry& stored, int n) {
        // The same format in and out where it matters most, and all pairs in turn.
        const std::string in = formats[static_cast<size_t>(n % 4)], out = formats[static_cast<size_t>(n / 4 % 4)];
        SCOPED_TRACE(orientation_code(stored) + in + " to " + out);
        const auto image = (folder / ("ct" + in)).string(), mask = (folder / ("m" + out)).string();
        write_image(image, restore(c.hu, orientation_of(stored)));
        const auto result =
            run_program("cmtl_segment", {"-q", "--no-refine", "--spacing", "5", "-i", image, "-o", mask});
        ASSERT_EQ(result.code, 0) << result.out;
        const Mask got = read_mask(mask);
        const Geometry input = read_volume(image).geometry;
        expect_grid(got.geometry, input, in == out ? ".nrrd" : out);  // to the bit where the format is the same
        expect_grid(got.geometry, stored, in.starts_with(".nii") ? in : out);
        const Mask canonical = to_lps(got).image;
        if (n == 0) straight = canonical;
        int64_t wrong = 0, lung = 0;
        for (size_t v = 0; v < canonical.voxels.size(); ++v)
            wrong += canonical.voxels[v] != straight.voxels[v], lung += straight.voxels[v] != 0;
        // NIfTI's rounded spacing may turn a voxel on the edge.
        EXPECT_LE(wrong, in.starts_with(".nii") ? lung / 1000 : 0);
    });
    double both = 0, sum = 0;
    for (size_t v = 0; v < straight.voxels.size(); ++v) {
        both += straight.voxels[v] && straight.voxels[v] == c.lungs.voxels[v];
        sum += (straight.voxels[v] != 0) + (c.lungs.voxels[v] != 0);
    }
    EXPECT_GT(2 * both / sum, 0.95);
}

// dicom_geometry.json: the grids that SimpleITK's series reader gives (tests/oracles/dicom_geometry_oracle.py).
TEST(SegmentGrid, DicomGridsAreSimpleItks) {
    std::ifstream file(golden::path_of("dicom_geometry.json"));
    const auto json = nlohmann::json::parse(file);
    ASSERT_GE(json.at("series").size(), 3u);
    const TemporaryFolder folder;
    for (const auto& [name, want] : json.at("series").items()) {
        CMTL_NEED_DATA(name);
        SCOPED_TRACE(name);
        Geometry g;
        g.size = want.at("size").get<Index3>();
        g.spacing = want.at("spacing").get<Vector3>();
        g.origin = want.at("origin").get<Vector3>();
        g.direction = want.at("direction").get<std::array<double, 9>>();
        const auto near = [&](const Geometry& got) {
            EXPECT_EQ(got.size, g.size);
            for (size_t a = 0; a < 3; ++a) {
                EXPECT_NEAR(got.spacing[a], g.spacing[a], 1e-6 * g.spacing[a]);
                EXPECT_NEAR(got.origin[a], g.origin[a], 2e-5);
            }
            for (size_t n = 0; n < 9; ++n) EXPECT_NEAR(got.direction[n], g.direction[n], 1e-6);
        };
        ReadOptions options;
        options.warn = false;
        const Geometry read = read_volume(test::data_folder() / name, options).geometry;
        near(read);
        if (!want.at("segment").get<bool>()) continue;
        for (const std::string format : formats) {
            SCOPED_TRACE(format);
            const auto mask = (folder / ("m" + format)).string();
            const auto result = run_program("cmtl_segment", {"-q", "--no-refine", "--spacing", "4", "-i",
                                                             (test::data_folder() / name).string(), "-o", mask});
            ASSERT_EQ(result.code, 0) << result.out;
            const Geometry got = read_mask(mask).geometry;
            near(got);
            expect_grid(got, read, format);
        }
    }
}

}  // namespace
}  // namespace cmtl
