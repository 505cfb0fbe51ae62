// NIfTI, MetaImage and NRRD: there and back, and what is refused before anything is allocated.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "base/error.hpp"
#include "base/files.hpp"
#include "imaging/geometry.hpp"
#include "io/image_io.hpp"
#include "io/archive_writer.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::error_of;

using test::TemporaryFolder;

constexpr const char* extensions[] = {".nii", ".nii.gz", ".nrrd", ".mha"};

template <class T>
Image<T> some_image(const std::array<double, 9>& direction = {1, 0, 0, 0, 1, 0, 0, 0, 1}) {
    Geometry g;
    g.size = {7, 6, 5};
    g.spacing = {0.75, 0.5, 2.5};  // exact in the 32 bits of a NIfTI header
    g.origin = {-120.5, 33.25, -700.125};
    g.direction = direction;
    Image<T> image(g);
    for (size_t n = 0; n < image.voxels.size(); ++n)
        image.voxels[n] = static_cast<T>(std::is_same_v<T, uint8_t> ? n % 200 : n * 7.0 - 1000);
    return image;
}

ReadOptions anything() {
    ReadOptions options;
    options.expect_ct = false;
    options.min_slices = 1;
    return options;
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), with);
}

TEST(Formats, EveryTypeComesBackFromEveryFormat) {
    TemporaryFolder folder;
    for (const char* extension : extensions) {
        const auto path = folder / (std::string("image") + extension);
        const auto check = [&](const auto& image) {
            write_image(path, image);
            const Volume back = read_volume(path, anything());
            EXPECT_EQ(back.geometry, image.geometry) << extension;
            EXPECT_TRUE(std::equal(back.voxels.begin(), back.voxels.end(), image.voxels.begin(), image.voxels.end()))
                << extension;
        };
        check(some_image<uint8_t>());
        check(some_image<int16_t>());
        check(some_image<float>());
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "left something behind";
        std::filesystem::remove(path);
    }
}

TEST(Formats, OrientationsComeBack) {
    TemporaryFolder folder;
    const double c = std::cos(0.4), s = std::sin(0.4);
    for (const auto& direction : std::vector<std::array<double, 9>>{{-1, 0, 0, 0, -1, 0, 0, 0, 1},
                                                                    {0, 0, 1, 1, 0, 0, 0, -1, 0},
                                                                    {1, 0, 0, 0, 1, 0, 0, 0, -1},
                                                                    {c, -s, 0, s, c, 0, 0, 0, 1}})
        for (const char* extension : extensions) {
            const Image<int16_t> image = some_image<int16_t>(direction);
            const auto path = folder / (std::string("image") + extension);
            write_image(path, image);
            const Volume back = read_volume(path, anything());
            for (size_t n = 0; n < 9; ++n) EXPECT_NEAR(back.geometry.direction[n], direction[n], 1e-6) << extension;
            for (size_t n = 0; n < 3; ++n)
                EXPECT_NEAR(back.geometry.origin[n], image.geometry.origin[n], 1e-4) << extension;
            EXPECT_TRUE(std::equal(back.voxels.begin(), back.voxels.end(), image.voxels.begin(), image.voxels.end()))
                << extension;
        }
}

TEST(Formats, MasksHoldWholeNumbers) {
    TemporaryFolder folder;
    const Mask mask = some_image<uint8_t>();
    write_image(folder / "mask.nii.gz", mask);
    EXPECT_EQ(read_mask(folder / "mask.nii.gz").voxels, mask.voxels);
    Volume volume = some_image<float>();
    write_image(folder / "negative.nrrd", volume);
    EXPECT_THROW(read_mask(folder / "negative.nrrd"), Error);
    std::fill(volume.voxels.begin(), volume.voxels.end(), 0.5f);
    write_image(folder / "half.nrrd", volume);
    EXPECT_THROW(read_mask(folder / "half.nrrd"), Error);
}

TEST(Formats, AnotherExtensionIsAUsageError) {
    TemporaryFolder folder;
    try {
        write_image(folder / "mask.png", some_image<uint8_t>());
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
    }
    EXPECT_THROW(write_image(folder / "no" / "mask.nii.gz", some_image<uint8_t>()), Error);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// A NIfTI header with a field changed.
std::string nifti(const std::filesystem::path& folder, size_t at = 0, const std::string& bytes = "") {
    const auto path = folder / "template.nii";
    write_image(path, some_image<int16_t>());
    std::string text = read_file(path);
    text.replace(at, bytes.size(), bytes);
    std::filesystem::remove(path);
    return text;
}

template <class T>
std::string raw(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

TEST(Nifti, FaultsHaveTheirMessages) {
    TemporaryFolder folder;
    const auto faulty = [&](const std::string& bytes, const std::string& name = "x.nii") {
        write_bytes(folder / name, bytes);
        return folder / name;
    };
    EXPECT_ERROR(faulty("hello"), "no NIfTI image");
    EXPECT_ERROR(faulty("hello", "x.nii.gz"), "no NIfTI image");
    const std::string whole = nifti(folder.path());
    EXPECT_EQ(error_of(faulty(whole)), "no error");
    EXPECT_ERROR(faulty(whole.substr(0, whole.size() - 1)), "truncated");
    const std::string packed = test::gzipped(whole);
    EXPECT_EQ(error_of(faulty(packed, "x.nii.gz")), "no error");
    EXPECT_ERROR(faulty(packed.substr(0, packed.size() - 30), "x.nii.gz"), "truncated");
    // Two gzip members are one stream, and trailing bytes do no harm.
    EXPECT_EQ(error_of(faulty(test::gzipped(whole.substr(0, 400)) + test::gzipped(whole.substr(400)), "x.nii.gz")), "no error");

    const std::string huge = raw(int16_t{3}) + raw(int16_t{32767}) + raw(int16_t{32767}) + raw(int16_t{32767});
    EXPECT_ERROR(faulty(nifti(folder.path(), 40, huge)), "2^30");
    EXPECT_ERROR(faulty(test::gzipped(nifti(folder.path(), 40,
                                   raw(int16_t{3}) + raw(int16_t{1000}) + raw(int16_t{1000}) + raw(int16_t{1000}))),
                        "x.nii.gz"),
                 "cannot be in");
    EXPECT_ERROR(faulty(nifti(folder.path(), 40, raw(int16_t{2}))), "2-D image");
    EXPECT_ERROR(faulty(nifti(folder.path(), 40,
                              raw(int16_t{4}) + raw(int16_t{7}) + raw(int16_t{3}) + raw(int16_t{5}) + raw(int16_t{2}))),
                 "4-D image");
    EXPECT_ERROR(faulty(nifti(folder.path(), 42, raw(int16_t{-7}))), "cannot be right");
    EXPECT_ERROR(faulty(nifti(folder.path(), 70, raw(int16_t{128}))), "data type 128");
    EXPECT_ERROR(faulty(nifti(folder.path(), 72, raw(int16_t{8}))), "bits per voxel");
    EXPECT_ERROR(faulty(nifti(folder.path(), 80, raw(std::nanf("")))), "spacing of nan");
    EXPECT_ERROR(faulty(nifti(folder.path(), 80, raw(0.0f))), "spacing of 0 mm");
    EXPECT_ERROR(faulty(nifti(folder.path(), 80, raw(101.0f))), "spacing of 101 mm");
    EXPECT_ERROR(faulty(nifti(folder.path(), 108, raw(1e9f))), "cannot begin at byte");
    EXPECT_ERROR(faulty(nifti(folder.path(), 112, raw(INFINITY))), "slope");
    EXPECT_ERROR(faulty(nifti(folder.path(), 0, raw(int32_t{540}))), "no NIfTI-2 header");
    EXPECT_ERROR(faulty(nifti(folder.path(), 344, "n?1")), "no NIfTI-1 header");
}

TEST(Nifti, SlopeAndInterceptGiveHounsfieldUnits) {
    TemporaryFolder folder;
    write_bytes(folder / "x.nii", nifti(folder.path(), 112, raw(0.5f) + raw(-600.0f)));
    const Volume volume = read_volume(folder / "x.nii");
    EXPECT_EQ(volume.voxels[0], -1000 * 0.5f - 600);
    EXPECT_EQ(volume.voxels[10], -930 * 0.5f - 600);
}

TEST(Meta, FaultsHaveTheirMessages) {
    TemporaryFolder folder;
    const std::string header =
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 4 4 4\nDimSize = 8 8 8\n"
        "ElementType = MET_SHORT\nElementDataFile = LOCAL\n";
    std::string data;
    for (int n = 0; n < 512; ++n) data += raw(static_cast<int16_t>(n * 3 - 1000));
    const auto faulty = [&](const std::string& bytes) {
        write_bytes(folder / "x.mha", bytes);
        return folder / "x.mha";
    };
    const auto changed = [&](const std::string& what, const std::string& with) {
        return faulty(replaced(header, what, with) + data);
    };
    EXPECT_EQ(read_volume(faulty(header + data)).voxels[1], -997);
    EXPECT_ERROR(faulty("hello"), "no MetaImage header");
    EXPECT_ERROR(faulty(header + data.substr(2)), "truncated");
    EXPECT_ERROR(changed("DimSize = 8 8 8", "DimSize = 8 8"), "does not fit 3 dimensions");
    EXPECT_ERROR(changed("DimSize = 8 8 8", "DimSize = 60000 60000 60000"), "2^30");
    EXPECT_ERROR(changed("DimSize = 8 8 8", "DimSize = 8 8 0"), "cannot be right");
    EXPECT_ERROR(changed("NDims = 3", "NDims = 1e9"), "should hold numbers");
    EXPECT_ERROR(changed("MET_SHORT", "MET_SHIRT"), "element type 'MET_SHIRT'");
    EXPECT_ERROR(changed("ElementSpacing = 4 4 4", "ElementSpacing = 4 4 nan"), "finite");
    EXPECT_ERROR(changed("ElementSpacing = 4 4 4", "ElementSpacing = 4 4 0"), "spacing of 0 mm");
    EXPECT_ERROR(changed("ElementSpacing", "ElementSpelling"), "'ElementSpacing' is missing");
    EXPECT_ERROR(changed("1 0 0 0 1 0 0 0 1", "1 0 0 1 1 0 0 0 1"), "not perpendicular");
    EXPECT_ERROR(changed("CompressedData = False", "CompressedData = True"), "damaged");
    EXPECT_ERROR(changed("LOCAL", "nowhere.raw"), "is missing");
    EXPECT_ERROR(changed("BinaryData = True", "BinaryData = False"), "text");
    EXPECT_ERROR(changed("BinaryData = True", "BinaryData = Perhaps"), "True or False");
    // Header and voxels apart.
    write_bytes(folder / "x.mhd", replaced(header, "LOCAL", "voxels.raw"));
    write_bytes(folder / "voxels.raw", data);
    EXPECT_EQ(read_volume(folder / "x.mhd").voxels[1], -997);
}

TEST(Meta, AListOfFilesByteOrderAndDirections) {
    TemporaryFolder folder;
    std::string header =
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nElementByteOrderMSB = True\nCompressedData = False\n"
        "TransformMatrix = 0 1 0 -1 0 0 0 0 1\nOffset = 1 2 3\nAnatomicalOrientation = RAI\n"
        "ElementSpacing = 4 5 6\nDimSize = 3 2 4\nElementType = MET_SHORT\nElementDataFile = LIST\n";
    std::vector<float> expected;
    for (int k = 0; k < 4; ++k) {
        std::string slice;
        for (int n = 0; n < 6; ++n) {
            const int value = 300 * k + 7 * n - 1000;
            expected.push_back(static_cast<float>(value));
            slice += {static_cast<char>(value >> 8), static_cast<char>(value & 255)};
        }
        write_bytes(folder / ("slice" + std::to_string(k) + ".raw"), slice);
        header += "slice" + std::to_string(k) + ".raw\n";
    }
    const auto with = [&](const std::string& text) {
        write_bytes(folder / "x.mhd", text);
        return folder / "x.mhd";
    };
    const Volume volume = read_volume(with(header), anything());
    EXPECT_EQ(volume.voxels, expected);
    EXPECT_EQ(volume.geometry.spacing, (Vector3{4, 5, 6}));
    EXPECT_EQ(volume.geometry.origin, (Vector3{1, 2, 3}));
    // MetaImage lists the axes one after the other, and its coordinates are LPS whatever AnatomicalOrientation says.
    EXPECT_EQ(volume.geometry.direction, (std::array<double, 9>{0, -1, 0, 1, 0, 0, 0, 0, 1}));
    EXPECT_ERROR(with(header.substr(0, header.size() - 11)), "the list names 3 data files for 4 slices");
    EXPECT_ERROR(with(replaced(header, "slice2.raw", "slice7.raw")), "slice7.raw is missing");
    EXPECT_ERROR(with(replaced(header, "CompressedData = False", "CompressedData = True")), "list of compressed");
    EXPECT_ERROR(with(replaced(header, "LIST", "slice%d.raw 0 3 1")), "of a pattern");
    write_bytes(folder / "slice1.raw", "short");
    EXPECT_ERROR(with(header), "slice1.raw: truncated");
}

TEST(Nrrd, FaultsHaveTheirMessages) {
    TemporaryFolder folder;
    const std::string header =
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 8 8 8\n"
        "space directions: (4,0,0) (0,4,0) (0,0,4)\nkinds: domain domain domain\nendian: little\nencoding: raw\n"
        "space origin: (1,2,3)\n\n";
    std::string data;
    for (int n = 0; n < 512; ++n) data += raw(static_cast<int16_t>(n * 3 - 1000));
    const auto faulty = [&](const std::string& bytes) {
        write_bytes(folder / "x.nrrd", bytes);
        return folder / "x.nrrd";
    };
    const auto changed = [&](const std::string& what, const std::string& with) {
        return faulty(replaced(header, what, with) + data);
    };
    const Volume volume = read_volume(faulty(header + data));
    EXPECT_EQ(volume.voxels[1], -997);
    EXPECT_EQ(volume.geometry.origin, (Vector3{1, 2, 3}));
    const std::string packed = replaced(header, "raw", "gzip") + test::gzipped(data);
    EXPECT_EQ(read_volume(faulty(packed)).voxels, volume.voxels);
    EXPECT_ERROR(faulty(packed.substr(0, packed.size() - 40)), "truncated");
    EXPECT_ERROR(faulty(header + data.substr(2)), "truncated");
    EXPECT_ERROR(faulty(header.substr(0, 60)), "truncated");
    EXPECT_ERROR(changed("sizes: 8 8 8", "sizes: 8 8 80"), "truncated");
    EXPECT_ERROR(changed("sizes: 8 8 8", "sizes: 8 8 x"), "should hold numbers");
    EXPECT_ERROR(changed("sizes: 8 8 8", "sizes: 50000 50000 50000"), "2^30");
    EXPECT_ERROR(changed("dimension: 3", "dimension: 4"), "does not fit 4 dimensions");
    EXPECT_ERROR(changed("type: short", "type: shirt"), "type 'shirt'");
    EXPECT_ERROR(changed("encoding: raw", "encoding: bzip2"), "not bzip2");
    EXPECT_ERROR(changed("encoding: raw", "encoding: hex"), "encoding 'hex'");
    EXPECT_ERROR(changed("encoding: raw", "encoding: gzip"), "not gzip");
    EXPECT_ERROR(changed("endian: little", "endian: middle"), "little or big");
    EXPECT_ERROR(changed("(0,0,4)", "(0,0,400)"), "spacing of 400 mm");
    EXPECT_ERROR(changed("(0,4,0)", "(4,4,0)"), "not perpendicular");
    EXPECT_ERROR(changed("sizes: 8 8 8", "sizes; 8 8 8"), "has no ':'");
}

TEST(Formats, ValuesThatAreNoHounsfieldUnits) {
    TemporaryFolder folder;
    Volume volume = some_image<float>();
    const auto with = [&](float value) {
        Volume changed = volume;
        changed.voxels[20] = value;
        write_image(folder / "x.nrrd", changed);
        return folder / "x.nrrd";
    };
    EXPECT_ERROR(with(NAN), "1 voxels are not numbers");
    EXPECT_ERROR(with(1e6f), "cannot be Hounsfield units");
    EXPECT_EQ(error_of(with(-3024)), "no error");  // padding of some scanners
    for (float& v : volume.voxels) v += 1024;
    EXPECT_ERROR(with(0), "not Hounsfield units");
    std::fill(volume.voxels.begin(), volume.voxels.end(), 7.0f);
    EXPECT_ERROR(with(7), "every voxel has the value 7");
}

TEST(Formats, DamagedHeadersAreErrorsOrVolumes) {
    TemporaryFolder folder;
    std::mt19937 random(4);
    int errors = 0;
    for (const char* extension : extensions) {
        const auto path = folder / (std::string("x") + extension);
        write_image(path, some_image<int16_t>());
        const std::string whole = read_file(path);
        for (int n = 0; n < 150; ++n) {
            std::string bytes = whole;
            for (unsigned c = random() % 4 + 1; c > 0; --c)
                bytes[random() % std::min<size_t>(bytes.size(), 352)] = static_cast<char>(random() % 256);
            if (n % 4 == 0) bytes.resize(random() % bytes.size());
            write_bytes(path, bytes);
            try {
                read_volume(path);
            } catch (const Error& error) {
                ASSERT_EQ(error.kind(), ErrorKind::input) << error.what();
                ++errors;
            }
        }
    }
    EXPECT_GT(errors, 100);
}

TEST(Formats, RealFilesAreRead) {
    CMTL_NEED_DATA("ct/imlab-lung3d/id001-128x128x64.nii.gz");
    CMTL_NEED_DATA("ct/no-lungs/totalseg-abdomen.nii.gz");
    const Volume lungs = read_volume(test::data_folder() / "ct/imlab-lung3d/id001-128x128x64.nii.gz");
    EXPECT_EQ(orientation_code(lungs.geometry), "LAS");
    EXPECT_EQ(lungs.geometry.size, (Index3{128, 128, 64}));
    const Volume abdomen =
        read_volume(test::data_folder() / "ct/no-lungs/totalseg-abdomen.nii.gz");  // 32-bit whole numbers
    EXPECT_EQ(orientation_code(abdomen.geometry), "RAS");
    EXPECT_EQ(*std::max_element(abdomen.voxels.begin(), abdomen.voxels.end()), 3382);
}

}  // namespace
}  // namespace cmtl
