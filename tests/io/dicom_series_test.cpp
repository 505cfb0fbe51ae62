// Which series, and which images of a series, are the volume.
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
using test::write_stack;

void expect_stack(const Volume& volume, int count) {
    ASSERT_EQ(volume.geometry.size, (Index3{5, 6, count}));
    EXPECT_NEAR(volume.geometry.spacing[2], 2, 1e-12);
    for (int k = 0; k < count; ++k) expect_slice(volume, k, k);
}

TEST(DicomSeries, IsFoundByAnyPartThatOnlyOneUidBeginsOrEndsWith) {
    TemporaryFolder folder;
    write_stack(folder / "a", 6, [](DicomSlice& s, int) { s.series = "1.2.3.44", s.description = "Lung 1.0"; });
    write_stack(folder / "b", 4, [](DicomSlice& s, int) { s.series = "1.2.5.66"; });
    ReadOptions options;
    for (const char* uid : {"1.2.5.66", "1.2.5", "66", ".66"}) {
        options.series_uid = uid;
        const auto back = read_back(folder.path(), options);
        expect_stack(back.volume, 4);
        EXPECT_EQ(back.report.series_uid, "1.2.5.66");
        EXPECT_TRUE(back.report.warnings.empty());
    }
    options.series_uid = "1.2";
    EXPECT_NE(error_of(folder.path(), options).find("2 series begin or end with 1.2;"), std::string::npos);
    options.series_uid = "2.3";
    EXPECT_NE(error_of(folder.path(), options).find("no series 2.3"), std::string::npos);
    const auto back = read_back(folder.path());
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "1.2.3.44 ('Lung 1.0', 6 slices, CT)");
}

TEST(DicomSeries, LocaliserSeriesAreNotTakenHoweverLong) {
    TemporaryFolder folder;
    write_stack(folder / "scout", 9,
                [](DicomSlice& s, int) { s.series = "1.1", s.image_type = "ORIGINAL\\PRIMARY\\LOCALIZER"; });
    write_stack(folder / "ct", 6);
    const auto back = read_back(folder.path());
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "1.1 (9 slices, CT, localiser)");
}

TEST(DicomSeries, LocalisersInsideOfASeriesAreSetAside) {
    TemporaryFolder folder;
    write_stack(folder / "typed", 6);
    DicomSlice scout = test::series_slice(0);
    scout.image_type = "ORIGINAL\\PRIMARY\\LOCALIZER";
    scout.orientation = {1, 0, 0, 0, 0, -1};
    scout.with_position = false;  // nothing is asked of a localiser
    write_dicom(folder / "typed" / "0", scout);
    auto back = read_back(folder / "typed");
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "1 localiser image of the series set aside");

    // Without a type: two of another orientation beside twenty are localisers, two beside six are not.
    scout = test::series_slice(0);
    scout.orientation = {0, 1, 0, 0, 0, -1};
    for (const int count : {20, 6}) {
        const auto path = folder / std::to_string(count);
        write_stack(path, count);
        write_dicom(path / "s0", scout);
        scout.position[0] += 10;
        write_dicom(path / "s1", scout);
    }
    back = read_back(folder / "20");
    expect_stack(back.volume, 20);
    EXPECT_WARNED(back, "2 images of another orientation (a localiser?) set aside: s0");
    EXPECT_ERROR(folder / "6", "mixed orientation");
    EXPECT_ERROR(folder / "6", "1: 6 axial slices of 5 x 6");
    EXPECT_ERROR(folder / "6", "2: 2 sagittal slices");
    ReadOptions options;
    options.group = 1;
    expect_stack(read_back(folder / "6", options).volume, 6);
    options.group = 3;
    EXPECT_NE(error_of(folder / "6", options).find("no group 3"), std::string::npos);
}

TEST(DicomSeries, SecondaryCapturesArePassedOver) {
    TemporaryFolder folder;
    write_stack(folder.path(), 6);
    DicomSlice screen = test::series_slice(0);
    screen.sop_class = "1.2.840.10008.5.1.4.1.1.7";
    screen.with_position = false;
    write_dicom(folder / "dose", screen);
    screen.series = "1.2.4";
    for (int n = 0; n < 9; ++n) write_dicom(folder / ("screen" + std::to_string(n)), screen);
    const auto back = read_back(folder.path());
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "passing over 10 secondary captures");
    EXPECT_EQ(back.report.warnings.size(), 1u);  // the other series is gone with them
    // Slices with a position are slices, whatever they call themselves.
    write_stack(folder / "sc", 6, [](DicomSlice& s, int) { s.sop_class = "1.2.840.10008.5.1.4.1.1.7.2"; });
    expect_stack(read_back(folder / "sc").volume, 6);
}

TEST(DicomSeries, CopiesAreDroppedWithAWarning) {
    TemporaryFolder folder;
    write_stack(folder / "pixels", 6);
    write_dicom(folder / "pixels" / "copy", test::series_slice(2));
    auto back = read_back(folder / "pixels");
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "1 duplicate slice dropped");

    // Equal values though stored in other words.
    DicomSlice shifted = test::series_slice(2);
    shifted.intercept = -1000;
    for (int16_t& v : shifted.pixels) v = static_cast<int16_t>(v - 24);
    write_dicom(folder / "pixels" / "shifted", shifted);
    back = read_back(folder / "pixels");
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "2 duplicate slices dropped");

    const auto named = [](DicomSlice& s, int n) { s.sop_uid = "5." + std::to_string(n); };
    write_stack(folder / "uid", 6, named);
    write_stack(folder / "uid", 6, named, "again");
    back = read_back(folder / "uid");
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "6 duplicate slices dropped");
}

TEST(DicomSeries, OtherPixelsAtOnePlaceAreAnError) {
    TemporaryFolder folder;
    write_stack(folder.path(), 6);
    DicomSlice other = test::series_slice(2);
    ++other.pixels[7];
    write_dicom(folder / "other", other);
    EXPECT_ERROR(folder.path(), "duplicate positions: 1 slices lie where another one lies, for example IM72 and other");
}

TEST(DicomSeries, AcquisitionsOfOneSeriesAreToldApart) {
    TemporaryFolder folder;
    write_stack(folder / "two", 6, [](DicomSlice& s, int) { s.acquisition = "2"; });
    write_stack(
        folder / "two", 4,
        [](DicomSlice& s, int) {
            s.acquisition = "1";
            for (int16_t& v : s.pixels) ++v;
        },
        "B");
    auto back = read_back(folder / "two");
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "taking the first");
    EXPECT_WARNED(back, "acquisition number 2 (IM30); 2: 4 axial slices");
    ReadOptions options;
    options.group = 2;
    back = read_back(folder / "two", options);
    EXPECT_EQ(back.volume.nz(), 4);
    EXPECT_EQ(back.volume.at(0, 0, 0), -1023);

    // As large as the first one: nobody can know.
    for (int n = 4; n < 6; ++n) {
        DicomSlice s = test::series_slice(n);
        s.acquisition = "1";
        ++s.pixels[0];
        write_dicom(folder / "two" / ("C" + std::to_string(n)), s);
    }
    EXPECT_ERROR(folder / "two", "2 stacks lie at the same place: choose with --group N: 1: 6 axial slices");

    // A smaller one that reaches beyond the larger: taking the larger one would lose a part of the body.
    write_stack(folder / "beyond", 6, [](DicomSlice& s, int) { s.acquisition = "2"; });
    write_stack(
        folder / "beyond", 5,
        [](DicomSlice& s, int) {
            s.acquisition = "1";
            s.position[2] += 8;
        },
        "B");
    EXPECT_ERROR(folder / "beyond", "choose with --group N");

    // Told apart by their kernels alone; every slice has an acquisition number of its own.
    const auto kernel = [](const char* name, int add) {
        return [=](DicomSlice& s, int n) {
            s.kernel = name, s.acquisition = std::to_string(n);
            for (int16_t& v : s.pixels) v = static_cast<int16_t>(v + add);
        };
    };
    write_stack(folder / "kernels", 6, kernel("B70f", 0));
    write_stack(folder / "kernels", 5, kernel("B30f", 3), "B");
    back = read_back(folder / "kernels");
    expect_stack(back.volume, 6);
    EXPECT_WARNED(back, "kernel B70f");
}

TEST(DicomSeries, ASmallerGridInsideTheLargestIsLeftOut) {
    TemporaryFolder folder;
    write_stack(folder.path(), 8);
    write_stack(
        folder.path(), 4,
        [](DicomSlice& s, int) {
            s.position[2] += 3;
            s.row_spacing = s.column_spacing = 0.4;
        },
        "fine");
    auto back = read_back(folder.path());
    expect_stack(back.volume, 8);
    EXPECT_WARNED(back, "mixed pixel spacing");
    ReadOptions options;
    options.group = 2;
    back = read_back(folder.path(), options);
    EXPECT_EQ(back.volume.geometry.spacing[0], 0.4);
}

}  // namespace
}  // namespace cmtl
