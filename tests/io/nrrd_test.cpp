// NRRD spaces, encodings and detached headers.
#include "io/nrrd.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "io/archive_writer.hpp"
#include "io/dicom_writer.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::anything;
using test::error_of;
using test::TemporaryFolder;
using test::write_bytes;

std::string voxels() {
    std::string data;
    for (int n = 0; n < 24; ++n) data += test::little(static_cast<uint16_t>(n * 7 - 80), 2);
    return data;
}

std::string nrrd(const std::string& more, const std::string& encoding = "raw", const std::string& data = voxels()) {
    return "NRRD0005\n# a comment\ntype: short\ndimension: 3\nsizes: 2 3 4\nendian: little\nkey:=value\n" + more +
           "encoding: " + encoding + "\n\n" + data;
}

const std::string directions = "space directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (10,20,30)\n";

void expect_values(const Volume& volume) {
    ASSERT_EQ(volume.geometry.size, (Index3{2, 3, 4}));
    for (int n = 0; n < 24; ++n) ASSERT_EQ(volume.voxels[static_cast<size_t>(n)], n * 7 - 80);
}

TEST(Nrrd, SpacesBecomeLps) {
    TemporaryFolder folder;
    struct Case {
        const char* space;
        double x, y;  // signs
        bool warning;
    };
    for (const Case& c : {Case{"left-posterior-superior", 1, 1, false}, Case{"LPS", 1, 1, false},
                          Case{"right-anterior-superior", -1, -1, false}, Case{"RAS", -1, -1, false},
                          Case{"left-anterior-superior", 1, -1, false}, Case{"LAS", 1, -1, false},
                          Case{"scanner-xyz", 1, 1, true}, Case{"3D-right-handed", 1, 1, true}}) {
        write_bytes(folder / "x.nrrd", nrrd(std::string("space: ") + c.space + "\n" + directions));
        ReadReport report;
        const Volume volume = read_volume(folder / "x.nrrd", anything(), &report);
        expect_values(volume);
        EXPECT_EQ(volume.geometry.spacing, (Vector3{1, 2, 3}));
        EXPECT_EQ(volume.geometry.origin, (Vector3{10 * c.x, 20 * c.y, 30})) << c.space;
        EXPECT_EQ(volume.geometry.direction, (std::array<double, 9>{c.x, 0, 0, 0, c.y, 0, 0, 0, 1})) << c.space;
        EXPECT_EQ(report.warnings.size(), c.warning ? 1u : 0u) << c.space;
    }
    // Oblique, in RAS.
    write_bytes(folder / "x.nrrd",
                nrrd("space: RAS\nspace directions: (0.8,0.6,0) (-0.6,0.8,0) (0,0,3)\nspace origin: (10,20,30)\n"));
    const Volume volume = read_volume(folder / "x.nrrd", anything());
    const std::array<double, 9> expected{-0.8, 0.6, 0, -0.6, -0.8, 0, 0, 0, 1};
    for (size_t n = 0; n < 9; ++n) EXPECT_NEAR(volume.geometry.direction[n], expected[n], 1e-12);
}

TEST(Nrrd, SpacingsAlone) {
    TemporaryFolder folder;
    ReadReport report;
    const auto geometry = [&](const std::string& more) {
        write_bytes(folder / "x.nrrd", nrrd(more));
        const Volume volume = read_volume(folder / "x.nrrd", anything(), &report);
        expect_values(volume);
        return volume.geometry;
    };
    Geometry expected;
    expected.size = {2, 3, 4};
    expected.spacing = {1, 2, 3};
    EXPECT_EQ(geometry("spacings: 1 2 3\n"), expected);
    ASSERT_EQ(report.warnings.size(), 1u);
    EXPECT_NE(report.warnings[0].find("no anatomical space"), std::string::npos);
    // Cells are the default, as ITK takes them.
    expected.origin = {5.5, 7, 8.5};
    EXPECT_EQ(geometry("spacings: 1 2 3\naxis mins: 5 6 7\n"), expected);
    expected.origin = {5, 6, 7};
    EXPECT_EQ(geometry("spacings: 1 2 3\naxis mins: 5 6 7\ncenters: node node node\n"), expected);
    expected.origin = {0, 0, 0};
    expected.direction[0] = -1;
    EXPECT_EQ(geometry("spacings: -1 2 3\n"), expected);
}

TEST(Nrrd, Encodings) {
    TemporaryFolder folder;
    const auto same = [&](const std::string& bytes) {
        write_bytes(folder / "x.nrrd", bytes);
        expect_values(read_volume(folder / "x.nrrd", anything()));
    };
    const std::string head = "space: LPS\n" + directions;
    same(nrrd(head));
    same(nrrd(head, "gzip", test::gzipped(voxels())));
    same(nrrd(head + "byte skip: 3\n", "gz", test::gzipped("abc" + voxels())));
    same(nrrd(head + "byte skip: 3\n", "raw", "abc" + voxels()));
    same(nrrd(head + "byte skip: -1\n", "raw", "some more header" + voxels()));
    same(nrrd(head + "line skip: 2\n", "raw", "first\nsecond\n" + voxels()));
    std::string text;
    for (int n = 0; n < 24; ++n) text += std::to_string(n * 7 - 80) + (n % 5 ? " " : ",\n");
    same(nrrd(head, "ascii", text));
    // bzip2 of the 48 bytes of voxels(), by Python's bz2.
    static constexpr unsigned char bzip2[] = {
        0x42, 0x5A, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xAF, 0xDA, 0xB4, 0x7A, 0x00, 0x00, 0x0C,
        0x7E, 0x0F, 0xC4, 0x08, 0x10, 0x20, 0x40, 0x81, 0x02, 0x04, 0x08, 0x10, 0x20, 0x00, 0x40, 0x81, 0x02,
        0x04, 0x08, 0x10, 0x20, 0x40, 0x81, 0x02, 0xA0, 0x00, 0x22, 0x08, 0x00, 0x00, 0x06, 0x85, 0x00, 0x00,
        0x06, 0x4C, 0x82, 0x42, 0x54, 0xB6, 0x35, 0xCF, 0x84, 0x64, 0x73, 0x00, 0x12, 0x11, 0x03, 0xAD, 0xAF,
        0x8C, 0xEB, 0x7C, 0xEF, 0x8F, 0xE2, 0xEE, 0x48, 0xA7, 0x0A, 0x12, 0x15, 0xFB, 0x56, 0x8F, 0x40};
    const std::string packed(reinterpret_cast<const char*>(bzip2), sizeof bzip2);
    same(nrrd(head, "bzip2", packed));
    write_bytes(folder / "x.nrrd", nrrd(head, "bz2", packed.substr(0, packed.size() - 12)));
    EXPECT_ERROR(folder / "x.nrrd", "truncated");
    write_bytes(folder / "x.nrrd", nrrd(head, "ascii", text.substr(0, text.size() - 12)));
    EXPECT_ERROR(folder / "x.nrrd", "value");
    write_bytes(folder / "x.nrrd", nrrd(head, "ascii", "1 2 3"));
    EXPECT_ERROR(folder / "x.nrrd", "truncated");
    write_bytes(folder / "x.nrrd", nrrd(head, "ascii", text.replace(8, 1, "x")));
    EXPECT_ERROR(folder / "x.nrrd", "no number");
}

TEST(Nrrd, ADetachedHeaderNamesItsData) {
    TemporaryFolder folder;
    const std::string head = "space: LPS\n" + directions;
    write_bytes(folder / "x.nhdr", nrrd(head + "data file: sub/x.raw\n", "raw", ""));
    EXPECT_ERROR(folder / "x.nhdr", "data file");
    write_bytes(folder / "sub/x.raw", voxels());
    expect_values(read_volume(folder / "x.nhdr", anything()));
    write_bytes(folder / "x.nhdr", nrrd(head + "data file: x.raw.gz\n", "gzip", ""));
    write_bytes(folder / "x.raw.gz", test::gzipped(voxels()));
    expect_values(read_volume(folder / "x.nhdr", anything()));
    write_bytes(folder / "x.nhdr", nrrd(head + "data file: LIST\nx.raw\n", "raw", ""));
    EXPECT_ERROR(folder / "x.nhdr", "no ':'");
}

TEST(Nrrd, GeometryThatIsNone) {
    TemporaryFolder folder;
    const auto error = [&](const std::string& more) {
        write_bytes(folder / "x.nrrd", nrrd(more));
        return folder / "x.nrrd";
    };
    EXPECT_ERROR(error("space: LPS\nspace directions: none (0,2,0) (0,0,3)\n"), "an axis without direction");
    EXPECT_ERROR(error("space: LPS\nspace directions: (0,2,0) (0,0,3)\n"), "does not fit 3 axes");
    EXPECT_ERROR(error("space: LPS\nspace directions: (1,0) (0,2) (0,3)\n"), "vectors of three numbers");
    EXPECT_ERROR(error("space: LPS\n"), "neither 'space directions' nor 'spacings'");
    EXPECT_ERROR(error("space: right-up\n" + directions), "'space: right-up' is not known");
    EXPECT_ERROR(error("space: left-posterior-superior-time\n" + directions), "an axis of time");
    EXPECT_ERROR(error("space: LPS\nspace units: \"m\" \"m\" \"m\"\n" + directions), "lengths should be in mm");
}

}  // namespace
}  // namespace cmtl
