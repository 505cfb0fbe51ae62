#include "io/nrrd.hpp"

#include <charconv>
#include <cstring>
#include <fstream>
#include <span>

#include "base/files.hpp"
#include "io/archive.hpp"
#include "io/header_values.hpp"

namespace cmtl {

using namespace header;

namespace {

constexpr const char* tag = "nrrd";

[[noreturn]] void cut(const fs::path& path, uint64_t have, uint64_t needed) {
    bad(tag, path, "truncated or damaged: {} of {} bytes of image data are there; copy the file again", have, needed);
}

void read_raw(const NrrdHeader& header, const fs::path& path, std::span<std::byte> out) {
    std::ifstream in(header.data, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(header.begin));
    in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
    if (static_cast<size_t>(in.gcount()) != out.size()) cut(path, static_cast<uint64_t>(in.gcount()), out.size());
}

// Numbers between blanks and commas.
template <class T>
void read_text(const NrrdHeader& header, const fs::path& path, std::vector<T>& out) {
    const std::string text = read_file(header.data);
    const char *at = text.data() + std::min<size_t>(header.begin, text.size()), *end = text.data() + text.size();
    for (size_t n = 0; n < out.size(); ++n) {
        while (at < end && (*at == ' ' || *at == ',' || (*at >= '\t' && *at <= '\r'))) ++at;
        if (at < end && *at == '+') ++at;
        const auto [rest, code] = std::from_chars(at, end, out[n]);
        if (code != std::errc{})
            bad(tag, path, "value {} of {} is '{}', which is no number of the type", n + 1, out.size(),
                std::string(at, std::min(end, at + 12)));
        at = rest;
    }
}

// Fills a vector of header.type.
auto loader(const NrrdHeader& header, const fs::path& path) {
    return [&header, &path]<class T>(std::vector<T>& out) {
        using E = NrrdHeader::Encoding;
        if (header.encoding == E::ascii) return read_text(header, path, out);
        const auto bytes = std::as_writable_bytes(std::span(out));
        uint64_t have = bytes.size();
        if (header.encoding == E::raw) read_raw(header, path, bytes);
        if (header.encoding == E::gzip) have = read_gzip(header.data, header.begin, header.skip, bytes);
        if (header.encoding == E::bzip2) have = read_bzip2(header.data, header.begin, header.skip, bytes);
        if (have < bytes.size()) cut(path, have, bytes.size());
        if (header.swap) swap_bytes(out);
    };
}

NrrdHeader opened(const fs::path& path, ReadReport& report) {
    NrrdHeader header = read_nrrd_header(path);
    report.warnings.insert(report.warnings.end(), header.warnings.begin(), header.warnings.end());
    return header;
}

}  // namespace

Volume read_nrrd(const fs::path& path, ReadReport& report) {
    const NrrdHeader header = opened(path, report);
    return load_volume(header.geometry, header.type, loader(header, path));
}

AnyImage read_any_nrrd(const fs::path& path, ReadReport& report) {
    const NrrdHeader header = opened(path, report);
    return load_any(header.geometry, header.type, path, tag, loader(header, path));
}

}  // namespace cmtl
