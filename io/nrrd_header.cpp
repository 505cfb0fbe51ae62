#include <fstream>
#include <map>

#include "io/header_checks.hpp"
#include "io/header_values.hpp"

namespace cmtl {

using namespace header;

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
