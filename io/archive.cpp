#include "io/archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/dicom.hpp"
#include "io/header_checks.hpp"
#include "io/header_values.hpp"

namespace cmtl {

namespace {

constexpr const char* tag = "archive";

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

bool is_zip(const std::string& head) {
    return head.size() >= 4 && head[0] == 'P' && head[1] == 'K' &&
           ((head[2] == 3 && head[3] == 4) || (head[2] == 5 && head[3] == 6) || (head[2] == 7 && head[3] == 8));
}

// The header's checksum, which tars of 1979 have, too.
bool is_tar(const std::string& head) {
    if (head.size() < 512 || head[0] == 0) return false;
    unsigned sum = 0, recorded = 0;
    for (size_t n = 0; n < 512; ++n) sum += n >= 148 && n < 156 ? ' ' : static_cast<unsigned char>(head[n]);
    size_t at = 148;
    while (at < 156 && head[at] == ' ') ++at;
    for (; at < 156 && head[at] >= '0' && head[at] <= '7'; ++at)
        recorded = recorded * 8 + static_cast<unsigned>(head[at] - '0');
    return sum == recorded;
}

// Path components of a member. Windows' packers write backslashes.
std::vector<std::string> parts_of(std::string name) {
    std::replace(name.begin(), name.end(), '\\', '/');
    std::vector<std::string> parts;
    for (size_t at = 0; at <= name.size();) {
        const size_t end = std::min(name.find('/', at), name.size());
        if (const std::string part = name.substr(at, end - at); !part.empty() && part != ".") parts.push_back(part);
        at = end + 1;
    }
    return parts;
}

bool leads_outside(const std::string& name, const std::vector<std::string>& parts) {
    return name[0] == '/' || name[0] == '\\' || (name.size() > 1 && name[1] == ':') ||
           std::find(parts.begin(), parts.end(), "..") != parts.end();
}

// Whether a MetaImage or NRRD header names voxels outside of its own folder and those below.
bool names_outside(const fs::path& path) {
    std::istringstream lines(header::head_of(path, 1 << 16));
    bool list = false;  // file names, one a line
    for (std::string line; std::getline(lines, line) && !header::trimmed(line).empty();) {
        const size_t end = line.find_first_of("=:");
        const std::string key = header::lower(header::trimmed(line.substr(0, end)));
        const bool named = end != line.npos && (key == "elementdatafile" || key == "data file" || key == "datafile");
        if (!named && !list) continue;
        const std::string value = header::trimmed(list ? line : line.substr(end + 1));
        if (!value.empty() && leads_outside(value, parts_of(value))) return true;
        if (named && header::lower(value).rfind("list", 0) != 0) return false;
        list = true;
    }
    return false;
}

bool is_litter(const std::vector<std::string>& parts) {
    const std::string last = header::lower(parts.back());
    return parts[0] == "__MACOSX" || last.rfind("._", 0) == 0 || last == ".ds_store" || last == "thumbs.db" ||
           last == "desktop.ini" || last == "dicomdir";
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (size_t n = 0; n < std::min<size_t>(names.size(), 5); ++n) text += (n ? ", " : "") + names[n];
    return names.size() > 5 ? text + ", ..." : text;
}

// Member names that the locale cannot show are taken as UTF-8.
std::string name_of(archive_entry* entry, int64_t number) {
    const char* name = archive_entry_pathname(entry);
    if (!name) name = archive_entry_pathname_utf8(entry);
    return name && *name ? name : fmt::format("member-{}", number);
}

std::string said_by(archive* reader) {
    const char* text = archive_error_string(reader);
    return text ? text : "unknown reason";
}

fs::path make_private_folder(const fs::path& archive) {
    std::error_code code;
    const fs::path parent = fs::temp_directory_path(code);
    std::string folder = (parent / "cmtl-XXXXXX").string();
    if (code || !::mkdtemp(folder.data()))
        fail(ErrorKind::resource, tag,
             "{}: cannot be unpacked: no folder can be made in '{}': {}; let TMPDIR name a folder with room",
             archive.string(), parent.string(), code ? code.message() : std::strerror(errno));
    return folder;
}

// A file being written; it exists nowhere else yet.
class Member {
  public:
    Member(const fs::path& archive, const std::string& name, const fs::path& path)
        : archive_(archive), name_(name), folder_(path.parent_path()) {
        std::error_code code;
        fs::create_directories(folder_, code);
        if (!code) descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        const int number = code ? code.value() : errno;
        if (descriptor_ < 0 && number != EEXIST && number != ENOTDIR && number != EISDIR) no_room(number);
        if (descriptor_ < 0)
            fail(ErrorKind::input, tag, "{}: two members are called {}; pack it again", archive_.string(), name_);
    }
    ~Member() { ::close(descriptor_); }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    void write(const void* data, size_t size, int64_t offset) {
        const char* bytes = static_cast<const char*>(data);
        while (size > 0) {
            const ssize_t n = ::pwrite(descriptor_, bytes, size, offset);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) no_room(errno);
            bytes += n, offset += n, size -= static_cast<size_t>(n);
        }
    }

  private:
    [[noreturn]] void no_room(int number) const {
        fail(ErrorKind::resource, tag,
             "{}: {} cannot be unpacked into {}: {}; free some space there or let TMPDIR name another folder",
             archive_.string(), name_, folder_.string(), std::strerror(number));
    }
    const fs::path& archive_;
    const std::string& name_;
    fs::path folder_;
    int descriptor_ = -1;
};

// What libarchive does not look at: a tar that was cut between two members lacks the zeros at its end, and damage to a
// gzip stream shows in its checksum.
void check_end(const fs::path& archive) {
    const std::string head = header::head_of(archive, 512);
    if (is_zip(head)) return;
    std::string buffer(1 << 17, '\0');
    if (header::is_gzip(archive)) {
        const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(archive.c_str(), "rb"), gzclose);
        if (!file) throw std::bad_alloc();
        int got;
        while ((got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
        }
        int code = Z_OK;
        gzerror(file.get(), &code);
        if (got < 0 || code != Z_OK)
            fail(ErrorKind::input, tag, "{}: truncated or damaged: its checksum is wrong; copy the file again",
                 archive.string());
        return;
    }
    std::ifstream in(archive, std::ios::binary);
    in.seekg(-512, std::ios::end);
    in.read(buffer.data(), 512);
    if (!in || std::count(buffer.begin(), buffer.begin() + 512, '\0') != 512)
        fail(ErrorKind::input, tag, "{}: truncated: the end of the archive is missing; copy the file again",
             archive.string());
}

}  // namespace

bool is_archive(const fs::path& path) {
    std::error_code code;
    if (!fs::is_regular_file(path, code) || ::access(path.c_str(), R_OK) != 0) return false;
    const std::string head = header::head_of(path, 512);
    return (is_zip(head) && !header::is_gzip(path)) || is_tar(head);
}

UnpackedArchive::UnpackedArchive(fs::path archive, const ArchiveLimits& limits)
    : archive_(std::move(archive)), folder_(make_private_folder(archive_)) {
    try {
        unpack(limits);
    } catch (...) {
        std::error_code code;
        fs::remove_all(folder_, code);
        throw;
    }
}

UnpackedArchive::~UnpackedArchive() {
    std::error_code code;
    fs::remove_all(folder_, code);
}

void UnpackedArchive::unpack(const ArchiveLimits& limits) {
    const std::string name = archive_.string();
    const auto damaged = [&](const std::string& member, const std::string& why) {
        fail(ErrorKind::input, tag, "{}: {}truncated or damaged: {}; copy the file again", name,
             member.empty() ? "" : member + ": ", why);
    };
    const Reader reader(archive_read_new(), archive_read_free);
    if (!reader) throw std::bad_alloc();
    // The reader that streams zips would take one that is cut between two members for a whole one.
    archive_read_support_format_zip_seekable(reader.get());
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_gzip(reader.get());
    const std::string head = header::head_of(archive_, 512);
    const auto empty = [&] { fail(ErrorKind::input, tag, "{}: an empty archive: there is no file in it", name); };
    if (is_zip(head) && head[2] == 5) empty();  // a directory alone
    if (archive_read_open_filename(reader.get(), archive_.c_str(), 1 << 16) != ARCHIVE_OK)
        damaged("", is_zip(head) ? "its directory is missing" : said_by(reader.get()));

    const uint64_t packed = fs::file_size(archive_);
    uint64_t before = 0;  // bytes of the members in front of this one
    int64_t entries = 0;
    const auto check_room = [&](uint64_t unpacked, const std::string& member) {
        if (unpacked > limits.bytes)
            fail(ErrorKind::input, tag, "{}: unpacks to more than {} bytes (at {}): that is no CT", name, limits.bytes,
                 member);
        if (unpacked > limits.free_bytes && unpacked / limits.ratio > packed)
            fail(ErrorKind::input, tag, "{}: its {} bytes unpack to more than {} times as many (at {}): that is no CT",
                 name, packed, limits.ratio, member);
    };
    for (archive_entry* entry = nullptr;;) {
        const int code = archive_read_next_header(reader.get(), &entry);
        if (code == ARCHIVE_EOF) break;
        if (code < ARCHIVE_WARN) damaged("", said_by(reader.get()));  // a warning is about a name's letters
        if (++entries > limits.entries)
            fail(ErrorKind::input, tag, "{}: more than {} members: that is no CT", name, limits.entries);
        const std::string member = name_of(entry, entries);
        const std::vector<std::string> parts = parts_of(member);
        if (leads_outside(member, parts))
            fail(ErrorKind::input, tag, "{}: the member {} leads out of the archive: do not trust this file", name,
                 member);
        const bool link = archive_entry_hardlink(entry) || archive_entry_symlink(entry);
        if (!link && archive_entry_filetype(entry) == AE_IFDIR) continue;
        if (parts.empty() || is_litter(parts)) continue;
        if (link || archive_entry_filetype(entry) != AE_IFREG) {
            skipped_.push_back(member);
            continue;
        }
        if (archive_entry_is_encrypted(entry))
            fail(ErrorKind::input, tag, "{}: {} is encrypted: unpack it with its password and give the folder", name,
                 member);
        members_.push_back(fmt::format("{}", fmt::join(parts, "/")));
        Member file(archive_, member, folder_ / members_.back());
        const void* data = nullptr;
        size_t size = 0;
        int64_t offset = 0;
        uint64_t end = 0;  // holes of a sparse file count, too: readers fill them
        int state;
        while ((state = archive_read_data_block(reader.get(), &data, &size, &offset)) == ARCHIVE_OK) {
            end = std::max(end, static_cast<uint64_t>(offset) + size);
            check_room(before + end, member);
            file.write(data, size, offset);
        }
        if (state != ARCHIVE_EOF) damaged(member, said_by(reader.get()));
        before += end;
    }
    check_end(archive_);
    if (members_.empty()) empty();
}

fs::path UnpackedArchive::image() const {
    std::vector<std::string> images, archives, data;
    int64_t slices = 0;
    for (const std::string& member : members_) {
        const fs::path path = folder_ / member;
        const std::string name = header::lower(path.filename().string());
        // Voxels that a header beside them names may begin like anything.
        if (name.ends_with(".raw") || name.ends_with(".zraw") || name.ends_with(".img") || name.ends_with(".img.gz"))
            continue;
        if (is_archive(path))
            archives.push_back(member);
        else if (detect_format(path) != FileFormat::unknown)
            images.push_back(member);
        else if (is_dicom(path))
            ++slices;
    }
    std::sort(images.begin(), images.end());
    if (images.size() + (slices > 0) > 1)
        fail(ErrorKind::input, tag, "{}: more than one image: {}{}; unpack it and give one of them", archive_.string(),
             listed(images), slices ? fmt::format(" and {} DICOM files", slices) : "");
    if (slices) return folder_;
    if (images.size() == 1) {
        const fs::path path = folder_ / images[0];
        const FileFormat format = detect_format(path);
        if ((format == FileFormat::meta || format == FileFormat::nrrd) && names_outside(path))
            fail(ErrorKind::input, tag, "{}: {} names voxels outside of the archive: do not trust this file",
                 archive_.string(), images[0]);
        return path;
    }
    if (!archives.empty())
        fail(ErrorKind::input, tag, "{}: holds an archive ({}), which stays closed: unpack it and give that",
             archive_.string(), listed(archives));
    fail(ErrorKind::input, tag, "{}: no DICOM, NIfTI, MetaImage or NRRD image among its {} file{}: {}",
         archive_.string(), members_.size(), members_.size() == 1 ? "" : "s", listed(members_));
}

std::string UnpackedArchive::told(std::string message) const {
    const std::string inside = folder_.string();
    for (size_t at = 0; (at = message.find(inside, at)) != std::string::npos; at += archive_.string().size())
        message.replace(at, inside.size(), archive_.string());
    return message;
}

uint64_t read_bzip2(const fs::path& path, uint64_t begin, uint64_t skip, std::span<std::byte> out) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    const std::unique_ptr<const int, void (*)(const int*)> closed(&descriptor, [](const int* d) { ::close(*d); });
    ::lseek(descriptor, static_cast<off_t>(begin), SEEK_SET);
    const Reader reader(archive_read_new(), archive_read_free);
    if (!reader) throw std::bad_alloc();
    archive_read_support_filter_bzip2(reader.get());
    archive_read_support_format_raw(reader.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_fd(reader.get(), descriptor, 1 << 16) != ARCHIVE_OK ||
        archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        return 0;
    std::vector<std::byte> passed(std::min<uint64_t>(skip, 1 << 16));
    uint64_t have = 0;
    while (have < skip + out.size()) {
        const auto to = have < skip ? std::span(passed).first(std::min<uint64_t>(skip - have, passed.size()))
                                    : out.subspan(have - skip);
        const la_ssize_t got = archive_read_data(reader.get(), to.data(), to.size());
        if (got <= 0) break;
        have += static_cast<uint64_t>(got);
    }
    return have - std::min(have, skip);
}

}  // namespace cmtl
