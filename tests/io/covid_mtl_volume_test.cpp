// The published volumes: 16-bit PNG pictures of HU + 1024 as the frames of a DICOM file.
#include "io/covid_mtl_volume.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "io/covid_mtl_writer.hpp"
#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::CovidMtlVolume;
using test::error_of;
using test::TemporaryFolder;
using test::write_bytes;

// Lungs on zeros: two blocks of values around 200 (-824 HU), one voxel of each below and above 255.
uint16_t stored(int x, int y, int z) {
    if (x < 1 || x > 6 || y < 1 || z < 1) return 0;
    return static_cast<uint16_t>(100 + 300 * (x % 2) + 10 * y + z);
}

CovidMtlVolume lungs(int frames = 5, int width = 9, int height = 7) {
    CovidMtlVolume volume;
    for (int z = 0; z < frames; ++z)
        volume.frames.push_back(test::png_bytes(width, height, [z](int x, int y) { return stored(x, y, z); }));
    return volume;
}

std::filesystem::path write(const TemporaryFolder& folder, const CovidMtlVolume& volume) {
    write_bytes(folder / "Patient-1.dcm", test::covid_mtl_bytes(volume));
    return folder / "Patient-1.dcm";
}

void expect_lungs(const Volume& volume) {
    ASSERT_EQ(volume.geometry.size, (Index3{9, 7, 5}));
    for (int z = 0; z < 5; ++z)
        for (int y = 0; y < 7; ++y)
            for (int x = 0; x < 9; ++x) ASSERT_EQ(volume.at(x, y, z), stored(x, y, z) - 1024) << x << y << z;
}

TEST(CovidMtlVolume, IsReadInHounsfieldUnits) {
    TemporaryFolder folder;
    ReadReport report;
    const Volume volume = read_volume(write(folder, lungs()), {}, &report);
    expect_lungs(volume);
    EXPECT_EQ(report.format, "COVID-MTL");
    EXPECT_TRUE(report.warnings.empty());  // lungs touch two faces here
    Geometry plain;
    plain.size = {9, 7, 5};
    EXPECT_EQ(volume.geometry, plain);  // 1 mm, LPS, feet first
    expect_lungs(read_volume(folder.path()));
    EXPECT_EQ(std::get<Image<int32_t>>(read_image(folder / "Patient-1.dcm")).voxels[9 * 7 + 9 + 1],
              stored(1, 1, 1) - 1024);
    write_bytes(folder / "x.zip",
                test::zipped({{.name = "a/Patient-1.dcm", .content = test::covid_mtl_bytes(lungs())}}));
    expect_lungs(read_volume(folder / "x.zip"));
    set_threads(4);
    expect_lungs(read_volume(folder / "Patient-1.dcm"));
    set_threads(0);
}

TEST(CovidMtlVolume, LungsThatAreCutOutAreToldFromAWholeCt) {
    TemporaryFolder folder;
    const auto warnings = [&](const std::function<uint16_t(int, int, int)>& value) {
        CovidMtlVolume volume;
        for (int z = 0; z < 6; ++z)
            volume.frames.push_back(test::png_bytes(8, 8, [&](int x, int y) { return value(x, y, z); }));
        ReadOptions quiet;
        quiet.warn = false;
        ReadReport report;
        read_volume(write(folder, volume), quiet, &report);
        return report.warnings;
    };
    const auto inside = [](int x, int y, int z) { return x > 1 && x < 6 && y > 1 && y < 6 && z > 0 && z < 5; };
    const auto cut_out =
        warnings([&](int x, int y, int z) { return static_cast<uint16_t>(inside(x, y, z) ? 200 + x : 0); });
    ASSERT_EQ(cut_out.size(), 1u);
    EXPECT_NE(cut_out[0].find("the lungs are cut out"), std::string::npos) << cut_out[0];
    EXPECT_TRUE(warnings([&](int x, int y, int z) {
                    return static_cast<uint16_t>(inside(x, y, z) ? 200 + x : y == 7 ? 1000 : 0);
                }).empty());
    EXPECT_TRUE(warnings([](int x, int y, int z) {
                    return static_cast<uint16_t>(x > 0 && x < 7 && y > 0 && y < 7 && z > 0 && z < 5 ? 200 + z : 3 * x);
                }).empty());
}

TEST(CovidMtlVolume, FramesByTableOrByFragment) {
    TemporaryFolder folder;
    CovidMtlVolume volume = lungs();
    volume.offsets = false;
    expect_lungs(read_volume(write(folder, volume)));
    volume.offsets = true;
    volume.fragment = 40;  // several fragments a frame
    expect_lungs(read_volume(write(folder, volume)));
}

TEST(CovidMtlVolume, WhatTheHeaderSaysIsTaken) {
    TemporaryFolder folder;
    CovidMtlVolume volume = lungs();
    volume.elements = {test::implicit_element(0x0020, 0x0032, "1\\2\\3"),
                       test::implicit_element(0x0028, 0x0010, test::little(7, 2)),
                       test::implicit_element(0x0028, 0x0011, test::little(9, 2)),
                       test::implicit_element(0x0028, 0x0030, "0.5\\0.75"),
                       test::implicit_element(0x0028, 0x1052, "-1000"),
                       test::implicit_element(0x0028, 0x1053, "2")};
    const Volume read = read_volume(write(folder, volume));
    EXPECT_EQ(read.geometry.spacing, (Vector3{0.75, 0.5, 1}));
    EXPECT_EQ(read.geometry.origin, (Vector3{1, 2, 3}));
    EXPECT_EQ(read.at(3, 2, 1), 2 * stored(3, 2, 1) - 1000);
    volume.elements[1] = test::implicit_element(0x0028, 0x0010, test::little(8, 2));
    EXPECT_ERROR(write(folder, volume), "the frames are 9 x 7, but the header says 9 x 8");
}

TEST(CovidMtlVolume, EveryFaultHasItsOwnMessage) {
    TemporaryFolder folder;
    const auto faulty = [&](const std::function<void(CovidMtlVolume&)>& change) {
        CovidMtlVolume volume = lungs();
        change(volume);
        return write(folder, volume);
    };
    EXPECT_ERROR(faulty([](auto& v) { v.frames[2][v.frames[2].size() - 30] ^= 1; }), "frame 3: truncated or damaged");
    EXPECT_ERROR(faulty([](auto& v) { v.frames[2].resize(60); }), "frame 3: truncated or damaged");
    EXPECT_ERROR(faulty([](auto& v) { v.frames[4][1] = 'x'; }), "frame 5 of 5 is damaged: it is no PNG");
    EXPECT_ERROR(faulty([](auto& v) { v.frames[1] = test::png_bytes(9, 8, [](int, int) { return 1; }); }),
                 "mixed sizes: frame 2 is 9 x 8 and the first one 9 x 7");
    EXPECT_ERROR(faulty([](auto& v) {
                     v.frames[1] = test::png_bytes(
                         9, 7, [](int, int) { return 1; }, 8);
                 }),
                 "frame 2 has 8 bits: a CT needs 16-bit");
    EXPECT_ERROR(faulty([](auto& v) {
                     v.frames[0] = test::png_bytes(
                         9, 7, [](int, int) { return 1; }, 16, true);
                 }),
                 "frame 1 has 16 bits in colour");
    EXPECT_ERROR(faulty([](auto& v) { v.delimiter = false; }), "truncated or damaged behind frame 5");
    EXPECT_ERROR(faulty([](auto& v) {
                     v.offsets = false;
                     v.elements = {test::implicit_element(0x0028, 0x0008, "6")};
                 }),
                 "missing frames: 5 of 6");
    EXPECT_ERROR(faulty([](auto& v) { v.frames[0].replace(16, 4, test::big(100000, 4)); }), "mixed sizes");
    EXPECT_ERROR(faulty([](auto& v) {
                     for (auto& f : v.frames) f.replace(16, 8, test::big(20000, 4) + test::big(2000, 4));
                 }),
                 "cannot be in");
    EXPECT_ERROR(faulty([](auto& v) {
                     for (auto& f : v.frames) f.replace(16, 8, test::big(2000000, 4) + test::big(2000, 4));
                 }),
                 "cannot be right");
    EXPECT_ERROR(faulty([](auto& v) {
                     for (auto& f : v.frames) f = test::png_bytes(9, 7, [](int, int) { return 0; });
                 }),
                 "every voxel has the value -1024");
    const std::string whole = test::covid_mtl_bytes(lungs());
    write_bytes(folder / "Patient-1.dcm", whole.substr(0, whole.size() / 2));
    EXPECT_ERROR(folder / "Patient-1.dcm", "truncated or damaged behind frame");
    write(folder, lungs());
    write_bytes(folder / "Patient-2.dcm", whole);
    EXPECT_ERROR(folder.path(), "2 files, of which Patient-1.dcm is a whole volume");
}

}  // namespace
}  // namespace cmtl
