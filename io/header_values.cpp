#include "io/header_values.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>
#include <memory>

#include "io/image_io.hpp"

namespace cmtl::header {

std::string head_of(const fs::path& path, size_t count) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) fail(ErrorKind::input, "file", "{}: cannot be opened", path.string());
    std::string head(count, '\0');
    const int got = gzread(file.get(), head.data(), static_cast<unsigned>(count));
    head.resize(static_cast<size_t>(std::max(got, 0)));
    return head;
}

namespace {
using GzipFile = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

GzipFile opened_at(const fs::path& path, uint64_t begin) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(ErrorKind::input, "file", "{}: cannot be opened", path.string());
    ::lseek(descriptor, static_cast<off_t>(begin), SEEK_SET);
    GzipFile file(gzdopen(descriptor, "rb"), gzclose);
    if (!file) {
        ::close(descriptor);
        throw std::bad_alloc();
    }
    gzbuffer(file.get(), 1 << 18);
    return file;
}
}  // namespace

uint64_t read_gzip(const fs::path& path, uint64_t begin, uint64_t skip, std::span<std::byte> out) {
    const GzipFile file = opened_at(path, begin);
    if (skip > 0 && gzseek(file.get(), static_cast<z_off_t>(skip), SEEK_CUR) < 0) return 0;
    size_t have = 0;
    while (have < out.size()) {
        const auto want = static_cast<unsigned>(std::min<size_t>(out.size() - have, size_t{1} << 30));
        const int got = gzread(file.get(), out.data() + have, want);
        if (got <= 0) break;
        have += static_cast<size_t>(got);
    }
    return have;
}

bool is_gzip(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return in.get() == 0x1F && in.get() == 0x8B;
}

void check_gzip_length(const char* tag, const fs::path& path, uint64_t begin, uint64_t needed) {
    const uint64_t packed = fs::file_size(path) - begin;
    // Deflate packs at most 1032 to 1 (RFC 1951).
    if (needed > 1032 * packed + 1024)
        bad(tag, path,
            "truncated or damaged: {} bytes of image data cannot be in {} compressed bytes; copy the file again",
            needed, packed);
    std::ifstream in(path, std::ios::binary);
    in.seekg(-4, std::ios::end);
    unsigned char last[4] = {};
    in.read(reinterpret_cast<char*>(last), 4);
    const uint32_t recorded =
        uint32_t{last[0]} | uint32_t{last[1]} << 8 | uint32_t{last[2]} << 16 | uint32_t{last[3]} << 24;
    if (in && recorded == static_cast<uint32_t>(needed)) return;
    const GzipFile file = opened_at(path, begin);
    std::vector<char> buffer(1 << 18);
    uint64_t have = 0;
    while (have < needed) {
        const int got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
        if (got <= 0) break;
        have += static_cast<uint64_t>(got);
    }
    if (have < needed)
        bad(tag, path, "truncated or damaged: {} of {} bytes are there; copy the file again", have, needed);
}

void check_zlib_stream(const char* tag, const fs::path& path, uint64_t begin, uint64_t needed) {
    std::ifstream in(path, std::ios::binary);
    in.seekg(static_cast<int64_t>(begin));
    z_stream z = {};
    if (inflateInit2(&z, 15 + 32) != Z_OK) throw std::bad_alloc();  // zlib or gzip
    std::vector<char> packed(1 << 17), plain(1 << 18);
    uint64_t have = 0;
    int code = Z_OK;
    while (code == Z_OK && have <= needed) {
        if (z.avail_in == 0) {
            in.read(packed.data(), std::ssize(packed));
            z.avail_in = static_cast<uInt>(in.gcount());
            z.next_in = reinterpret_cast<Bytef*>(packed.data());
            if (z.avail_in == 0) break;
        }
        z.next_out = reinterpret_cast<Bytef*>(plain.data());
        z.avail_out = static_cast<uInt>(plain.size());
        code = inflate(&z, Z_NO_FLUSH);
        have += plain.size() - z.avail_out;
    }
    inflateEnd(&z);
    if (code != Z_STREAM_END || have != needed)
        bad(tag, path, "truncated or damaged: {} of {} bytes of image data could be unpacked; copy the file again",
            have, needed);
}

void check_length(const char* tag, const fs::path& path, uint64_t needed) {
    const uint64_t have = fs::file_size(path);
    if (have < needed)
        bad(tag, path, "truncated or damaged: {} of {} bytes are there; copy the file again", have, needed);
}

int64_t check_sizes(const char* tag, const fs::path& path, const std::vector<int64_t>& sizes) {
    std::string shown;
    for (int64_t n : sizes) shown += fmt::format("{}{}", shown.empty() ? "" : " x ", n);
    double voxels = 1;
    for (int64_t n : sizes) {
        if (n < 1 || n > 65536) bad(tag, path, "an image of {} voxels cannot be right: the header is damaged", shown);
        voxels *= static_cast<double>(n);
    }
    if (sizes.size() < 3) bad(tag, path, "a {}-D image ({}); a volume has three dimensions", sizes.size(), shown);
    for (size_t n = 3; n < sizes.size(); ++n)
        if (sizes[n] != 1)
            bad(tag, path, "a {}-D image ({}); a volume has three dimensions: extract one volume from it", sizes.size(),
                shown);
    if (voxels > double(max_voxels))
        bad(tag, path, "{} voxels are more than 2^30: the header is damaged, or resample the image", shown);
    return static_cast<int64_t>(voxels);
}

void check_spacing_value(const char* tag, const fs::path& path, double mm) {
    if (!(std::abs(mm) >= 0.01 && std::abs(mm) <= 100))
        bad(tag, path, "a voxel spacing of {} mm cannot be right (0.01 to 100 mm)", mm);
}

std::string trimmed(std::string s) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!s.empty() && blank(s.back())) s.pop_back();
    s.erase(s.begin(), std::find_if_not(s.begin(), s.end(), blank));
    return s;
}

std::string lower(std::string s) {
    for (char& c : s) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return s;
}

fs::path data_file(const char* tag, const fs::path& header, const std::string& name) {
    const fs::path path = fs::path(name).is_absolute() ? fs::path(name) : header.parent_path() / name;
    std::error_code code;
    if (!fs::is_regular_file(path, code)) bad(tag, header, "its data file {} is missing", path.string());
    return path;
}

}  // namespace cmtl::header
