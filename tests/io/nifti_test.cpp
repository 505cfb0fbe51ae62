// NIfTI-1 and -2, pairs, byte orders, units; which transform is taken. Expected geometry is worked out by hand and
// was compared with SimpleITK 2.5.2 (ITK 5.4) and nibabel 5.3.2.
#include "io/nifti.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "io/archive_writer.hpp"
#include "io/dicom_writer.hpp"
#include "io/nifti_writer.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::anything;
using test::error_of;
using test::NiftiFile;
using test::TemporaryFolder;
using test::write_bytes;

struct Read {
    Volume volume;
    std::vector<std::string> warnings;
};

Read read(const std::filesystem::path& path) {
    ReadReport report;
    Volume volume = read_volume(path, anything(), &report);
    return {std::move(volume), report.warnings};
}

Read read(const TemporaryFolder& folder, const NiftiFile& file) {
    write_bytes(folder / "x.nii", file.file());
    return read(folder / "x.nii");
}

void expect_values(const Volume& volume) {
    for (size_t n = 0; n < volume.voxels.size(); ++n)
        ASSERT_EQ(volume.voxels[n], NiftiFile::value(static_cast<int64_t>(n)));
}

void expect_near(const Geometry& a, const Geometry& b, const std::string& what = "") {
    EXPECT_EQ(a.size, b.size) << what;
    for (size_t n = 0; n < 3; ++n) {
        EXPECT_NEAR(a.spacing[n], b.spacing[n], 1e-6) << what;
        EXPECT_NEAR(a.origin[n], b.origin[n], 1e-5) << what;
    }
    for (size_t n = 0; n < 9; ++n) EXPECT_NEAR(a.direction[n], b.direction[n], 1e-6) << what << " " << n;
}

constexpr double c = 0.9553364891256060, s = 0.2955202066613396;  // of 0.3 rad

// About z by 0.3 rad in RAS, x and y mirrored: in LPS a plain rotation by the same angle.
NiftiFile turned() {
    NiftiFile file;
    file.sform_code = 1;
    file.sform = {-0.5 * c, 0.75 * s, 0, 10, -0.5 * s, -0.75 * c, 0, 20, 0, 0, 2, 30};
    return file;
}
Geometry turned_geometry() {
    Geometry g;
    g.size = {4, 3, 5};
    g.spacing = {0.5, 0.75, 2};
    g.origin = {-10, -20, 30};
    g.direction = {c, -s, 0, s, c, 0, 0, 0, 1};
    return g;
}
// The same as a quaternion: a rotation by 180 + 17.2 degrees about z has a = -cos, d = -sin of half of it (a is
// positive).
void turn_by_quaternion(NiftiFile& file) { file.qform = {0, 0, -std::sin((M_PI + 0.3) / 2), 10, 20, 30}; }

TEST(Nifti, BothVersionsPairsAndByteOrders) {
    TemporaryFolder folder;
    for (const int version : {1, 2})
        for (const bool big : {false, true}) {
            NiftiFile file = turned();
            file.version = version, file.big_endian = big;
            Read one = read(folder, file);
            expect_near(one.volume.geometry, turned_geometry(), std::to_string(version));
            expect_values(one.volume);
            EXPECT_TRUE(one.warnings.empty());
            write_bytes(folder / "x.nii.gz", test::gzipped(file.file()));
            expect_values(read(folder / "x.nii.gz").volume);

            file.pair = true;
            for (const char* packing : {"", ".gz"}) {
                const auto packed = [&](const std::string& bytes) { return *packing ? test::gzipped(bytes) : bytes; };
                const std::string header = std::string("x.hdr") + packing, image = std::string("x.img") + packing;
                write_bytes(folder / header, packed(file.header()));
                write_bytes(folder / image, packed(file.voxels()));
                for (const std::string& given : {header, image}) {
                    one = read(folder / given);
                    expect_near(one.volume.geometry, turned_geometry(), given);
                    expect_values(one.volume);
                }
                write_bytes(folder / "pair.zip",
                            test::zipped({{.name = "a/" + image, .content = packed(file.voxels())},
                                          {.name = "a/" + header, .content = packed(file.header())}}));
                expect_values(read(folder / "pair.zip").volume);
                std::filesystem::remove(folder / image);
                EXPECT_ERROR(folder / header, "other half x.img is missing");
                std::filesystem::remove(folder / header);
            }
        }
}

TEST(Nifti, ExtentsThatOnlyTheSecondVersionHolds) {
    TemporaryFolder folder;
    NiftiFile file = turned();
    file.version = 2;
    file.sizes = {40000, 1, 2};
    EXPECT_EQ(read(folder, file).volume.geometry.size, (Index3{40000, 1, 2}));
    file.sizes = {int64_t{1} << 40, 1, 1};
    write_bytes(folder / "x.nii", file.header() + std::string(4, '\0'));
    EXPECT_ERROR(folder / "x.nii", "cannot be right");
}

TEST(Nifti, AnotherDimensionOfOneTimePoint) {
    TemporaryFolder folder;
    NiftiFile file = turned();
    file.sizes = {4, 3, 5, 1};
    expect_values(read(folder, file).volume);
    file.sizes = {4, 3, 5, 1, 1};
    expect_values(read(folder, file).volume);
    file.sizes = {4, 3, 5, 2};
    write_bytes(folder / "x.nii", file.file());
    EXPECT_ERROR(folder / "x.nii", "a 4-D image (4 x 3 x 5 x 2); a volume has three dimensions: extract");
}

TEST(Nifti, UnitsBecomeMillimetres) {
    TemporaryFolder folder;
    for (const auto& [units, scale] : {std::pair{1, 1e-3}, std::pair{3, 1e3}, std::pair{0, 1.0}}) {
        for (const int version : {1, 2}) {
            NiftiFile file = turned();
            file.version = version, file.units = units;
            for (size_t n = 1; n < 4; ++n) file.pixdim[n] *= scale;
            for (double& v : file.sform) v *= scale;
            expect_near(read(folder, file).volume.geometry, turned_geometry(), std::to_string(units));
        }
    }
}

TEST(Nifti, QuaternionsTurnAndMirror) {
    TemporaryFolder folder;
    NiftiFile file;
    file.qform_code = 1;
    turn_by_quaternion(file);
    expect_near(read(folder, file).volume.geometry, turned_geometry());
    file.pixdim[0] = -1;  // the third axis the other way
    Geometry mirrored = turned_geometry();
    mirrored.direction[8] = -1;
    expect_near(read(folder, file).volume.geometry, mirrored);
    file.pixdim[0] = 0;               // as 1
    file.qform = {1, 0, 0, 1, 2, 3};  // half a turn about x: no a
    Geometry half;
    half.size = {4, 3, 5};
    half.spacing = {0.5, 0.75, 2};
    half.origin = {-1, -2, 3};
    half.direction = {-1, 0, 0, 0, 1, 0, 0, 0, -1};
    expect_near(read(folder, file).volume.geometry, half);
}

TEST(Nifti, WhichTransformIsTaken) {
    TemporaryFolder folder;
    NiftiFile file = turned();
    file.qform = {0, 0, 1, 1, 2, 3};  // half a turn about z: LPS
    Geometry plain = turned_geometry();
    plain.direction = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    plain.origin = {-1, -2, 3};
    const auto check = [&](int q, int s, const Geometry& expected, const std::string& said) {
        file.qform_code = q, file.sform_code = s;
        const Read one = read(folder, file);
        expect_near(one.volume.geometry, expected, std::to_string(q) + std::to_string(s));
        EXPECT_EQ(one.warnings.size(), said.empty() ? 0u : 1u);
        for (const std::string& warning : one.warnings) EXPECT_NE(warning.find(said), std::string::npos) << warning;
    };
    check(0, 1, turned_geometry(), "");
    check(0, 2, turned_geometry(), "");
    check(1, 0, plain, "");
    check(2, 0, plain, "");
    check(1, 1, turned_geometry(), "disagree; taking the sform");
    check(1, 2, plain, "disagree; taking the qform");
    check(2, 4, plain, "disagree; taking the qform");
    Geometry none = plain;
    none.origin = {0, 0, 0};
    check(0, 0, none, "no orientation");
    turn_by_quaternion(file);
    check(1, 1, turned_geometry(), "");
    check(2, 2, turned_geometry(), "");
}

TEST(Nifti, ShearedAndScaledTransforms) {
    TemporaryFolder folder;
    NiftiFile file;
    file.sform_code = 1;
    file.sform = {-0.5, 0.2, 0, 10, 0, -0.75, 0, 20, 0, 0, 2, 30};
    write_bytes(folder / "x.nii", file.file());
    EXPECT_ERROR(folder / "x.nii", "spacing");
    file.sform = {-0.5, 0.45, 0, 10, 0, -0.6, 0, 20, 0, 0, 2, 30};  // as long as the spacing, and aslant
    write_bytes(folder / "x.nii", file.file());
    EXPECT_ERROR(folder / "x.nii", "not perpendicular (a sheared sform)");
    file.qform_code = 1;
    turn_by_quaternion(file);
    Read one = read(folder, file);
    expect_near(one.volume.geometry, turned_geometry());
    ASSERT_EQ(one.warnings.size(), 1u);
    EXPECT_NE(one.warnings[0].find("sheared sform); taking the qform"), std::string::npos);

    file = turned();
    for (double& v : file.sform) v *= 2;
    write_bytes(folder / "x.nii", file.file());
    EXPECT_ERROR(folder / "x.nii", "its sform has 1 mm along axis 0 where the voxel spacing is 0.5 mm");
}

TEST(Nifti, Faults) {
    TemporaryFolder folder;
    NiftiFile file = turned();
    file.version = 2;
    const std::string whole = file.file();
    write_bytes(folder / "x.nii", whole.substr(0, whole.size() - 1));
    EXPECT_ERROR(folder / "x.nii", "truncated");
    write_bytes(folder / "x.nii", whole.substr(0, 500));
    EXPECT_ERROR(folder / "x.nii", "truncated");
    // Analyze 7.5 is a NIfTI header without the mark.
    file.version = 1, file.pair = true;
    std::string analyze = file.header();
    analyze.replace(344, 3, std::string(3, '\0'));
    write_bytes(folder / "x.hdr", analyze);
    write_bytes(folder / "x.img", file.voxels());
    EXPECT_ERROR(folder / "x.hdr", "Analyze 7.5 header has no orientation");
    EXPECT_ERROR(folder / "x.img", "Analyze 7.5 header has no orientation");
}

// Any of the 48 orientations by sform, in both versions: the voxels stay, the axes say where they lie.
TEST(Nifti, FortyEightOrientations) {
    TemporaryFolder folder;
    int seen = 0;
    std::array<size_t, 3> axes{0, 1, 2};
    do {
        for (int flips = 0; flips < 8; ++flips) {
            NiftiFile file;
            file.version = 1 + flips % 2;
            file.sform_code = 1;
            Geometry expected;
            expected.size = {4, 3, 5};
            expected.spacing = {0.5, 0.75, 2};
            expected.origin = {-7, 8, 9};
            expected.direction.fill(0);
            for (size_t n = 0; n < 3; ++n) {
                const double sign = flips >> n & 1 ? -1 : 1;
                expected.direction[3 * axes[n] + n] = sign;
                file.sform[4 * axes[n] + n] = (axes[n] < 2 ? -1 : 1) * sign * expected.spacing[n];
            }
            file.sform[3] = 7, file.sform[7] = -8, file.sform[11] = 9;
            const Read one = read(folder, file);
            expect_near(one.volume.geometry, expected, orientation_code(expected));
            expect_values(one.volume);
            ++seen;
        }
    } while (std::next_permutation(axes.begin(), axes.end()));
    EXPECT_EQ(seen, 48);
}

}  // namespace
}  // namespace cmtl
