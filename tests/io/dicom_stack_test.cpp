// Stacks that are no regular grid: gantry tilt, missing and uneven slices.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/parallel.hpp"
#include "io/dicom_series_writer.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::DicomSlice;
using test::error_of;
using test::expect_slice;
using test::read_back;
using test::ReadBack;
using test::TemporaryFolder;
using test::write_stack;

ReadOptions with(bool tilt, bool gaps) {
    ReadOptions options;
    options.correct_tilt = tilt;
    options.allow_gaps = gaps;
    options.warn = false;
    return options;
}

Vector3 position_of(const Geometry& g, int64_t i, int64_t j, int64_t k) {
    Vector3 p = g.origin;
    const std::array<double, 3> index{double(i), double(j), double(k)};
    for (size_t row = 0; row < 3; ++row)
        for (size_t a = 0; a < 3; ++a) p[row] += g.direction[row * 3 + a] * g.spacing[a] * index[a];
    return p;
}

// A ball of soft tissue in air, as smooth as a scanner's image of it.
constexpr Vector3 centre{3, -4, 20};
constexpr double radius = 11;
double ball(const Vector3& p) {
    const double r = std::hypot(p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]);
    return -1000 + 1040 * 0.5 * (1 - std::tanh((r - radius) / 2.2));
}

constexpr int tilted_slices = 27;

// The gantry is tilted by `angle`, the table moves along z: slices of 50 x 54 pixels, 1.5 mm apart along z.
void write_tilted(const std::filesystem::path& folder, double angle, bool around_x) {
    write_stack(folder, tilted_slices, [&](DicomSlice& s, int n) {
        const double c = std::cos(angle), t = std::sin(angle);
        s.orientation = around_x ? std::vector<double>{1, 0, 0, 0, c, -t} : std::vector<double>{c, 0, -t, 0, 1, 0};
        s.rows = 54, s.columns = 50;
        s.position = {-17, -20, 1.5 * n};
        s.position[2] += (around_x ? 17 : 18) * t;
        s.pixels.clear();
        for (int j = 0; j < s.rows; ++j)
            for (int i = 0; i < s.columns; ++i) {
                Vector3 p = s.position;
                for (size_t a = 0; a < 3; ++a)
                    p[a] += s.orientation[a] * i * s.column_spacing + s.orientation[a + 3] * j * s.row_spacing;
                s.pixels.push_back(static_cast<int16_t>(std::lround(ball(p) + 1024)));
            }
    });
}

void expect_ball(const Volume& volume, double worst, double off_centre) {
    double mass = 0, most = 0;
    Vector3 moment{};
    const Geometry& g = volume.geometry;
    for (int64_t k = 0; k < volume.nz(); ++k)
        for (int64_t j = 0; j < volume.ny(); ++j)
            for (int64_t i = 0; i < volume.nx(); ++i) {
                const Vector3 p = position_of(g, i, j, k);
                const double v = volume.at(i, j, k);
                if (v != -1024) most = std::max(most, std::abs(v - ball(p)));  // -1024: no slice has it
                const double density = std::max(0.0, (v + 1000) / 1040);
                mass += density;
                for (size_t a = 0; a < 3; ++a) moment[a] += density * p[a];
            }
    EXPECT_LT(most, worst);
    double expected = 0;  // the soft ball's volume by shells
    for (double r = 0.005; r < 40; r += 0.01)
        expected += 4 * M_PI * r * r * 0.01 * (ball({3, -4, 20 + r}) + 1000) / 1040;
    EXPECT_NEAR(mass * g.spacing[0] * g.spacing[1] * g.spacing[2], expected, 0.003 * expected);
    for (size_t a = 0; a < 3; ++a) EXPECT_NEAR(moment[a] / mass, centre[a], off_centre);
}

TEST(DicomStack, ATiltedGantryIsCorrectedInPatientSpace) {
    TemporaryFolder folder;
    for (const bool around_x : {true, false})
        for (const double angle : {0.3, -0.42}) {
            const auto path = folder / fmt::format("{}{}", around_x, angle);
            write_tilted(path, angle, around_x);
            EXPECT_ERROR(path, fmt::format("sheared by {:.1f} degrees; correct it with --correct-tilt",
                                           std::abs(angle) * 180 / M_PI));
            const ReadBack back = read_back(path, with(true, false));
            EXPECT_WARNED(back, "degrees, which is corrected");
            const Geometry& g = back.volume.geometry;
            EXPECT_NEAR(g.spacing[2], 1.5 * std::cos(angle), 1e-9);
            const double way = 1.5 * (tilted_slices - 1) * std::abs(std::sin(angle));
            EXPECT_EQ(g.size[around_x ? 1 : 0],
                      (around_x ? 54 : 50) + int64_t(std::ceil(way / (around_x ? 0.7 : 0.8))));
            EXPECT_EQ(g.size[around_x ? 0 : 1], around_x ? 50 : 54);
            expect_ball(back.volume, 4, 0.02);
        }
}

TEST(DicomStack, TiltCorrectionHasTheSameBitsForAnyThreads) {
    TemporaryFolder folder;
    write_tilted(folder.path(), 0.3, true);
    set_threads(1);
    const Volume one = read_back(folder.path(), with(true, true)).volume;
    set_threads(3);
    EXPECT_EQ(read_back(folder.path(), with(true, true)).volume.voxels, one.voxels);
    set_threads(0);
}

TEST(DicomStack, AShiftByWholePixelsMovesThemExactly) {
    TemporaryFolder folder;
    write_stack(folder.path(), 6, [](DicomSlice& s, int n) { s.position[1] -= 0.7 * n; });
    const ReadBack back = read_back(folder.path(), with(true, false));
    ASSERT_EQ(back.volume.geometry.size, (Index3{5, 11, 6}));
    EXPECT_NEAR(back.volume.geometry.origin[1], -20 - 5 * 0.7, 1e-9);
    for (int k = 0; k < 6; ++k)
        for (int j = 0; j < 11; ++j)
            for (int i = 0; i < 5; ++i) {
                const int row = j - (5 - k);
                ASSERT_EQ(back.volume.at(i, j, k), row < 0 || row > 5 ? -1024 : 100 * k + 5 * row + i - 1024);
            }
    // In the file's own type, too.
    const AnyImage any = read_image(folder.path(), with(true, false));
    std::visit(
        [&](const auto& image) {
            for (size_t n = 0; n < image.voxels.size(); ++n)
                ASSERT_EQ(static_cast<float>(image.voxels[n]), back.volume.voxels[n]);
        },
        any);
}

TEST(DicomStack, DisplacedSlicesGoWhereTheirPositionsSay) {
    TemporaryFolder folder;
    write_stack(folder.path(), 6, [](DicomSlice& s, int n) { s.position[0] += n == 3 ? 1.6 : 0; });
    EXPECT_ERROR(folder.path(), "slices displaced in their plane by up to 1.6 mm; correct it with --correct-tilt");
    const Volume volume = read_back(folder.path(), with(true, false)).volume;
    ASSERT_EQ(volume.geometry.size, (Index3{7, 6, 6}));
    EXPECT_EQ(volume.at(2, 1, 3), 305 - 1024);
    EXPECT_EQ(volume.at(0, 1, 2), 205 - 1024);
    EXPECT_EQ(volume.at(1, 1, 3), -1024);
}

TEST(DicomStack, ATiltThatOnlyTheHeaderKnowsIsTold) {
    TemporaryFolder folder;
    write_stack(folder.path(), 6, [](DicomSlice& s, int) { s.tilt = "-12.5"; });
    EXPECT_WARNED(read_back(folder.path()), "the gantry tilt (0018,1120) is -12.5 degrees");
    // Slices at right angles to the table's way, in a tilted frame, are a regular grid.
    TemporaryFolder oblique;
    write_stack(oblique / "a", 6, [](DicomSlice& s, int n) {
        s.tilt = "17.2";
        s.orientation = {1, 0, 0, 0, std::cos(0.3), -std::sin(0.3)};
        s.position = {0, 2.0 * n * std::sin(0.3), 2.0 * n * std::cos(0.3)};
    });
    EXPECT_TRUE(read_back(oblique / "a").report.warnings.empty());
}

TEST(DicomStack, MissingSlicesAreInterpolatedOnDemand) {
    TemporaryFolder folder;
    write_stack(folder.path(), 12);
    for (const int n : {4, 7, 8})
        std::filesystem::remove(folder / ("IM" + std::to_string((n * 7 + 3) % 10) + std::to_string(n)));
    EXPECT_ERROR(folder.path(),
                 "3 missing slices: the step is 2.000 mm, but none lies between 36.00 and 40.00 mm, "
                 "42.00 and 48.00 mm");
    EXPECT_ERROR(folder.path(), "--allow-gaps");
    const ReadBack back = read_back(folder.path(), with(false, true));
    EXPECT_WARNED(back, "3 of 12 slices are interpolated (--allow-gaps): the step is 2.000 mm, the widest gap 6.00 mm");
    ASSERT_EQ(back.volume.nz(), 12);
    EXPECT_NEAR(back.volume.geometry.spacing[2], 2, 1e-12);
    // The values rise by 100 from slice to slice, so that what is interpolated is what was there.
    for (int k = 0; k < 12; ++k)
        for (int v = 0; v < 30; ++v) ASSERT_NEAR(back.volume.at(v % 5, v / 5, k), 100 * k + v - 1024, 1e-3);
}

TEST(DicomStack, UnevenSlicesComeToAnEvenGrid) {
    TemporaryFolder folder;
    std::vector<double> places;
    for (int n = 0; n < 12; ++n) places.push_back(n < 6 ? 2 * n : 2.5 * n - 3);  // 0 2 .. 10 12 14.5 .. 24.5
    write_stack(folder.path(), 12, [&](DicomSlice& s, int n) {
        const double z = places[static_cast<size_t>(n)];
        s.position[2] = 100 + z;
        for (int16_t& v : s.pixels) v = static_cast<int16_t>(v - 100 * n + std::lround(20 * z));
    });
    EXPECT_ERROR(folder.path(), "uneven slice step: from 2.000 to 2.500 mm");
    EXPECT_ERROR(folder.path(), " and 2 more places");
    const ReadBack back = read_back(folder.path(), with(false, true));
    const Geometry& g = back.volume.geometry;
    EXPECT_EQ(g.size[2], 13);
    EXPECT_NEAR(g.spacing[2] * double(g.size[2] - 1), 24.5, 1e-9);
    for (int64_t k = 0; k < 13; ++k) {
        const double z = double(k) * g.spacing[2];
        for (int v = 0; v < 30; ++v) {
            // A slice within the tolerance of a plane is that plane.
            ASSERT_NEAR(back.volume.at(v % 5, v / 5, k), 20 * z + v - 1024, 20 * 0.12 + 0.01) << k;
        }
    }
    EXPECT_EQ(back.volume.at(3, 2, 0), 13 - 1024);
    EXPECT_EQ(back.volume.at(3, 2, 12), 13 + 490 - 1024);
}

TEST(DicomStack, GapsThatAreTooWideOrTooManyStayErrors) {
    TemporaryFolder folder;
    write_stack(folder / "wide", 20, [](DicomSlice& s, int n) { s.position[2] += n > 9 ? 8.5 : 0; });
    EXPECT_NE(error_of(folder / "wide", with(false, true)).find("a gap of 10.5 mm is too wide for --allow-gaps"),
              std::string::npos);
    write_stack(folder / "many", 10, [](DicomSlice& s, int n) { s.position[2] += n > 6 ? 4.0 * (n - 6) : 0; });
    EXPECT_NE(error_of(folder / "many", with(false, true)).find("6 of 16 slices are too many"), std::string::npos);
}

TEST(DicomStack, TiltAndGapsTogether) {
    TemporaryFolder folder;
    write_tilted(folder.path(), 0.3, true);
    for (const int n : {5, 13, 20})
        std::filesystem::remove(folder / ("IM" + std::to_string((n * 7 + 3) % 10) + std::to_string(n)));
    const std::string text = error_of(folder.path(), with(true, false));
    EXPECT_NE(text.find("3 missing slices"), std::string::npos) << text;
    const ReadBack back = read_back(folder.path(), with(true, true));
    EXPECT_EQ(back.volume.nz(), tilted_slices);
    expect_ball(back.volume, 160, 0.05);  // a straight line over 3 mm of the ball's edge
}

// Another program's interpolation of a real tilted series at nodes of our grid, found by their place in the patient.
TEST(DicomStack, CorrectedTiltAgreesWithItk) {
    CMTL_NEED_DATA("dicom/failing");
    ReadOptions any = with(true, false);
    const Volume volume = read_volume(test::data_folder() / "dicom/failing/gantrytilting/001", any);
    std::ifstream file(std::string(CMTL_SOURCE_DIR) + "/tests/oracles/goldens/dicom_tilt.json");
    const auto golden = nlohmann::json::parse(file);
    const Geometry& g = volume.geometry;
    double cubic = 0, linear = 0;
    int64_t count = 0, outside = 0;
    for (const auto& point : golden["points"]) {
        const auto p = point["p"].get<Vector3>();
        Index3 index{};
        for (size_t a = 0; a < 3; ++a) {
            double at = 0;
            for (size_t row = 0; row < 3; ++row)
                at += (p[row] - g.origin[row]) * g.direction[row * 3 + a] / g.spacing[a];
            index[a] = std::llround(at);
            ASSERT_NEAR(at, double(index[a]), 1e-3);
            ASSERT_TRUE(index[a] >= 0 && index[a] < g.size[a]);
        }
        const double value = volume.at(index[0], index[1], index[2]);
        if (!point.contains("cubic")) {
            EXPECT_EQ(value, -1024);
            ++outside;
            continue;
        }
        cubic += std::abs(value - point["cubic"].get<double>());
        linear += std::abs(value - point["linear"].get<double>());
        ++count;
    }
    EXPECT_GT(count, 400);
    EXPECT_GT(outside, 3);
    // Ours lies nearer to the spline of infinite reach than to a straight line.
    EXPECT_LT(cubic / double(count), 4);
    EXPECT_LT(cubic, linear);
    std::printf("mean difference: %.2f HU to the spline, %.2f HU to the straight line\n", cubic / double(count),
                linear / double(count));
}

// Real slices with a ground truth that was made by another program, on a grid of its own.
TEST(DicomStack, RealTiltAndGapComeNearTheirGroundTruth) {
    CMTL_NEED_DATA("dicom/failing");
    const auto folder = test::data_folder() / "dicom/failing";
    ReadOptions any = with(true, true);
    any.min_slices = 2;
    any.expect_ct = false;
    any.warn = false;
    const Volume tilted = read_volume(folder / "gantrytilting/001", any);
    EXPECT_NEAR(tilted.geometry.spacing[2], 5 * 0.970295726276, 1e-6);
    EXPECT_EQ(tilted.geometry.size, (Index3{512, 512 + 9, 4}));

    const Volume ours = read_volume(folder / "sliceincrement/002", any);
    EXPECT_EQ(ours.geometry.size, (Index3{512, 514, 5}));
    EXPECT_NEAR(ours.geometry.spacing[2], 0.778 * 0.96363045320862, 1e-6);

    // The other program steps by 0.778 mm along the normal, not along z, and leaves the outer slices empty: rows of the
    // others fit best where they are.
    const Volume theirs = read_volume(folder / "sliceincrement/002_ground_truth.nii.gz", any);
    ASSERT_EQ(theirs.geometry.size, ours.geometry.size);
    for (int64_t k = 1; k < 4; ++k) {
        const auto apart = [&](int64_t rows) {
            double sum = 0;
            for (int64_t j = 20; j < 490; ++j)
                for (int64_t i = 0; i < 512; ++i)
                    sum += std::abs(std::max(-1024.0f, theirs.at(i, 513 - j + rows, k)) - ours.at(i, j, k));
            return sum / (470.0 * 512);
        };
        EXPECT_LT(apart(0), 35) << k;
        for (const int64_t rows : {-2, -1, 1, 2}) EXPECT_LT(apart(0), apart(rows)) << k << " " << rows;
    }

    const Volume pair = read_volume(folder / "slicecount/001", any),
                 truth = read_volume(folder / "slicecount/001_ground_truth.nii.gz", any);
    ASSERT_EQ(pair.geometry.size, truth.geometry.size);
    // The other program counts slices against the normal.
    for (int64_t k = 0; k < 2; ++k) {
        for (size_t a = 0; a < 3; ++a)
            EXPECT_NEAR(position_of(pair.geometry, 7, 9, k)[a], position_of(truth.geometry, 7, 9, 1 - k)[a], 1e-3);
        for (int64_t v = 0; v < 256 * 256; ++v)
            ASSERT_EQ(pair.at(v % 256, v / 256, k), truth.at(v % 256, v / 256, 1 - k));
    }

    ReadOptions gaps = with(false, true);
    const Volume filled = read_back(folder / "sliceincrement/001", gaps).volume;
    EXPECT_EQ(filled.nz(), 5);
    EXPECT_NEAR(filled.geometry.spacing[2], 5, 1e-5);
    for (int64_t v = 0; v < 512 * 512; v += 997)
        EXPECT_EQ(filled.at(v % 512, v / 512, 3),
                  (filled.at(v % 512, v / 512, 2) + filled.at(v % 512, v / 512, 4)) / 2);
}

}  // namespace
}  // namespace cmtl
