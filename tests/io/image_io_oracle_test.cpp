// Every sound image of the test data as SimpleITK 2.5.2 reads it, files that it wrote, and files for it to read.
// tests/oracles/image_io_oracle.py made the golden file.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::TemporaryFolder;

json golden() {
    return json::parse(read_file(fs::path(CMTL_SOURCE_DIR) / "tests" / "oracles" / "goldens" / "image_io.json"));
}

std::string from_base64(const std::string& text) {
    static const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    unsigned bits = 0, have = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6 | static_cast<unsigned>(letters.find(c));
        if ((have += 6) >= 8) out += static_cast<char>(bits >> (have -= 8) & 0xFF);
    }
    return out;
}

std::vector<float> floats_of(const AnyImage& image) {
    return std::visit([](const auto& i) { return std::vector<float>(i.voxels.begin(), i.voxels.end()); }, image);
}

Geometry geometry_of(const AnyImage& image) {
    return std::visit([](const auto& i) { return i.geometry; }, image);
}

void expect_geometry(const Geometry& g, const json& expected, const std::string& what, bool steps = true) {
    EXPECT_EQ(g.size, expected.at("size").get<Index3>()) << what;
    const auto spacing = expected.at("spacing").get<Vector3>(), origin = expected.at("origin").get<Vector3>();
    const auto direction = expected.at("direction").get<std::array<double, 9>>();
    for (size_t n = 0; n < 3; ++n) {
        if (n < 2 || steps) {
            EXPECT_NEAR(g.spacing[n], spacing[n], 1e-6) << what;
        }
        EXPECT_NEAR(g.origin[n], origin[n], 1e-6) << what;
    }
    for (size_t n = 0; n < 9; ++n) EXPECT_NEAR(g.direction[n], direction[n], 1e-6) << what << " " << n;
}

// The same image with its third axis the other way. Slices follow row x column here, and the order of the frames in
// ITK's reader of multi-frame files.
void reverse_slices(Geometry& g, std::vector<float>& values) {
    const auto plane = static_cast<std::ptrdiff_t>(g.size[0] * g.size[1]), nz = static_cast<std::ptrdiff_t>(g.size[2]);
    for (std::ptrdiff_t k = 0; k < nz / 2; ++k)
        std::swap_ranges(values.begin() + k * plane, values.begin() + (k + 1) * plane,
                         values.begin() + (nz - 1 - k) * plane);
    for (size_t row = 0; row < 3; ++row) {
        double& axis = g.direction[3 * row + 2];
        g.origin[row] += axis * g.spacing[2] * static_cast<double>(nz - 1);
        axis = -axis;
    }
}

// Means of blocks of 64 x 64 pixels: decoders of lossy JPEG may differ by one in a pixel.
void expect_blocks(const std::vector<float>& values, const Geometry& g, const json& expected, const std::string& what) {
    const auto blocks = expected.at("blocks").get<std::vector<double>>();
    ASSERT_FALSE(blocks.empty()) << what;
    size_t b = 0;
    for (int64_t y = 0; y < g.size[1]; y += 64)
        for (int64_t x = 0; x < g.size[0]; x += 64, ++b) {
            double sum = 0, count = 0;
            for (int64_t k = 0; k < g.size[2]; ++k)
                for (int64_t j = y; j < std::min(y + 64, g.size[1]); ++j)
                    for (int64_t i = x; i < std::min(x + 64, g.size[0]); ++i, ++count)
                        sum += values[static_cast<size_t>((k * g.size[1] + j) * g.size[0] + i)];
            EXPECT_NEAR(sum / count, blocks.at(b), 1) << what << " block " << b;
        }
}

bool is_lossy(const std::string& path) {
    for (const char* syntax : {"4.50.dcm", "4.51.dcm", "4.53.dcm", "4.55.dcm", "4.81.dcm", "4.91.dcm"})
        if (path.ends_with(syntax)) return true;
    return false;
}

TEST(ImageIoOracle, RealImagesAsSimpleItkReadsThem) {
    CMTL_NEED_DATA("ct/cip");
    int exact = 0;
    const json real = golden().at("real");
    for (const json& one : real) {
        const auto path = one.at("path").get<std::string>();
        ASSERT_TRUE(fs::exists(test::data_folder() / path)) << path;
        ReadOptions quiet;
        quiet.warn = false;
        const AnyImage image = read_image(test::data_folder() / path, quiet);
        Geometry g = geometry_of(image);
        std::vector<float> values = floats_of(image);
        if (path.find("eCT_Supplemental") != path.npos) reverse_slices(g, values);
        // Of a single slice of DICOM ITK takes the slice thickness for a step.
        expect_geometry(g, one, path, g.size[2] > 1 || path.rfind("dicom/", 0) != 0);
        uLong sum = 0;
        const auto* bytes = reinterpret_cast<const Bytef*>(values.data());
        for (size_t at = 0, size = 4 * values.size(); at < size; at += 1 << 30)
            sum = crc32(sum, bytes + at, static_cast<uInt>(std::min<size_t>(size - at, 1 << 30)));
        if (sum == one.at("crc32").get<uint32_t>()) {
            ++exact;
            continue;
        }
        EXPECT_TRUE(is_lossy(path)) << path << ": values from " << *std::min_element(values.begin(), values.end())
                                    << " to " << *std::max_element(values.begin(), values.end()) << ", not from "
                                    << one.at("least") << " to " << one.at("greatest");
        expect_blocks(values, g, one, path);
    }
    EXPECT_GE(exact, static_cast<int>(real.size()) - 6);  // six are lossy
    std::printf("%d images with every value equal\n", exact);
}

TEST(ImageIoOracle, ReadsWhatSimpleItkWroteInFortyEightOrientations) {
    TemporaryFolder folder;
    json written = golden().at("written");
    int count = 0;
    for (const json& one : written.at("images")) {
        written["direction"] = one.at("direction");
        for (const auto& [extension, bytes] : one.at("files").items()) {
            const fs::path path = folder / ("x" + extension);
            test::write_bytes(path, from_base64(bytes));
            const AnyImage image = read_image(path);
            expect_geometry(geometry_of(image), written, extension);
            ASSERT_TRUE(std::holds_alternative<Image<uint8_t>>(image));
            for (size_t n = 0; n < 24; ++n) EXPECT_EQ(std::get<Image<uint8_t>>(image).voxels[n], 10 * n) << extension;
            ++count;
        }
    }
    EXPECT_EQ(count, 48 * 4);
}

// Kept in the folder that CMTL_KEEP names: image_io_oracle.py --check reads them with SimpleITK.
TEST(ImageIoOracle, WritesFortyEightOrientations) {
    TemporaryFolder folder;
    const char* keep = std::getenv("CMTL_KEEP");
    const fs::path where = keep ? fs::path(keep) : folder.path();
    const json written = golden().at("written");
    int number = 0;
    for (const json& one : written.at("images")) {
        Geometry g;
        g.size = written.at("size").get<Index3>();
        g.spacing = written.at("spacing").get<Vector3>();
        g.origin = written.at("origin").get<Vector3>();
        g.direction = one.at("direction").get<std::array<double, 9>>();
        Image<uint8_t> image(g);
        for (size_t n = 0; n < 24; ++n) image.voxels[n] = static_cast<uint8_t>(10 * n);
        for (const char* extension : {".nii", ".nii.gz", ".nrrd", ".mha"}) {
            const fs::path path = where / (std::to_string(number) + extension);
            write_image(path, image);
            const AnyImage back = read_image(path);
            EXPECT_EQ(geometry_of(back), g) << path;
            EXPECT_EQ(std::get<Image<uint8_t>>(back).voxels, image.voxels) << path;
        }
        ++number;
    }
    EXPECT_EQ(number, 48);
}

TEST(ImageIoOracle, ReadsACovidMtlVolumeOfPydicom) {
    TemporaryFolder folder;
    const json one = golden().at("covid_mtl");
    test::write_bytes(folder / "Patient-1.dcm", from_base64(one.at("file")));
    const Volume volume = read_volume(folder / "Patient-1.dcm");
    EXPECT_EQ(volume.geometry.size, one.at("size").get<Index3>());
    const auto stored = one.at("stored").get<std::vector<float>>();
    ASSERT_EQ(volume.voxels.size(), stored.size());
    for (size_t n = 0; n < stored.size(); ++n) EXPECT_EQ(volume.voxels[n], stored[n] - 1024);
}

}  // namespace
}  // namespace cmtl
