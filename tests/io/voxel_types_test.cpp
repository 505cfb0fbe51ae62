// read_image: every voxel type of every format, and that no other file's voxels are taken.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <type_traits>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::TemporaryFolder;
using test::write_bytes;

template <class T>
std::string bytes_of(const std::vector<T>& values, bool swap = false) {
    std::string out;
    for (const T v : values) {
        std::string one(reinterpret_cast<const char*>(&v), sizeof v);
        if (swap) std::reverse(one.begin(), one.end());
        out += one;
    }
    return out;
}

// 2 x 3 x 1 voxels that need all bits of the type.
template <class T>
std::vector<T> values() {
    using L = std::numeric_limits<T>;
    if constexpr (std::is_floating_point_v<T>)
        return {T(-1.5), T(0), T(0.1), T(3e8), L::max(), L::lowest()};
    else if constexpr (sizeof(T) == 8)
        return {0, 1, 2, T{1} << 53, (T{1} << 53) - 1, T(L::min() < 0 ? -5 : 5)};
    else
        return {L::min(), L::max(), 0, 1, 77, T(L::max() - 1)};
}

template <class T>
std::string nifti(int16_t type, float slope, float intercept, bool swap = false) {
    std::string h(352, '\0');
    const auto put = [&](size_t at, auto v) { h.replace(at, sizeof v, bytes_of(std::vector{v}, swap)); };
    put(0, int32_t{348});
    for (size_t n = 0; n < 8; ++n) put(40 + 2 * n, static_cast<int16_t>(n == 0 ? 3 : n == 1 ? 2 : n == 2 ? 3 : 1));
    put(70, type), put(72, static_cast<int16_t>(8 * sizeof(T)));
    for (size_t n = 0; n < 4; ++n) put(76 + 4 * n, 1.0f);
    put(108, 352.0f), put(112, slope), put(116, intercept), put(254, int16_t{1});
    for (size_t n = 0; n < 3; ++n) put(280 + 16 * n + 4 * n, 1.0f);
    h.replace(344, 3, "n+1");
    return h + bytes_of(values<T>(), swap);
}

// The file holds `stored` and is read as R with the same values.
template <class R, class T>
void expect_read(const std::filesystem::path& path, const std::vector<T>& stored) {
    const AnyImage any = read_image(path);
    ASSERT_TRUE(std::holds_alternative<Image<R>>(any)) << path << " is alternative " << any.index();
    const auto& image = std::get<Image<R>>(any);
    EXPECT_EQ(image.geometry.size, (Index3{2, 3, 1}));
    ASSERT_EQ(image.voxels.size(), stored.size());
    for (size_t n = 0; n < stored.size(); ++n)
        EXPECT_EQ(image.voxels[n], static_cast<R>(stored[n])) << path << " " << n;
}

template <class R, class T>
void expect_everywhere(const TemporaryFolder& folder, const char* meta, const char* nrrd, int16_t nifti_type) {
    write_bytes(folder / "x.mha",
                std::string("ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
                            "ElementSpacing = 1 1 1\nDimSize = 2 3 1\nElementType = ") +
                    meta + "\nElementDataFile = LOCAL\n" + bytes_of(values<T>()));
    expect_read<R>(folder / "x.mha", values<T>());
    write_bytes(folder / "x.nrrd", std::string("NRRD0004\ntype: ") + nrrd +
                                       "\ndimension: 3\nsizes: 2 3 1\nspacings: 1 1 1\nendian: big\nencoding: raw\n\n" +
                                       bytes_of(values<T>(), true));
    expect_read<R>(folder / "x.nrrd", values<T>());
    if (nifti_type == 0) return;
    for (const bool swap : {false, true}) {
        write_bytes(folder / "x.nii", nifti<T>(nifti_type, 0, 0, swap));
        expect_read<R>(folder / "x.nii", values<T>());
        write_bytes(folder / "x.nii", nifti<T>(nifti_type, 1, 0, swap));
        expect_read<R>(folder / "x.nii", values<T>());
    }
}

TEST(VoxelTypes, EveryTypeOfEveryFormatKeepsItsValues) {
    TemporaryFolder folder;
    expect_everywhere<uint8_t, uint8_t>(folder, "MET_UCHAR", "uchar", 2);
    expect_everywhere<int16_t, int8_t>(folder, "MET_CHAR", "signed char", 256);
    expect_everywhere<int16_t, int16_t>(folder, "MET_SHORT", "short", 4);
    expect_everywhere<uint16_t, uint16_t>(folder, "MET_USHORT", "ushort", 512);
    expect_everywhere<int32_t, int32_t>(folder, "MET_INT", "int", 8);
    expect_everywhere<double, uint32_t>(folder, "MET_UINT", "uint", 768);
    expect_everywhere<double, int64_t>(folder, "MET_LONG_LONG", "longlong", 1024);
    expect_everywhere<double, uint64_t>(folder, "MET_ULONG_LONG", "ulonglong", 1280);
    expect_everywhere<float, float>(folder, "MET_FLOAT", "float", 16);
    expect_everywhere<double, double>(folder, "MET_DOUBLE", "double", 64);
}

TEST(VoxelTypes, WholeNumbersThatDoubleCannotHoldAreRefused) {
    TemporaryFolder folder;
    std::vector<int64_t> values(6, 1);
    values[4] = (int64_t{1} << 53) + 2;
    write_bytes(
        folder / "x.nrrd",
        "NRRD0004\ntype: int64\ndimension: 3\nsizes: 2 3 1\nspacings: 1 1 1\nendian: little\nencoding: raw\n\n" +
            bytes_of(values));
    try {
        read_image(folder / "x.nrrd");
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("9007199254740994 is too large"), std::string::npos) << error.what();
    }
}

// What SimpleITK 2.5 reads: the value becomes float (double where double is stored), and is then scaled in double.
template <class R, class T>
void expect_scaled(const TemporaryFolder& folder, int16_t type) {
    const float pairs[][2] = {{2, 0}, {1, -1024}, {0.37f, 3.3f}};
    for (const auto& [slope, intercept] : pairs) {
        write_bytes(folder / "x.nii", nifti<T>(type, slope, intercept, type == 8));
        std::vector<R> expected;
        for (const T v : values<T>())
            expected.push_back(
                static_cast<R>(static_cast<double>(static_cast<R>(v)) * double(slope) + double(intercept)));
        expect_read<R>(folder / "x.nii", expected);
    }
}

TEST(VoxelTypes, SlopeAndInterceptMakeFloat) {
    TemporaryFolder folder;
    expect_scaled<float, uint8_t>(folder, 2);
    expect_scaled<float, int16_t>(folder, 4);
    expect_scaled<float, int32_t>(folder, 8);
    expect_scaled<float, float>(folder, 16);
    expect_scaled<double, double>(folder, 64);
    expect_scaled<float, int8_t>(folder, 256);
    expect_scaled<float, uint32_t>(folder, 768);
}

// The standard and nibabel; SimpleITK 2.5 adds the intercept.
TEST(VoxelTypes, NoSlopeMeansNoScaling) {
    TemporaryFolder folder;
    for (const float slope : {0.0f, std::numeric_limits<float>::quiet_NaN()})
        for (const float intercept : {-1024.0f, std::numeric_limits<float>::quiet_NaN()}) {
            write_bytes(folder / "x.nii", nifti<int16_t>(4, slope, intercept));
            expect_read<int16_t>(folder / "x.nii", values<int16_t>());
        }
}

TEST(VoxelTypes, WhatIsWrittenComesBack) {
    TemporaryFolder folder;
    Geometry g;
    g.size = {3, 2, 1};  // one slice is enough here
    g.spacing = {0.75, 0.5, 2.5};
    g.origin = {-120.5, 33.25, -700.125};
    g.direction = {0, -1, 0, 0, 0, 1, -1, 0, 0};  // kept as it is stored
    const auto check = [&](auto image) {
        for (size_t n = 0; n < image.voxels.size(); ++n)
            image.voxels[n] = static_cast<decltype(image.voxels[n] + 0)>(n * 40);
        for (const char* extension : {".nii", ".nii.gz", ".nrrd", ".mha"}) {
            const auto path = folder / (std::string("image") + extension);
            write_image(path, image);
            const AnyImage any = read_image(path);
            ASSERT_TRUE(std::holds_alternative<decltype(image)>(any)) << extension;
            EXPECT_EQ(std::get<decltype(image)>(any).geometry, g) << extension;
            EXPECT_EQ(std::get<decltype(image)>(any).voxels, image.voxels) << extension;
            std::filesystem::remove(path);
        }
    };
    check(Image<uint8_t>(g));
    check(Image<int16_t>(g));
    check(Image<float>(g));
}

// ITK's NIfTI library looks for NAME.nii when it is asked for NAME.nii.gz.
TEST(VoxelTypes, TwoFilesOfOneNameAreTwoFiles) {
    TemporaryFolder folder;
    Geometry g;
    g.size = {4, 4, 4};
    write_image(folder / "x.nii", Image<int16_t>(g, 1));
    write_image(folder / "x.nii.gz", Image<int16_t>(g, 2));
    EXPECT_EQ(std::get<Image<int16_t>>(read_image(folder / "x.nii")).voxels[5], 1);
    EXPECT_EQ(std::get<Image<int16_t>>(read_image(folder / "x.nii.gz")).voxels[5], 2);
    ReadOptions options;
    options.expect_ct = false;
    EXPECT_EQ(read_volume(folder / "x.nii.gz", options).voxels[5], 2);
    EXPECT_EQ(read_mask(folder / "x.nii.gz").voxels[5], 2);
}

TEST(VoxelTypes, DamagedNiftiVoxelsAreAnError) {
    TemporaryFolder folder;
    Geometry g;
    g.size = {20, 20, 20};
    Image<int16_t> image(g);
    for (size_t n = 0; n < image.voxels.size(); ++n) image.voxels[n] = static_cast<int16_t>(n * 7919);
    write_image(folder / "x.nii.gz", image);
    std::string bytes = read_file(folder / "x.nii.gz");
    for (size_t n = bytes.size() / 2; n < bytes.size() / 2 + 40; ++n) bytes[n] = static_cast<char>(~bytes[n]);
    write_bytes(folder / "x.nii.gz", bytes);
    EXPECT_THROW(read_image(folder / "x.nii.gz"), Error);
    write_bytes(folder / "x.nii.gz", bytes.substr(0, bytes.size() / 2));
    EXPECT_THROW(read_image(folder / "x.nii.gz"), Error);
}

void write_series(const std::filesystem::path& folder, const std::function<void(test::DicomSlice&)>& change) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    for (int n = 0; n < 3; ++n) {
        test::DicomSlice s = test::series_slice(n);
        change(s);
        write_dicom(folder / (std::to_string(n) + ".dcm"), s);
    }
}

TEST(VoxelTypes, DicomIsWholeNumbersWhereItsHeadersAre) {
    TemporaryFolder folder;
    ReadOptions options;
    options.expect_ct = false;
    options.min_slices = 1;
    const auto read = [&](const std::function<void(test::DicomSlice&)>& change) {
        write_series(folder / "ct", change);
        AnyImage any = read_image(folder / "ct");
        const Volume volume = read_volume(folder / "ct", options);
        std::visit(
            [&](const auto& image) {
                EXPECT_EQ(image.geometry, volume.geometry);
                for (size_t n = 0; n < image.voxels.size(); ++n)
                    EXPECT_EQ(static_cast<float>(image.voxels[n]), volume.voxels[n]);
            },
            any);
        return any;
    };
    EXPECT_TRUE(std::holds_alternative<Image<int16_t>>(read([](auto& s) { s.bits_stored = 12; })));
    EXPECT_TRUE(std::holds_alternative<Image<int16_t>>(read([](auto& s) { s.bits_stored = 16, s.intercept = 0; })));
    EXPECT_TRUE(std::holds_alternative<Image<int32_t>>(read([](auto& s) { s.bits_stored = 16, s.intercept = -1024; })));
    const AnyImage scaled = read([](auto& s) { s.slope = 0.1; });
    ASSERT_TRUE(std::holds_alternative<Image<double>>(scaled));
    const test::DicomSlice first = test::series_slice(0);
    EXPECT_EQ(std::get<Image<double>>(scaled).voxels[3], first.pixels[3] * 0.1 + first.intercept);
}

TEST(VoxelTypes, MasksOfAnyTypeAreLabels) {
    TemporaryFolder folder;
    const auto mask = [&](const std::vector<int32_t>& values) {
        write_bytes(
            folder / "m.nrrd",
            "NRRD0004\ntype: int\ndimension: 3\nsizes: 2 3 1\nspacings: 1 1 1\nendian: little\nencoding: raw\n\n" +
                bytes_of(values));
        return read_mask(folder / "m.nrrd");
    };
    EXPECT_EQ(mask({0, 1, 2, 255, 0, 7}).voxels, (std::vector<uint8_t>{0, 1, 2, 255, 0, 7}));
    EXPECT_THROW(mask({0, 1, 256, 0, 0, 0}), Error);
    EXPECT_THROW(mask({0, -1, 0, 0, 0, 0}), Error);
}

}  // namespace
}  // namespace cmtl
