#pragma once
// Scans that arrive packed: .zip, .tar, .tar.gz. read_volume() (io/image_io.hpp) is the door; only archive.cpp sees
// libarchive.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cmtl {

// What an archive may unpack to. A CT packs 2 to 5 to 1, lungs on zeros up to 100 to 1; deflate reaches 1032 to 1.
struct ArchiveLimits {
    int64_t entries = 100000;
    uint64_t bytes = uint64_t{8} << 30;
    uint64_t ratio = 300;  // unpacked to packed, looked at above `free_bytes`
    uint64_t free_bytes = uint64_t{64} << 20;
};

// By content: zip, tar, or a tar inside of gzip. False where the file cannot be read.
bool is_archive(const std::filesystem::path& path);

// The files of an archive, in a private folder below TMPDIR (mode 0700) that the destructor removes. Folders,
// DICOMDIRs and what file managers leave (__MACOSX, ._*, .DS_Store, Thumbs.db, desktop.ini) are passed over; links and
// devices are, too, and named in skipped(). Archives inside of the archive stay closed.
// Throws Error(input), naming archive and member, where a member's path leads out of the folder, where the archive is
// encrypted, truncated, damaged, empty or beyond a limit; Error(resource), naming the folder, where there is no room.
// A process that is killed leaves the folder behind.
class UnpackedArchive {
  public:
    explicit UnpackedArchive(std::filesystem::path archive, const ArchiveLimits& limits = {});
    ~UnpackedArchive();
    UnpackedArchive(const UnpackedArchive&) = delete;
    UnpackedArchive& operator=(const UnpackedArchive&) = delete;

    // What is to be read: the folder where DICOM images lie anywhere in it, or the one NIfTI, MetaImage or NRRD file.
    // Throws Error(input) where there is none, or more than one, and lists them.
    std::filesystem::path image() const;

    // A message in which the archive's name stands for the folder's.
    std::string told(std::string message) const;

    const std::vector<std::string>& skipped() const { return skipped_; }

  private:
    void unpack(const ArchiveLimits& limits);

    std::filesystem::path archive_, folder_;
    std::vector<std::string> members_, skipped_;  // paths inside of the archive
};

// Unpacks the bzip2 stream that begins at byte `begin` of a file, passes over `skip` of its bytes and fills `out`.
// Returns how many bytes of `out` are there: fewer where the stream ends or is damaged.
uint64_t read_bzip2(const std::filesystem::path& path, uint64_t begin, uint64_t skip, std::span<std::byte> out);

}  // namespace cmtl
