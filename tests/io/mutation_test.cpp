// A thousand damaged files of every format: each gives an error of input (or of room) or a volume, never a crash, a
// hang or an allocation on a header's word alone. Run it under the asan preset, too: there every access out of bounds
// shows.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/archive_writer.hpp"
#include "io/covid_mtl_writer.hpp"
#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"
#include "io/nifti_writer.hpp"
#include "test_data.hpp"

#if defined(__SANITIZE_ADDRESS__)
// Of the whole program: GDCM's codecs do not free what they hold when a stream turns out to be damaged, ITK's NIfTI
// library loses the name of each file that it writes, and its NRRD library what it holds when a disk is full.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libgdcm\nleak:libopenjp2\nleak:libITKniftiio\nleak:libITKNrrdIO\n";
}
#endif

namespace cmtl {
namespace {

using test::TemporaryFolder;
using test::write_bytes;

// A sound image: its files, which of them is damaged, and what read_volume() is given.
struct Sound {
    std::string given, victim;
    std::map<std::string, std::string> files;
    size_t header = 700;  // most damage lies in so many first bytes; 0: anywhere
};

std::string slice(int n, const char* syntax = "1.2.840.10008.1.2.1") {
    test::DicomSlice s = test::series_slice(n);
    s.syntax = syntax;
    return test::DicomWriter(s).file();
}

Sound series(const char* syntax) {
    Sound sound{"ct", "ct/2", {}};
    for (int n = 0; n < 5; ++n) sound.files["ct/" + std::to_string(n)] = slice(n, syntax);
    return sound;
}

// The frames of a slice as RLE (PS3.5 annex G): two segments of literal runs, high bytes first.
std::string rle_slice(int n) {
    std::string native = slice(n);
    const test::DicomSlice s = test::series_slice(n);
    const size_t pixels = s.pixels.size();
    std::string segments[2];
    for (int b = 0; b < 2; ++b)
        for (size_t v = 0; v < pixels; ++v) {
            if (v % 100 == 0) segments[b] += static_cast<char>(std::min<size_t>(100, pixels - v) - 1);
            segments[b] += static_cast<char>(static_cast<uint16_t>(s.pixels[v]) >> (b == 0 ? 8 : 0) & 0xFF);
        }
    for (std::string& segment : segments) segment += segment.size() % 2 ? std::string(1, '\x80') : "";
    std::string frame = test::little(2, 4) + test::little(64, 4) + test::little(64 + segments[0].size(), 4) +
                        std::string(52, '\0') + segments[0] + segments[1];
    const auto item = [](const std::string& value) {
        return test::little(0xE000FFFE, 4) + test::little(value.size(), 4) + value;
    };
    // Its pixels become encapsulated ones, and its transfer syntax RLE, which is as long.
    const size_t at = native.size() - 2 * pixels - 4;
    native = native.substr(0, at) + std::string(4, '\xFF') + item("") + item(frame) + test::little(0xE0DDFFFE, 4) +
             test::little(0, 4);
    const std::string explicit_little("1.2.840.10008.1.2.1\0", 20), rle("1.2.840.10008.1.2.5\0", 20);
    return native.replace(native.find(explicit_little), 20, rle);
}

std::string nrrd(const std::string& encoding, const std::string& data) {
    return "NRRD0004\ntype: short\ndimension: 3\nspace: left-anterior-superior\nsizes: 4 4 4\n"
           "space directions: (4,0,0) (0,4,0) (0,0,4)\nkinds: domain domain domain\nendian: little\nencoding: " +
           encoding + "\nspace origin: (1,2,3)\n\n" + data;
}

std::vector<Sound> sound_images() {
    std::string voxels, text;
    for (int n = 0; n < 64; ++n) {
        voxels += test::little(static_cast<uint16_t>(n * 30 - 1000), 2);
        text += std::to_string(n * 30 - 1000) + " ";
    }
    const std::string meta =
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 4 4 4\nDimSize = 4 4 4\n"
        "ElementType = MET_SHORT\nElementDataFile = ";
    std::string packed_meta = meta;
    packed_meta.replace(packed_meta.find("Data = False\nT"), 12, "Data = True ");

    test::NiftiFile first, second, pair;
    for (test::NiftiFile* file : {&first, &second, &pair}) {
        file->sizes = {5, 4, 6};
        file->sform_code = 1;
        file->sform = {-0.5, 0, 0, 1, 0, -0.75, 0, 2, 0, 0, 2, 3};
    }
    second.version = 2, second.qform_code = 1, second.qform = {0, 0, 1, 1, 2, 3};
    pair.pair = true, pair.big_endian = true;

    test::CovidMtlVolume covid;
    for (int z = 0; z < 5; ++z)
        covid.frames.push_back(
            test::png_bytes(6, 5, [z](int x, int y) { return static_cast<uint16_t>(x * y * 60 + z); }));

    std::vector<test::Packed> members;
    for (int n = 0; n < 5; ++n) members.push_back({.name = "ct/" + std::to_string(n), .content = slice(n)});

    Sound rle{"ct", "ct/2", {}};
    for (int n = 0; n < 5; ++n) rle.files["ct/" + std::to_string(n)] = rle_slice(n);
    const auto one = [](const std::string& name, const std::string& bytes, size_t header = 400) {
        return Sound{name, name, {{name, bytes}}, header};
    };
    return {series("1.2.840.10008.1.2.1"),
            series("1.2.840.10008.1.2"),
            series("1.2.840.10008.1.2.2"),
            rle,
            one("Patient-1.dcm", test::covid_mtl_bytes(covid)),
            one("x.nii", first.file()),
            one("x2.nii", second.file(), 544),
            one("x.nii.gz", test::gzipped(first.file()), 0),
            {"x.hdr", "x.hdr", {{"x.hdr", pair.header()}, {"x.img", pair.voxels()}}},
            one("x.nrrd", nrrd("raw", voxels)),
            one("gzip.nrrd", nrrd("gzip", test::gzipped(voxels))),
            one("ascii.nrrd", nrrd("ascii", text)),
            {"x.nhdr", "x.nhdr", {{"x.nhdr", nrrd("raw\ndata file: x.raw", "")}, {"x.raw", voxels}}},
            one("x.mha", meta + "LOCAL\n" + voxels),
            one("packed.mha", packed_meta + "LOCAL\n" + test::deflated(voxels, 15)),
            {"x.mhd", "x.mhd", {{"x.mhd", meta + "x.raw\n"}, {"x.raw", voxels}}},
            one("x.zip", test::zipped(members), 0),
            one("nifti.zip", test::zipped({{.name = "x.nii", .content = first.file()}}), 0),
            one("x.tar", test::tarred(members), 600),
            one("x.tgz", test::gzipped(test::tarred(members)), 0)};
}

class Damage {
  public:
    explicit Damage(uint32_t seed) : random_(seed) {}

    size_t below(size_t n) { return random_() % std::max<size_t>(n, 1); }

    void apply(std::string& bytes, size_t header) {
        for (size_t count = below(6) + 1; count > 0; --count) {
            const size_t reach = header && below(8) ? std::min(header, bytes.size()) : bytes.size();
            const size_t at = below(reach);
            switch (below(7)) {
                case 0:
                    bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
                    break;
                case 1:
                    bytes[at] = static_cast<char>(below(256));
                    break;
                case 2:
                    bytes[at] = static_cast<char>(' ' + below(95));  // headers of text
                    break;
                case 3: {  // lengths and counts
                    static const std::string numbers[] = {std::string(4, '\0'), std::string(4, '\xFF'),
                                                          std::string("\xFF\xFF\xFF\x7F", 4),
                                                          std::string("\0\0\0\x80", 4), std::string("\0\1\0\1", 4)};
                    const std::string& number = numbers[below(5)];
                    for (size_t n = 0; n < 4 && at + n < bytes.size(); ++n) bytes[at + n] = number[n];
                    break;
                }
                case 4:
                    bytes.erase(at, below(40));
                    break;
                case 5:
                    bytes.insert(at, bytes.substr(below(bytes.size()), below(40)));
                    break;
                default:
                    if (below(3) == 0) bytes.resize(at);
            }
            if (bytes.empty()) bytes = "x";
        }
    }

  private:
    std::mt19937 random_;
};

// What the process may map beyond what it has: a header's claim of gigabytes would fail, and be told apart.
class RoomLimit {
  public:
    RoomLimit() {
        getrlimit(RLIMIT_AS, &before_);
#if !defined(__SANITIZE_ADDRESS__)
        size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        rlimit small = before_;
        small.rlim_cur = std::min<rlim_t>(before_.rlim_cur, pages * 4096 + (rlim_t{2} << 30));
        setrlimit(RLIMIT_AS, &small);
#endif
    }
    ~RoomLimit() { setrlimit(RLIMIT_AS, &before_); }
    RoomLimit(const RoomLimit&) = delete;
    RoomLimit& operator=(const RoomLimit&) = delete;

  private:
    rlimit before_{};
};

ReadOptions anything(bool expect_ct) {
    ReadOptions options;
    options.expect_ct = expect_ct;
    options.min_slices = 1;
    options.warn = false;
    return options;
}

// True for an error.
bool is_error(const fs::path& path, bool any_type) {
    try {
        if (any_type)
            read_image(path, anything(false));
        else
            read_volume(path, anything(false));
        return false;
    } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == ErrorKind::input || error.kind() == ErrorKind::resource)
            << path << ": " << error.what();
        return true;
    } catch (const std::exception& error) {
        ADD_FAILURE() << path << ": " << error.what();
        return true;
    }
}

TEST(Mutation, SoundImagesAreRead) {
    TemporaryFolder folder;
    int number = 0;
    for (const Sound& sound : sound_images()) {
        const fs::path own = folder / std::to_string(number++);
        for (const auto& [name, bytes] : sound.files) write_bytes(own / name, bytes);
        EXPECT_NO_THROW(read_volume(own / sound.given, anything(false))) << sound.given;
    }
}

TEST(Mutation, AThousandDamagedFilesAreErrorsOrVolumes) {
    TemporaryFolder folder;
    const std::vector<Sound> sounds = sound_images();
    const RoomLimit limit;
    Damage damage(20260);
    int errors = 0, volumes = 0;
    for (int n = 0; n < 1000; ++n) {
        const Sound& sound = sounds[static_cast<size_t>(n) % sounds.size()];
        const fs::path own = folder / "x";
        fs::remove_all(own);
        for (auto [name, bytes] : sound.files) {
            if (name == sound.victim) damage.apply(bytes, sound.header);
            write_bytes(own / name, bytes);
        }
        (is_error(own / sound.given, n % 3 == 0) ? errors : volumes)++;
        ASSERT_FALSE(HasFailure()) << "file " << n << ": " << sound.given;
    }
    EXPECT_GT(errors, 500);
    EXPECT_GT(volumes, 50);
    std::printf("%d errors, %d volumes\n", errors, volumes);
}

// The decoders of JPEG, JPEG-LS, JPEG 2000, RLE and deflate below GDCM.
TEST(Mutation, DamagedCompressedSlicesAreErrorsOrVolumes) {
    CMTL_NEED_DATA("dicom/transfer-syntaxes");
    TemporaryFolder folder;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(test::data_folder() / "dicom/transfer-syntaxes"))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    const RoomLimit limit;
    Damage damage(7);
    int errors = 0;
    for (size_t n = 0; n < 160; ++n) {
        std::string bytes = read_file(files[n % files.size()]);
        damage.apply(bytes, n % 2 ? 0 : 3000);
        write_bytes(folder / "x.dcm", bytes);
        errors += is_error(folder / "x.dcm", n % 3 == 0);
        ASSERT_FALSE(HasFailure()) << "file " << n << ": " << files[n % files.size()];
    }
    EXPECT_GT(errors, 20);
}

}  // namespace
}  // namespace cmtl
