// Multi-frame files: what is said frame by frame, stacks inside of one file, old files with offsets.
#include <gtest/gtest.h>

#include "io/dicom_series_writer.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::DicomSlice;
using test::error_of;
using test::expect_slice;
using test::read_back;
using test::TemporaryFolder;

// The frames `order` of a stack, each `add` brighter.
DicomSlice frames(const std::vector<int>& order, int add = 0) {
    DicomSlice all;
    for (const int n : order) {
        const DicomSlice one = test::series_slice(n);
        all.frames.push_back(one.position);
        for (const int16_t v : one.pixels) all.pixels.push_back(static_cast<int16_t>(v + add));
    }
    return all;
}

void append(DicomSlice& to, const DicomSlice& more) {
    to.frames.insert(to.frames.end(), more.frames.begin(), more.frames.end());
    to.pixels.insert(to.pixels.end(), more.pixels.begin(), more.pixels.end());
}

TEST(DicomFrames, EachFrameIsRescaledByItsOwnValues) {
    TemporaryFolder folder;
    for (const char* syntax : {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}) {
        DicomSlice all = frames({3, 0, 5, 1, 2, 4});
        all.syntax = syntax;
        for (const int n : {3, 0, 5, 1, 2, 4}) {
            all.slopes.push_back(n == 2 ? "2" : "1");
            all.intercepts.push_back(std::to_string(-1024 - n));
        }
        write_dicom(folder / "x.dcm", all);
        const Volume volume = read_back(folder / "x.dcm").volume;
        ASSERT_EQ(volume.nz(), 6);
        for (int k = 0; k < 6; ++k)
            for (int v = 0; v < 30; ++v)
                ASSERT_EQ(volume.at(v % 5, v / 5, k), (100 * k + v) * (k == 2 ? 2 : 1) - 1024 - k) << syntax;
    }
}

TEST(DicomFrames, StacksOfOneFileAreToldApart) {
    TemporaryFolder folder;
    DicomSlice all = frames({3, 0, 5, 1, 2, 4}, 7);
    append(all, frames({4, 1, 3, 2}));
    all.stacks = {"b", "b", "b", "b", "b", "b", "a", "a", "a", "a"};
    write_dicom(folder / "x.dcm", all);
    auto back = read_back(folder / "x.dcm");
    EXPECT_WARNED(back, "stack b (x.dcm frame 2)");
    ASSERT_EQ(back.volume.nz(), 6);
    EXPECT_EQ(back.volume.at(0, 0, 2), 200 + 7 - 1024);
    ReadOptions options;
    options.group = 2;
    back = read_back(folder / "x.dcm", options);
    ASSERT_EQ(back.volume.nz(), 4);
    for (int k = 0; k < 4; ++k) expect_slice(back.volume, k, k + 1);

    // Nothing tells them apart: an error that names two of them.
    all.stacks.clear();
    write_dicom(folder / "x.dcm", all);
    EXPECT_ERROR(folder / "x.dcm", "duplicate positions: 4 slices");
    EXPECT_ERROR(folder / "x.dcm", "x.dcm frame 4 and x.dcm frame 8");
}

TEST(DicomFrames, OrientationsOfTheirOwn) {
    TemporaryFolder folder;
    DicomSlice all = frames({0, 1, 2, 3, 4, 5});
    for (int n = 0; n < 6; ++n) all.orientations.push_back("1\\0\\0\\0\\1\\0");
    all.orientation = {0, 1, 0, 0, 0, -1};  // what they share gives way
    write_dicom(folder / "x.dcm", all);
    const Volume volume = read_back(folder / "x.dcm").volume;
    EXPECT_EQ(volume.geometry.direction[0], 1);
    for (int k = 0; k < 6; ++k) expect_slice(volume, k, k);
    all.orientations[4] = all.orientations[5] = "0\\1\\0\\0\\0\\-1";
    write_dicom(folder / "x.dcm", all);
    EXPECT_ERROR(folder / "x.dcm", "mixed orientation");
}

TEST(DicomFrames, SeveralFilesAreOneVolume) {
    TemporaryFolder folder;
    write_dicom(folder / "a", frames({0, 4, 2}));
    write_dicom(folder / "b", frames({5, 1, 3}));
    const Volume volume = read_back(folder.path()).volume;
    ASSERT_EQ(volume.nz(), 6);
    for (int k = 0; k < 6; ++k) expect_slice(volume, k, k);
}

TEST(DicomFrames, MissingFramesAndTiltAreTreatedAsThoseOfFiles) {
    TemporaryFolder folder;
    DicomSlice all = frames({0, 1, 2, 4, 5, 6});
    write_dicom(folder / "x.dcm", all);
    EXPECT_ERROR(folder / "x.dcm", "1 missing slice");
    ReadOptions options;
    options.allow_gaps = options.correct_tilt = true;
    EXPECT_EQ(read_back(folder / "x.dcm", options).volume.at(2, 2, 3), 312 - 1024);
    for (Vector3& p : all.frames) p[1] += 0.35 * (p[2] - 30);  // one row every slice
    write_dicom(folder / "x.dcm", all);
    EXPECT_ERROR(folder / "x.dcm", "1 missing slice");
    const Volume volume = read_back(folder / "x.dcm", options).volume;
    ASSERT_EQ(volume.geometry.size, (Index3{5, 12, 7}));
    EXPECT_EQ(volume.at(2, 2 + 4, 4), 412 - 1024);
}

TEST(DicomFrames, OldFilesGiveOffsets) {
    TemporaryFolder folder;
    for (const double first : {0.0, 30.0}) {
        DicomSlice all;
        for (int n = 0; n < 6; ++n) {
            const DicomSlice one = test::series_slice(n);
            all.grid_offsets.push_back(first + 2 * n);
            all.pixels.insert(all.pixels.end(), one.pixels.begin(), one.pixels.end());
        }
        write_dicom(folder / "x.dcm", all);
        const Volume volume = read_back(folder / "x.dcm").volume;
        ASSERT_EQ(volume.nz(), 6);
        EXPECT_EQ(volume.geometry.origin, (Vector3{-10, -20, 30}));
        for (int k = 0; k < 6; ++k) expect_slice(volume, k, k);
    }
}

}  // namespace
}  // namespace cmtl
