// Scans in zip and tar archives: read like what is in them, and what is refused.
#include "io/archive.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/archive_writer.hpp"
#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::error_of;
using test::Packed;
using test::tarred;
using test::TemporaryFolder;
using test::write_bytes;
using test::zipped;

// TMPDIR inside of the test's folder, so that what is left behind shows.
class Archive : public ::testing::Test {
  protected:
    void SetUp() override {
        if (const char* before = std::getenv("TMPDIR")) before_ = before;
        fs::create_directories(unpacking());
        ::setenv("TMPDIR", unpacking().c_str(), 1);
    }
    void TearDown() override {
        before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
        EXPECT_TRUE(fs::is_empty(unpacking())) << "something is left behind in the temporary folder";
    }
    fs::path unpacking() const { return folder_ / "tmp"; }
    fs::path write(const std::string& bytes, const std::string& name = "scan.zip") const {
        write_bytes(folder_ / name, bytes);
        return folder_ / name;
    }

    TemporaryFolder folder_;

  private:
    std::string before_;
};

std::vector<Packed> series(const std::string& where = "export/CT 1/") {
    std::vector<Packed> members;
    for (int n = 0; n < 6; ++n)
        members.push_back({.name = where + "IM" + std::to_string((n * 5) % 6),
                           .content = test::DicomWriter(test::series_slice((n * 5) % 6)).file(),
                           .deflate = n % 2 == 0});
    return members;
}

// A NIfTI file as write_image() makes it, its voxels those of the series.
std::string nifti_file(const fs::path& folder) {
    Geometry g;
    g.size = {5, 6, 6};
    Image<int16_t> image(g);
    for (size_t n = 0; n < image.voxels.size(); ++n)
        image.voxels[n] = static_cast<int16_t>(100 * (n / 30) + n % 30 - 1024);
    write_image(folder / "plain.nii.gz", image);
    return read_file(folder / "plain.nii.gz");
}

void expect_series(const Volume& volume) {
    ASSERT_EQ(volume.geometry.size, (Index3{5, 6, 6}));
    for (int k = 0; k < 6; ++k)
        for (int v = 0; v < 30; ++v) ASSERT_EQ(volume.at(v % 5, v / 5, k), 100 * k + v - 1024) << k << " " << v;
}

TEST_F(Archive, ADicomFolderInsideIsReadLikeTheFolder) {
    for (const Packed& m : series()) write_bytes(folder_ / "plain" / m.name, m.content);
    const Volume plain = read_volume(folder_ / "plain");
    std::vector<Packed> members = series();
    members.insert(members.begin(), {{.name = "export/", .content = "", .deflate = false, .mode = 040755, .type = '5'},
                                     {.name = "DICOMDIR", .content = members[0].content},
                                     {.name = "__MACOSX/export/._IM0", .content = members[0].content},
                                     {.name = "export/.DS_Store", .content = "x"},
                                     {.name = "readme.txt", .content = "hello"}});
    for (const auto& [name, bytes] :
         {std::pair{"a.zip", zipped(members)}, std::pair{"a.tar", tarred(members)},
          std::pair{"a.tgz", test::gzipped(tarred(members))}, std::pair{"named by nothing", zipped(members)}}) {
        ReadReport report;
        const Volume volume = read_volume(write(bytes, name), {}, &report);
        EXPECT_EQ(volume.voxels, plain.voxels) << name;
        EXPECT_EQ(volume.geometry, plain.geometry) << name;
        EXPECT_EQ(report.format, "DICOM");
        EXPECT_EQ(report.series_uid, "1.2.3");
        EXPECT_TRUE(report.warnings.empty());
        expect_series(volume);
    }
}

TEST_F(Archive, OneImageInsideIsRead) {
    const std::string nifti = nifti_file(folder_.path());
    ReadReport report;
    expect_series(read_volume(write(zipped({{.name = "deep/down/ct.nii.gz", .content = nifti}})), {}, &report));
    EXPECT_EQ(report.format, "NIfTI");
    const Volume volume = read_volume(folder_ / "plain.nii.gz");
    write_image(folder_ / "x.mha", volume);
    expect_series(read_volume(write(zipped({{.name = "x.mha", .content = read_file(folder_ / "x.mha")}}))));
    write_image(folder_ / "x.nrrd", volume);
    expect_series(read_volume(write(tarred({{.name = "x.nrrd", .content = read_file(folder_ / "x.nrrd")}}), "x.tar")));
    // A header and its voxels, which begin like DICOM.
    std::string raw;
    for (const float v : volume.voxels) raw += test::little(static_cast<uint16_t>(static_cast<int16_t>(v)), 2);
    raw.replace(0, 8, std::string("\x08\0\5\0CS\0\0", 8));
    const std::string header =
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nElementSpacing = 1 1 1\nDimSize = 5 6 6\n"
        "ElementType = MET_SHORT\nElementDataFile = x.raw\n";
    const Volume apart =
        read_volume(write(zipped({{.name = "a/x.raw", .content = raw}, {.name = "a/x.mhd", .content = header}})));
    EXPECT_EQ(apart.at(0, 0, 0), 8);
    EXPECT_EQ(apart.at(4, 5, 5), 529 - 1024);
    // read_image and read_mask take archives, too.
    EXPECT_EQ(std::get<Image<int16_t>>(read_image(write(zipped({{.name = "ct.nii.gz", .content = nifti}})))).voxels[31],
              101 - 1024);
}

TEST_F(Archive, MessagesNameTheArchiveAndTheMember) {
    std::vector<Packed> members = series("ct/");
    members[2].content.resize(members[2].content.size() - 9);
    const fs::path path = write(zipped(members));
    const std::string message = error_of(path);
    EXPECT_NE(message.find("[dicom] " + path.string() + "/ct/" + members[2].name.substr(3) + ": truncated"),
              std::string::npos)
        << message;
    EXPECT_EQ(message.find(unpacking().string() + "/cmtl"), std::string::npos) << message;
    // Warnings as well.
    members = series("a/");
    for (Packed m : series("b/")) {
        test::DicomSlice s = test::series_slice(m.name.back() - '0');
        s.series = "4.5.6";
        m.content = test::DicomWriter(s).file();
        if (m.name.back() != '0') members.push_back(m);
    }
    ReadOptions quiet;
    quiet.warn = false;
    ReadReport report;
    expect_series(read_volume(write(zipped(members)), quiet, &report));
    ASSERT_EQ(report.warnings.size(), 1u);
    EXPECT_EQ(report.warnings[0].rfind(path.string() + ": 2 series", 0), 0u) << report.warnings[0];
}

TEST_F(Archive, PathsThatLeadOutAreRefused) {
    for (const char* name : {"../evil.dcm", "a/../../evil.dcm", "/evil.dcm", "..\\evil.dcm", "C:\\evil.dcm", "a/.."}) {
        EXPECT_ERROR(write(zipped({{.name = name, .content = "x"}})), "leads out");
        EXPECT_ERROR(write(tarred({{.name = name, .content = "x"}}), "x.tar"), "leads out");
    }
    EXPECT_FALSE(fs::exists(folder_ / "evil.dcm"));
    EXPECT_FALSE(fs::exists(folder_ / "tmp/evil.dcm"));
}

TEST_F(Archive, HeadersThatNameVoxelsOutsideAreRefused) {
    write_bytes(folder_ / "secret.raw", std::string(360, 'x'));
    const std::string meta =
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nElementSpacing = 1 1 1\nDimSize = 5 6 6\n"
        "ElementType = MET_SHORT\nElementDataFile = ";
    const std::string nrrd =
        "NRRD0004\ntype: short\ndimension: 3\nspacings: 1 1 1\nsizes: 5 6 6\nendian: little\nencoding: raw\ndata "
        "file: ";
    for (const std::string& outside : {(folder_ / "secret.raw").string(), std::string("../../secret.raw")}) {
        EXPECT_ERROR(write(zipped({{.name = "x.mhd", .content = meta + outside + "\n"}})), "voxels outside");
        EXPECT_ERROR(write(zipped({{.name = "x.mhd", .content = meta + "LIST\n" + outside + "\n"}})), "voxels outside");
        EXPECT_ERROR(write(zipped({{.name = "x.nhdr", .content = nrrd + outside + "\n\n"}})), "voxels outside");
    }
}

TEST_F(Archive, LinksAndDevicesArePassedOver) {
    write_bytes(folder_ / "secret", "x");
    const std::string target = (folder_ / "secret").string();
    ReadOptions quiet;
    quiet.warn = false;
    std::vector<Packed> members = series();
    members.push_back(
        {.name = "symbolic", .content = target, .deflate = false, .mode = 0120777, .type = '2', .link = target});
    ReadReport report;
    expect_series(read_volume(write(zipped(members)), quiet, &report));
    ASSERT_EQ(report.warnings.size(), 1u);
    EXPECT_NE(report.warnings[0].find("passing over symbolic"), std::string::npos) << report.warnings[0];
    members.push_back({.name = "hard", .content = "", .type = '1', .link = target});
    members.push_back({.name = "device", .content = "", .type = '3'});
    expect_series(read_volume(write(tarred(members), "x.tar"), quiet, &report));
    EXPECT_EQ(report.warnings.size(), 3u);
    // A link's folder is no way out either: the member below it meets no link.
    EXPECT_ERROR(
        write(tarred({{.name = "up", .content = "", .type = '2', .link = ".."}, {.name = "up/x", .content = "x"}}),
              "x.tar"),
        "no DICOM");
    EXPECT_EQ(read_file(folder_ / "secret"), "x");
}

TEST_F(Archive, BombsAreDefused) {
    const auto refused = [&](const std::string& bytes, const ArchiveLimits& limits) -> std::string {
        try {
            UnpackedArchive archive(write(bytes), limits);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input);
            return error.what();
        }
        return "no error";
    };
    const std::string zeros(1 << 20, '\0');
    const std::string bytes = zipped({{.name = "a.dcm", .content = zeros}, {.name = "b.dcm", .content = zeros}});
    EXPECT_EQ(refused(bytes, {}), "no error");
    EXPECT_NE(refused(bytes, {.bytes = (2 << 20) - 1}).find("more than 2097151 bytes (at b.dcm)"), std::string::npos);
    EXPECT_EQ(refused(bytes, {.bytes = 2 << 20}), "no error");
    EXPECT_NE(refused(bytes, {.ratio = 100, .free_bytes = 1 << 20}).find("100 times as many (at b.dcm)"),
              std::string::npos);
    EXPECT_EQ(refused(bytes, {.ratio = 1032, .free_bytes = 1 << 20}), "no error");
    EXPECT_NE(refused(bytes, {.entries = 1}).find("more than 1 members"), std::string::npos);
    EXPECT_NE(refused(tarred({{.name = "a", .content = zeros}}), {.bytes = 1 << 19}).find("more than"),
              std::string::npos);
}

TEST_F(Archive, EveryFaultHasItsOwnMessage) {
    const std::string whole = zipped(series()), tar = tarred(series());
    EXPECT_ERROR(write(zipped({})), "an empty archive");
    EXPECT_ERROR(write(zipped({{.name = "a/", .content = "", .mode = 040755}})), "an empty archive");
    EXPECT_ERROR(write(zipped({{.name = "a.txt", .content = "hello"}})),
                 "no DICOM, NIfTI, MetaImage or NRRD image among its 1 file: a.txt");
    EXPECT_ERROR(write(zipped({{.name = "in.zip", .content = whole}})),
                 "holds an archive (in.zip), which stays closed");
    EXPECT_ERROR(write(zipped({{.name = "in.tgz", .content = test::gzipped(tar)}})), "holds an archive (in.tgz)");
    const std::string nifti = nifti_file(folder_.path());
    EXPECT_ERROR(write(zipped({{.name = "b.nii.gz", .content = nifti}, {.name = "a.nii.gz", .content = nifti}})),
                 "more than one image: a.nii.gz, b.nii.gz;");
    std::vector<Packed> both = series();
    both.push_back({.name = "a.nii.gz", .content = nifti});
    EXPECT_ERROR(write(zipped(both)), "more than one image: a.nii.gz and 6 DICOM files");
    EXPECT_ERROR(write(zipped({{.name = "a.dcm", .content = "x", .encrypted = true}})), "a.dcm is encrypted");
    EXPECT_ERROR(write(zipped({{.name = "a.dcm", .content = "x", .wrong_checksum = true}})),
                 "a.dcm: truncated or damaged");
    EXPECT_ERROR(write(zipped({{.name = "a", .content = "x"}, {.name = "a", .content = "y"}})),
                 "two members are called a");
    EXPECT_ERROR(write(zipped({{.name = "a", .content = "x"}, {.name = "a/b", .content = "y"}})),
                 "two members are called");
    // Cut anywhere, above all between two members, where the rest would be a series with fewer slices.
    const size_t between = whole.find("PK\3\4", whole.size() / 2);
    for (const size_t size : {size_t{4}, size_t{100}, between, whole.size() / 2, whole.size() - 1})
        EXPECT_ERROR(write(whole.substr(0, size)), "truncated");
    for (const size_t size : {size_t{600}, tar.size() / 2, tar.size() - 1024})
        EXPECT_ERROR(write(tar.substr(0, size), "x.tar"), "truncated");
    std::vector<Packed> long_series = series();
    std::string noise(300000, '\0');
    std::mt19937 random(1);
    for (char& c : noise) c = static_cast<char>(random() % 256);
    long_series.push_back({.name = "noise", .content = noise});
    std::string flipped = test::gzipped(tarred(long_series));
    for (const size_t size : {size_t{2000}, flipped.size() / 2, flipped.size() - 8})
        EXPECT_ERROR(write(flipped.substr(0, size), "x.tgz"), "truncated");
    flipped[flipped.size() - 6] ^= 1;  // the checksum
    EXPECT_ERROR(write(flipped, "x.tgz"), "damaged");
}

TEST_F(Archive, NoRoomNamesTheFolder) {
    const fs::path path = write(zipped({{.name = "ct/a.dcm", .content = std::string(100000, 'x')}}));
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    ErrorKind kind = ErrorKind::internal;
    std::string message;
    try {
        read_volume(path);
    } catch (const Error& error) {
        kind = error.kind(), message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(kind, ErrorKind::resource);
    for (const char* part : {"scan.zip", "ct/a.dcm", "TMPDIR"})
        EXPECT_NE(message.find(part), std::string::npos) << message;

    ::setenv("TMPDIR", (folder_ / "nowhere").c_str(), 1);
    try {
        read_volume(path);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::resource) << error.what();
        EXPECT_NE(std::string(error.what()).find("TMPDIR"), std::string::npos) << error.what();
    }
    ::setenv("TMPDIR", unpacking().c_str(), 1);
}

TEST_F(Archive, ARealSeriesIsReadLikeItsFolder) {
    CMTL_NEED_DATA("ct/cip/ct-64Dicom");
    std::vector<Packed> members;
    for (const auto& entry : fs::directory_iterator(test::data_folder() / "ct/cip/ct-64Dicom"))
        members.push_back(
            {.name = "study/series/" + entry.path().filename().string(), .content = read_file(entry.path())});
    const Volume packed = read_volume(write(zipped(members)));
    const Volume plain = read_volume(test::data_folder() / "ct/cip/ct-64Dicom");
    EXPECT_EQ(packed.voxels, plain.voxels);
    EXPECT_EQ(packed.geometry, plain.geometry);
}

}  // namespace
}  // namespace cmtl
