// --correct-tilt and --allow-gaps of the programs: a phantom's slices, sheared and with some missing, as DICOM.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "imaging/phantom.hpp"
#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"
#include "test_data.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using test::run_program;
using test::TemporaryFolder;

// Each slice begins a row further to the back than the one before, and shows what lies there: the body stays where it
// is.
void write_sheared(const std::filesystem::path& folder, const Volume& hu) {
    const Geometry& g = hu.geometry;
    for (int64_t k = 0; k < hu.nz(); ++k) {
        if (k == hu.nz() / 2) continue;  // a missing slice
        test::DicomSlice s;
        s.rows = static_cast<int>(hu.ny() + hu.nz()), s.columns = static_cast<int>(hu.nx());
        s.column_spacing = g.spacing[0], s.row_spacing = g.spacing[1];
        const int64_t first = k - hu.nz();
        s.position = {g.origin[0], g.origin[1] + double(first) * g.spacing[1], g.origin[2] + double(k) * g.spacing[2]};
        for (int64_t row = first; row < first + s.rows; ++row)
            for (int64_t i = 0; i < hu.nx(); ++i) {
                const double v = row >= 0 && row < hu.ny() ? hu.at(i, row, k) : -1000;
                s.pixels.push_back(static_cast<int16_t>(std::lround(v) + 1024));
            }
        write_dicom(folder / fmt::format("{:03}.dcm", k), s);
    }
}

double litres(const std::filesystem::path& json) {
    std::ifstream file(json);
    return nlohmann::json::parse(file)["litres"]["both"];
}

TEST(DicomOptions, ASegmentationOfTiltedSlicesIsThatOfTheBody) {
    TemporaryFolder folder;
    PhantomOptions options;
    options.severity = 0;
    const PhantomCase p = phantom_case(5, options);
    write_image(folder / "ct.nii.gz", p.hu);
    write_sheared(folder / "ct", p.hu);
    const auto segment = [&](const std::string& input, const std::string& name, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"-i",         (folder / input).string(),
                                           "-o",         (folder / (name + ".nii.gz")).string(),
                                           "--json",     (folder / (name + ".json")).string(),
                                           "--spacing",  "2",
                                           "--no-refine"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_program("cmtl_segment", arguments);
    };
    EXPECT_TRUE(says(segment("ct", "a"), 3, "--allow-gaps"));
    EXPECT_TRUE(says(segment("ct", "a", {"--allow-gaps"}), 3, "--correct-tilt"));
    EXPECT_TRUE(says(segment("ct", "a", {"--allow-gaps", "--correct-tilt"}), 0, "which is corrected"));
    ASSERT_TRUE(says(segment("ct.nii.gz", "b"), 0, "lungs"));
    EXPECT_NEAR(litres(folder / "a.json"), litres(folder / "b.json"), 0.02 * litres(folder / "b.json"));
}

}  // namespace
}  // namespace cmtl
