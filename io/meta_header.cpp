#include <map>

#include "io/header_checks.hpp"
#include "io/header_values.hpp"

namespace cmtl {

using namespace header;

namespace {

// "ElementDataFile = LIST": a line for each slice's file.
void check_list(const fs::path& path, const std::string& head, size_t at, const std::vector<int64_t>& sizes,
                uint64_t slice_bytes) {
    constexpr const char* tag = "meta";
    int64_t files = 0;
    for (; at < head.size() && files < sizes[2]; ++files) {
        const size_t end = std::min(head.find('\n', at), head.size());
        const std::string name = trimmed(head.substr(at, end - at));
        at = end + 1;
        if (name.empty()) break;
        check_length(tag, data_file(tag, path, name), slice_bytes);
    }
    if (files != sizes[2])
        bad(tag, path, "the list names {} data files for {} slices; copy the header again", files, sizes[2]);
}

}  // namespace

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
    const uint64_t raw = static_cast<uint64_t>(voxels) * static_cast<uint64_t>(bytes.at(type));
    if (lower(file) == "list") {
        if (packed) bad(tag, path, "a list of compressed data files is not supported; write one file");
        return check_list(path, head, at, sizes, raw / static_cast<uint64_t>(sizes[2]) + static_cast<uint64_t>(skip));
    }
    if (file.empty() || lower(file).rfind("list", 0) == 0 || file.find('%') != std::string::npos)
        bad(tag, path,
            "voxels spread over files of a pattern are not supported (ElementDataFile = {}); name them in a LIST",
            file);
    const fs::path data = local ? path : data_file(tag, path, file);
    const uint64_t begin = (local ? at : 0) + static_cast<uint64_t>(skip), size = fs::file_size(data);
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
        // MetaIO takes what a broken stream gives and leaves zeros for the rest.
        check_zlib_stream(tag, data, begin, raw);
    } else if (size < begin + raw) {
        bad(tag, path, "truncated or damaged: {} of {} bytes of image data are there; copy the file again",
            size - std::min(begin, size), raw);
    }
}

}  // namespace cmtl
