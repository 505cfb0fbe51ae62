#include "io/header_checks.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/image_io.hpp"

namespace cmtl {

namespace {

template <class... Args>
[[noreturn]] void bad(const char* format_tag, const fs::path& path, fmt::format_string<Args...> format,
                      Args&&... args) {
    fail(ErrorKind::input, format_tag, "{}: {}", path.string(), fmt::format(format, std::forward<Args>(args)...));
}

// The first `count` bytes, inflated where the file is gzip. Fewer where the file ends.
std::string head_of(const fs::path& path, size_t count) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) fail(ErrorKind::input, "file", "{}: cannot be opened", path.string());
    std::string head(count, '\0');
    const int got = gzread(file.get(), head.data(), static_cast<unsigned>(count));
    head.resize(static_cast<size_t>(std::max(got, 0)));
    return head;
}

bool is_gzip(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return in.get() == 0x1F && in.get() == 0x8B;
}

// Whether the gzip stream that begins at byte `begin` holds at least `needed` bytes. The length that its last four
// bytes record is believed where it is exactly the expected one (damaged or cut files do not end so); otherwise the
// stream is inflated and counted.
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
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) bad(tag, path, "cannot be opened");
    ::lseek(descriptor, static_cast<off_t>(begin), SEEK_SET);
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzdopen(descriptor, "rb"), gzclose);
    if (!file) {
        ::close(descriptor);
        throw std::bad_alloc();
    }
    gzbuffer(file.get(), 1 << 17);
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

// MetaIO takes what a broken zlib stream gives and leaves zeros for the rest: the stream is inflated here first, to its
// end and its checksum.
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

// Sizes along i, j, k and then ones.
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

template <class Number>
std::vector<Number> numbers(const char* tag, const fs::path& path, const std::string& key, const std::string& value) {
    std::vector<Number> out;
    std::istringstream words(value);
    for (std::string word; words >> word;) {
        Number n{};
        const char* first = word.data() + (word[0] == '+');
        const auto [rest, code] = std::from_chars(first, word.data() + word.size(), n);
        if (code != std::errc{} || rest != word.data() + word.size())
            bad(tag, path, "'{} = {}' should hold numbers", key, value);
        if constexpr (std::is_floating_point_v<Number>)
            if (!std::isfinite(n)) bad(tag, path, "'{} = {}' should hold finite numbers", key, value);
        out.push_back(n);
    }
    return out;
}

fs::path data_file(const char* tag, const fs::path& header, const std::string& name) {
    const fs::path path = fs::path(name).is_absolute() ? fs::path(name) : header.parent_path() / name;
    std::error_code code;
    if (!fs::is_regular_file(path, code)) bad(tag, header, "its data file {} is missing", path.string());
    return path;
}

}  // namespace

FileFormat detect_format(const fs::path& path) {
    const std::string head = head_of(path, 352);
    if (head.rfind("NRRD", 0) == 0) return FileFormat::nrrd;
    if (head.size() >= 348 && (head.compare(344, 3, "n+1") == 0 || head.compare(344, 3, "ni1") == 0))
        return FileFormat::nifti;
    const std::string name = lower(path.filename().string());
    const auto ends = [&](std::string_view end) {
        return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
    };
    if (ends(".mha") || ends(".mhd") || head.rfind("ObjectType", 0) == 0 || head.rfind("NDims", 0) == 0)
        return FileFormat::meta;
    if (ends(".nii") || ends(".nii.gz")) return FileFormat::nifti;
    if (ends(".nrrd") || ends(".nhdr")) return FileFormat::nrrd;
    return FileFormat::unknown;
}

void check_nifti_header(const fs::path& path) {
    constexpr const char* tag = "nifti";
    const std::string h = head_of(path, 352);
    if (h.size() < 352) bad(tag, path, "no NIfTI image: {} bytes where the header alone has 352", h.size());
    int32_t header_size;
    std::memcpy(&header_size, h.data(), 4);
    const bool swap = header_size == 0x5C010000;
    if (header_size == 540 || header_size == 0x1C020000)
        bad(tag, path, "NIfTI-2 is not supported; convert it to NIfTI-1");
    if (header_size != 348 && !swap)
        bad(tag, path, "no NIfTI-1 header (it begins with {} instead of 348)", header_size);
    if (h.compare(344, 3, "ni1") == 0)
        bad(tag, path, "a header with its data in a second file (.hdr/.img) is not supported; convert it to .nii.gz");
    if (h.compare(344, 3, "n+1") != 0) bad(tag, path, "no NIfTI-1 header (its mark 'n+1' is missing)");
    const auto i16 = [&](size_t at) {
        uint16_t v;
        std::memcpy(&v, h.data() + at, 2);
        return static_cast<int16_t>(swap ? __builtin_bswap16(v) : v);
    };
    const auto f32 = [&](size_t at) {
        uint32_t v;
        std::memcpy(&v, h.data() + at, 4);
        if (swap) v = __builtin_bswap32(v);
        float f;
        std::memcpy(&f, &v, 4);
        return static_cast<double>(f);
    };
    const int dims = i16(40);
    if (dims < 1 || dims > 7) bad(tag, path, "{} dimensions: the header is damaged", dims);
    std::vector<int64_t> sizes;
    for (int d = 1; d <= dims; ++d) sizes.push_back(i16(40 + 2 * static_cast<size_t>(d)));
    const int64_t voxels = check_sizes(tag, path, sizes);
    static const std::map<int, int> bytes = {{2, 1}, {4, 2}, {8, 4}, {16, 4}, {64, 8}, {256, 1}, {512, 2}, {768, 4}};
    const int type = i16(70), bits = i16(72);
    if (!bytes.count(type))
        bad(tag, path, "the data type {} is no scalar that can be read (2, 4, 8, 16, 64, 256, 512 or 768)", type);
    if (bits != 8 * bytes.at(type))
        bad(tag, path, "{} bits per voxel do not fit the data type {}: the header is damaged", bits, type);
    for (size_t d = 1; d <= 3; ++d) {
        const double units = (h[123] & 7) == 1 ? 1000 : (h[123] & 7) == 3 ? 0.001 : 1;
        check_spacing_value(tag, path, f32(76 + 4 * d) * units);
    }
    if (!std::isfinite(f32(112)) || !std::isfinite(f32(116)))
        bad(tag, path, "the slope {} and intercept {} are no numbers", f32(112), f32(116));
    for (size_t at = 256; at < 328; at += 4)
        if (!std::isfinite(f32(at))) bad(tag, path, "the position and orientation in the header are no numbers");
    const double offset = f32(108);
    if (!(offset >= 352 && offset <= double(1 << 26)) || offset != std::floor(offset))
        bad(tag, path, "the image data cannot begin at byte {}: the header is damaged", offset);
    const uint64_t needed =
        static_cast<uint64_t>(offset) + static_cast<uint64_t>(voxels) * static_cast<uint64_t>(bytes.at(type));
    is_gzip(path) ? check_gzip_length(tag, path, 0, needed) : check_length(tag, path, needed);
}

void check_meta_header(const fs::path& path) {
    constexpr const char* tag = "meta";
    const std::string head = head_of(path, 1 << 16);
    std::map<std::string, std::string> keys;
    size_t at = 0;
    bool complete = false;
    while (at < head.size() && !complete) {
        const size_t end = head.find('\n', at);
        if (end == std::string::npos || end - at > 4096) break;
        const std::string line = head.substr(at, end - at);
        at = end + 1;
        const size_t equals = line.find('=');
        if (equals == std::string::npos)
            bad(tag, path, "no MetaImage header: line '{}' has no '='", line.substr(0, 40));
        const std::string key = trimmed(line.substr(0, equals));
        for (char c : line)
            if (static_cast<unsigned char>(c) < 9) bad(tag, path, "no MetaImage header: it is not text");
        keys[key] = trimmed(line.substr(equals + 1));
        complete = key == "ElementDataFile";
    }
    if (!complete) bad(tag, path, "no MetaImage header, or a truncated one: 'ElementDataFile' is missing");
    const auto need = [&](const std::string& key) -> const std::string& {
        if (!keys.count(key)) bad(tag, path, "'{}' is missing in the header", key);
        return keys.at(key);
    };
    const auto truth = [&](const std::string& key) {
        const auto it = keys.find(key);
        if (it == keys.end()) return false;
        const std::string v = lower(it->second);
        if (v != "true" && v != "false" && v != "1" && v != "0")
            bad(tag, path, "'{} = {}' should be True or False", key, it->second);
        return v == "true" || v == "1";
    };
    if (keys.count("ObjectType") && lower(keys["ObjectType"]) != "image")
        bad(tag, path, "an object of type '{}', not an image", keys["ObjectType"]);
    const auto dims = numbers<int64_t>(tag, path, "NDims", need("NDims"));
    if (dims.size() != 1 || dims[0] < 1 || dims[0] > 8) bad(tag, path, "'NDims = {}' cannot be right", need("NDims"));
    const auto sizes = numbers<int64_t>(tag, path, "DimSize", need("DimSize"));
    if (std::ssize(sizes) != dims[0])
        bad(tag, path, "'DimSize = {}' does not fit {} dimensions", need("DimSize"), dims[0]);
    const int64_t voxels = check_sizes(tag, path, sizes);
    static const std::map<std::string, int> bytes = {
        {"MET_CHAR", 1}, {"MET_UCHAR", 1}, {"MET_SHORT", 2},  {"MET_USHORT", 2},    {"MET_INT", 4},
        {"MET_UINT", 4}, {"MET_FLOAT", 4}, {"MET_DOUBLE", 8}, {"MET_LONG_LONG", 8}, {"MET_ULONG_LONG", 8}};
    const std::string& type = need("ElementType");
    if (!bytes.count(type)) bad(tag, path, "the element type '{}' is no scalar that can be read", type);
    if (keys.count("ElementNumberOfChannels") && keys["ElementNumberOfChannels"] != "1")
        bad(tag, path, "{} values per voxel; a CT has one", keys["ElementNumberOfChannels"]);
    bool spaced = false;
    for (const char* key : {"ElementSpacing", "ElementSize"}) {
        if (!keys.count(key)) continue;
        const auto spacing = numbers<double>(tag, path, key, keys[key]);
        if (std::ssize(spacing) != dims[0])
            bad(tag, path, "'{} = {}' does not fit {} dimensions", key, keys[key], dims[0]);
        for (size_t d = 0; d < 3; ++d) check_spacing_value(tag, path, spacing[d]);
        spaced = true;
    }
    if (!spaced) bad(tag, path, "'ElementSpacing' is missing in the header");
    for (const char* key : {"TransformMatrix", "Rotation", "Orientation"})
        if (keys.count(key) && std::ssize(numbers<double>(tag, path, key, keys[key])) != dims[0] * dims[0])
            bad(tag, path, "'{} = {}' does not fit {} dimensions", key, keys[key], dims[0]);
    for (const char* key : {"Offset", "Position", "Origin", "CenterOfRotation"})
        if (keys.count(key) && std::ssize(numbers<double>(tag, path, key, keys[key])) != dims[0])
            bad(tag, path, "'{} = {}' does not fit {} dimensions", key, keys[key], dims[0]);
    if (keys.count("BinaryData") && !truth("BinaryData"))
        bad(tag, path, "voxels written as text are not supported (BinaryData = False)");
    truth("BinaryDataByteOrderMSB"), truth("ElementByteOrderMSB");
    const bool packed = truth("CompressedData");
    int64_t skip = 0;
    if (keys.count("HeaderSize")) {
        const auto header = numbers<int64_t>(tag, path, "HeaderSize", keys["HeaderSize"]);
        if (header.size() != 1 || header[0] < -1)
            bad(tag, path, "'HeaderSize = {}' cannot be right", keys["HeaderSize"]);
        skip = std::max<int64_t>(header[0], 0);
    }
    const std::string& file = need("ElementDataFile");
    const bool local = lower(file) == "local";
    if (file.empty() || lower(file) == "list" || file.find('%') != std::string::npos)
        bad(tag, path, "voxels spread over several files are not supported (ElementDataFile = {})", file);
    const fs::path data = local ? path : data_file(tag, path, file);
    const uint64_t begin = (local ? at : 0) + static_cast<uint64_t>(skip), size = fs::file_size(data);
    const uint64_t raw = static_cast<uint64_t>(voxels) * static_cast<uint64_t>(bytes.at(type));
    if (packed) {
        if (begin >= size || raw > 1032 * (size - begin) + 1024)
            bad(tag, path,
                "truncated or damaged: {} bytes of image data cannot be in {} compressed bytes; copy the file again",
                raw, size - std::min(begin, size));
        if (keys.count("CompressedDataSize")) {
            const auto n = numbers<int64_t>(tag, path, "CompressedDataSize", keys["CompressedDataSize"]);
            if (n.size() != 1 || n[0] < 1 || static_cast<uint64_t>(n[0]) > size - begin)
                bad(tag, path, "truncated: {} of {} compressed bytes are there; copy the file again", size - begin,
                    keys["CompressedDataSize"]);
        }
        check_zlib_stream(tag, data, begin, raw);
    } else if (size < begin + raw) {
        bad(tag, path, "truncated or damaged: {} of {} bytes of image data are there; copy the file again",
            size - std::min(begin, size), raw);
    }
}

void check_nrrd_header(const fs::path& path) {
    constexpr const char* tag = "nrrd";
    const std::string head = head_of(path, 1 << 16);
    if (head.rfind("NRRD000", 0) != 0) bad(tag, path, "no NRRD image (it does not begin with 'NRRD000')");
    std::map<std::string, std::string> keys;
    size_t at = head.find('\n');
    bool complete = false;
    while (at != std::string::npos && !complete) {
        const size_t end = head.find('\n', ++at);
        if (end == std::string::npos) break;
        const std::string line = trimmed(head.substr(at, end - at));
        at = end;
        complete = line.empty();
        if (complete || line[0] == '#' || line.find(":=") != std::string::npos) continue;
        const size_t colon = line.find(':');
        if (colon == std::string::npos) bad(tag, path, "no NRRD header: line '{}' has no ':'", line.substr(0, 40));
        keys[lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    const bool detached = keys.count("data file") || keys.count("datafile");
    if (!complete && !detached)
        bad(tag, path, "no NRRD header, or a truncated one: the empty line that ends it is missing");
    const auto need = [&](const std::string& key) -> const std::string& {
        if (!keys.count(key)) bad(tag, path, "'{}' is missing in the header", key);
        return keys.at(key);
    };
    const auto dims = numbers<int64_t>(tag, path, "dimension", need("dimension"));
    if (dims.size() != 1 || dims[0] < 1 || dims[0] > 16)
        bad(tag, path, "'dimension: {}' cannot be right", need("dimension"));
    const auto sizes = numbers<int64_t>(tag, path, "sizes", need("sizes"));
    if (std::ssize(sizes) != dims[0]) bad(tag, path, "'sizes: {}' does not fit {} dimensions", need("sizes"), dims[0]);
    const int64_t voxels = check_sizes(tag, path, sizes);
    static const std::map<std::string, int> bytes = {{"signed char", 1},
                                                     {"int8", 1},
                                                     {"int8_t", 1},
                                                     {"uchar", 1},
                                                     {"unsigned char", 1},
                                                     {"uint8", 1},
                                                     {"uint8_t", 1},
                                                     {"short", 2},
                                                     {"short int", 2},
                                                     {"signed short", 2},
                                                     {"signed short int", 2},
                                                     {"int16", 2},
                                                     {"int16_t", 2},
                                                     {"ushort", 2},
                                                     {"unsigned short", 2},
                                                     {"unsigned short int", 2},
                                                     {"uint16", 2},
                                                     {"uint16_t", 2},
                                                     {"int", 4},
                                                     {"signed int", 4},
                                                     {"int32", 4},
                                                     {"int32_t", 4},
                                                     {"uint", 4},
                                                     {"unsigned int", 4},
                                                     {"uint32", 4},
                                                     {"uint32_t", 4},
                                                     {"float", 4},
                                                     {"double", 8},
                                                     {"longlong", 8},
                                                     {"long long", 8},
                                                     {"int64", 8},
                                                     {"int64_t", 8},
                                                     {"ulonglong", 8},
                                                     {"unsigned long long", 8},
                                                     {"uint64", 8},
                                                     {"uint64_t", 8}};
    const std::string type = lower(need("type"));
    if (!bytes.count(type)) bad(tag, path, "the type '{}' is no scalar that can be read", need("type"));
    const std::string encoding = lower(need("encoding"));
    const bool gzip = encoding == "gzip" || encoding == "gz", raw_bytes = encoding == "raw";
    if (!gzip && !raw_bytes) bad(tag, path, "the encoding '{}' is not supported (raw or gzip)", need("encoding"));
    if (bytes.at(type) > 1 && lower(need("endian")) != "little" && lower(need("endian")) != "big")
        bad(tag, path, "'endian: {}' should be little or big", need("endian"));
    for (const char* key : {"line skip", "lineskip", "byte skip", "byteskip"})
        if (keys.count(key)) {
            const auto n = numbers<int64_t>(tag, path, key, keys[key]);
            if (n.size() != 1 || n[0] < -1 || n[0] > (int64_t{1} << 31))
                bad(tag, path, "'{}: {}' cannot be right", key, keys[key]);
        }
    fs::path data = path;
    uint64_t begin = std::min<uint64_t>(at + 1, fs::file_size(path));
    if (detached) {
        const std::string file = keys.count("data file") ? keys["data file"] : keys["datafile"];
        if (file.empty() || lower(file).rfind("list", 0) == 0 || file.find('%') != std::string::npos)
            bad(tag, path, "voxels spread over several files are not supported (data file: {})", file);
        data = data_file(tag, path, file);
        begin = 0;
    }
    const uint64_t raw = static_cast<uint64_t>(voxels) * static_cast<uint64_t>(bytes.at(type)),
                   have = fs::file_size(data) - begin;
    if (!gzip) {
        if (raw > have)
            bad(tag, path, "truncated or damaged: {} of {} bytes of image data are there; copy the file again", have,
                raw);
        return;
    }
    std::ifstream in(data, std::ios::binary);
    in.seekg(static_cast<int64_t>(begin));
    if (in.get() != 0x1F || in.get() != 0x8B) bad(tag, path, "the data are not gzip, though the header says so");
    check_gzip_length(tag, data, begin, raw);
}

}  // namespace cmtl
