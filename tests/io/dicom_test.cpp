#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::error_of;

using test::DicomSlice;
using test::series_slice;
using test::TemporaryFolder;
using test::write_bytes;
using test::write_dicom;

constexpr int slices = 6;

// Names that are not in slice order, as exports have them.
std::string file_name(int n) { return "IM" + std::to_string((n * 7 + 3) % 10) + std::to_string(n); }

void write_series(const std::filesystem::path& folder, const std::function<void(DicomSlice&, int)>& change = {}) {
    for (int n = 0; n < slices; ++n) {
        DicomSlice s = series_slice(n);
        if (change) change(s, n);
        write_dicom(folder / file_name(n), s);
    }
}

void expect_series(const Volume& volume) {
    EXPECT_EQ(volume.geometry.size, (Index3{5, 6, slices}));
    EXPECT_DOUBLE_EQ(volume.geometry.spacing[0], 0.8);  // between columns
    EXPECT_DOUBLE_EQ(volume.geometry.spacing[1], 0.7);
    EXPECT_NEAR(volume.geometry.spacing[2], 2, 1e-12);
    EXPECT_EQ(volume.geometry.origin, (Vector3{-10, -20, 30}));
    for (int k = 0; k < slices; ++k)
        for (int v = 0; v < 30; ++v) ASSERT_EQ(volume.at(v % 5, v / 5, k), 100 * k + v - 1024) << k << " " << v;
}

TEST(Dicom, ASeriesIsSortedAndInHounsfieldUnits) {
    TemporaryFolder folder;
    write_series(folder / "ct");
    ReadReport report;
    expect_series(read_volume(folder / "ct", {}, &report));
    EXPECT_EQ(report.format, "DICOM");
    EXPECT_EQ(report.series_uid, "1.2.3");
    EXPECT_TRUE(report.warnings.empty());
}

TEST(Dicom, NativeTransferSyntaxesAreEqual) {
    for (const char* syntax : {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}) {
        TemporaryFolder folder;
        write_series(folder / "ct", [&](DicomSlice& s, int) { s.syntax = syntax; });
        expect_series(read_volume(folder / "ct"));
    }
}

TEST(Dicom, ADataSetWithoutHeaderIsRead) {
    TemporaryFolder folder;
    for (const char* syntax : {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}) {
        for (int n = 0; n < slices; ++n) {
            DicomSlice s = series_slice(n);
            s.syntax = syntax;
            write_bytes(folder / syntax / file_name(n), test::DicomWriter(s).data_set());
        }
        expect_series(read_volume(folder / syntax));
    }
}

TEST(Dicom, ManyThreadsReadTheSame) {
    TemporaryFolder folder;
    write_series(folder / "ct");
    set_threads(4);
    expect_series(read_volume(folder / "ct"));
    set_threads(0);
}

TEST(Dicom, AnEnhancedMultiFrameFileIsAVolume) {
    TemporaryFolder folder;
    DicomSlice all;
    for (int n : {3, 0, 5, 1, 2, 4}) {  // frames in any order
        all.frames.push_back(series_slice(n).position);
        const auto pixels = series_slice(n).pixels;
        all.pixels.insert(all.pixels.end(), pixels.begin(), pixels.end());
    }
    write_dicom(folder / "enhanced.dcm", all);
    expect_series(read_volume(folder / "enhanced.dcm"));
    expect_series(read_volume(folder.path()));
}

TEST(Dicom, UnsignedTwelveBitsBesideOverlays) {
    TemporaryFolder folder;
    write_series(folder / "ct", [](DicomSlice& s, int) {
        s.bits_stored = 12;
        s.representation = 0;
        for (int16_t& v : s.pixels) v = static_cast<int16_t>(v | 0x5000);  // bits above the stored ones
    });
    expect_series(read_volume(folder / "ct"));
}

TEST(Dicom, FeetFirstSlicesAndObliqueAxes) {
    TemporaryFolder folder;
    const double c = std::cos(0.2), s = std::sin(0.2);
    write_series(folder / "ct", [&](DicomSlice& slice, int n) {
        slice.orientation = {c, s, 0, s, -c, 0};  // the normal points to the feet
        slice.position = {0, 0, -2.0 * n};
    });
    const Volume volume = read_volume(folder / "ct");
    EXPECT_NEAR(volume.geometry.direction[8], -1, 1e-12);
    EXPECT_NEAR(volume.geometry.spacing[2], 2, 1e-12);
    EXPECT_EQ(volume.at(1, 0, 4), 401 - 1024);
}

TEST(Dicom, TwoSeriesGiveTheLargerCtAndAWarning) {
    TemporaryFolder folder;
    write_series(folder / "a");
    write_series(folder / "b",
                 [](DicomSlice& s, int n) { s.series = n < 4 ? "4.5.6" : "7.8.9", s.modality = n < 4 ? "CT" : "SR"; });
    ReadReport report;
    ReadOptions options;
    options.warn = false;
    expect_series(read_volume(folder.path(), options, &report));
    ASSERT_EQ(report.warnings.size(), 1u);
    for (const char* part : {"series", "1.2.3", "4.5.6 (4 slices, CT)", "7.8.9 (2 slices, SR)"})
        EXPECT_NE(report.warnings[0].find(part), std::string::npos) << report.warnings[0];
    options.series_uid = "4.5.6";
    EXPECT_EQ(read_volume(folder.path(), options).nz(), 4);
    options.series_uid = "nowhere";
    EXPECT_NE(error_of(folder.path(), options).find("no series nowhere"), std::string::npos);
}

TEST(Dicom, EveryFaultHasItsOwnMessage) {
    TemporaryFolder folder;
    std::filesystem::create_directories(folder / "empty");
    EXPECT_ERROR(folder / "empty", "the folder is empty");
    EXPECT_ERROR(folder / "nothing", "no such file or folder");
    write_bytes(folder / "text" / "readme.txt", "hello");
    EXPECT_ERROR(folder / "text", "no DICOM images");

    const auto faulty = [&](const std::string& name, const std::function<void(DicomSlice&, int)>& change) {
        write_series(folder / name, change);
        return folder / name;
    };
    EXPECT_ERROR(faulty("missing", [](DicomSlice& s, int n) { s.position[2] += n >= 3 ? 4 : 0; }), "2 missing slices");
    EXPECT_ERROR(faulty("uneven", [](DicomSlice& s, int n) { s.position[2] += n >= 3 ? 0.9 : 0; }),
                 "uneven slice step");
    EXPECT_ERROR(faulty("duplicate", [](DicomSlice& s, int n) { s.position[2] -= n == 4 ? 2 : 0; }),
                 "duplicate positions");
    EXPECT_ERROR(faulty("one place", [](DicomSlice& s, int) { s.position[2] = 0; }), "not a volume");
    EXPECT_ERROR(faulty("tilt", [](DicomSlice& s, int n) { s.position[1] += 0.5 * n; }), "gantry tilt");
    EXPECT_ERROR(faulty("mixed",
                        [](DicomSlice& s, int n) {
                            if (n == 2) s.orientation = {0, 1, 0, 0, 0, -1};
                        }),
                 "mixed orientation");
    EXPECT_ERROR(faulty("sizes",
                        [](DicomSlice& s, int n) {
                            if (n == 2) s.rows = 5, s.pixels.resize(25);
                        }),
                 "mixed sizes");
    EXPECT_ERROR(faulty("spacings",
                        [](DicomSlice& s, int n) {
                            if (n == 2) s.row_spacing = 0.9;
                        }),
                 "mixed pixel spacing");
    EXPECT_ERROR(faulty("modality", [](DicomSlice& s, int) { s.modality = "MR"; }), "'MR', not CT");
    EXPECT_ERROR(faulty("places", [](DicomSlice& s, int n) { s.with_position = n != 2; }),
                 "position (0020,0032) is missing");
    EXPECT_ERROR(faulty("cut",
                        [](DicomSlice& s, int n) {
                            if (n == 2) s.pixels.resize(7);
                        }),
                 "truncated");
    EXPECT_ERROR(faulty("spacing", [](DicomSlice& s, int) { s.row_spacing = 0; }), "spacing of 0 mm");
    EXPECT_ERROR(
        faulty("constant", [](DicomSlice& s, int) { std::fill(s.pixels.begin(), s.pixels.end(), int16_t{3}); }),
        "every voxel has the value");
    EXPECT_ERROR(faulty("offset", [](DicomSlice& s, int) { s.intercept = 0; }), "not Hounsfield units");
    write_dicom(folder / "single" / "1", series_slice(0));
    EXPECT_ERROR(folder / "single", "a single slice");
    EXPECT_ERROR(folder / "single" / "1", "a single slice");
    std::string half = test::DicomWriter(series_slice(0)).file();
    write_series(folder / "half");
    write_bytes(folder / "half" / "x", half.substr(0, half.size() / 2));
    EXPECT_ERROR(folder / "half", "truncated");
}

TEST(Dicom, RoundedPositionsAreUniform) {
    TemporaryFolder folder;
    write_series(folder / "ct", [](DicomSlice& s, int n) { s.position[2] = std::round(6.25 * n) / 10; });
    EXPECT_NEAR(read_volume(folder / "ct").geometry.spacing[2], 0.625, 0.02);
}

// Random damage never ends in anything but a volume or an input error (run under AddressSanitizer, too).
TEST(Dicom, DamageIsAnErrorOrAVolume) {
    TemporaryFolder folder;
    std::mt19937 random(2);
    write_series(folder / "ct");
    int errors = 0;
    for (int n = 0; n < 400; ++n) {
        DicomSlice s = series_slice(2);
        s.syntax = n % 2 ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2";
        std::string bytes = test::DicomWriter(s).file();
        for (unsigned c = random() % 8 + 1; c > 0; --c)
            bytes[random() % bytes.size()] = static_cast<char>(random() % 256);
        if (n % 5 == 0) bytes.resize(random() % bytes.size());
        write_bytes(folder / "ct" / file_name(2), bytes);
        ReadOptions options;
        options.warn = false;
        try {
            read_volume(folder / "ct", options);
        } catch (const Error& error) {
            ASSERT_EQ(error.kind(), ErrorKind::input) << error.what();
            ++errors;
        }
    }
    EXPECT_GT(errors, 50);
}

TEST(Dicom, LosslessTransferSyntaxesDecodeToEqualVoxels) {
    CMTL_NEED_DATA("dicom/transfer-syntaxes");
    ReadOptions options;
    options.min_slices = 1;
    const auto folder = test::data_folder() / "dicom/transfer-syntaxes";
    const Volume expected = read_volume(folder / "CTImage.dcm", options);
    EXPECT_EQ(expected.geometry.size, (Index3{512, 512, 1}));
    int equal = 0, read = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const Volume volume = read_volume(entry.path(), options);
        ++read;
        EXPECT_EQ(volume.geometry, expected.geometry) << entry.path();
        if (volume.voxels == expected.voxels) {
            ++equal;
            continue;
        }
        // The lossy ones.
        double sum = 0;
        for (size_t n = 0; n < volume.voxels.size(); ++n) sum += std::abs(volume.voxels[n] - expected.voxels[n]);
        std::printf("%s: mean difference %.1f HU\n", entry.path().filename().c_str(),
                    sum / static_cast<double>(volume.voxels.size()));
    }
    EXPECT_EQ(read, 16);
    EXPECT_EQ(equal, 10);
}

TEST(Dicom, FailingFoldersEachGetTheirError) {
    CMTL_NEED_DATA("dicom/failing");
    const auto folder = test::data_folder() / "dicom/failing";
    EXPECT_ERROR(folder / "gantrytilting" / "001", "gantry tilt");
    EXPECT_ERROR(folder / "sliceincrement" / "001", "missing slice");
    EXPECT_ERROR(folder / "sliceincrement" / "002", "missing slice");
    EXPECT_ERROR(folder / "notavolume" / "001", "not a volume");
    EXPECT_ERROR(folder / "sliceorientation" / "001", "mixed orientation");
    EXPECT_ERROR(folder / "slicecount" / "001", "only 2 slices");
}

TEST(Dicom, TheJpeg2000SeriesIsSpacedByPositions) {
    CMTL_NEED_DATA("dicom/jpeg2000-series");
    const Volume volume = read_volume(test::data_folder() / "dicom/jpeg2000-series");
    EXPECT_EQ(volume.geometry.size, (Index3{512, 512, 20}));
    EXPECT_NEAR(volume.geometry.spacing[2], 2, 1e-9);  // not the slice thickness of 3 mm
}

TEST(Dicom, TheCipSeriesEqualsItsNrrd) {
    CMTL_NEED_DATA("ct/cip/ct-64Dicom");
    const Volume dicom = read_volume(test::data_folder() / "ct/cip/ct-64Dicom"),
                 nrrd = read_volume(test::data_folder() / "ct/cip/ct-64.nrrd");
    EXPECT_EQ(dicom.voxels, nrrd.voxels);
    EXPECT_EQ(dicom.geometry.size, nrrd.geometry.size);
    for (size_t a = 0; a < 3; ++a) {
        EXPECT_NEAR(dicom.geometry.spacing[a], nrrd.geometry.spacing[a], 1e-4);
        EXPECT_NEAR(dicom.geometry.origin[a], nrrd.geometry.origin[a], 1e-3);
    }
}

}  // namespace
}  // namespace cmtl
