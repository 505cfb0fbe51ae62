#include <fstream>
#include <map>

#include "io/header_checks.hpp"
#include "io/header_values.hpp"
#include "io/nrrd.hpp"

namespace cmtl {

using namespace header;

namespace {

constexpr const char* tag = "nrrd";

class Keys {
  public:
    explicit Keys(const fs::path& path) : path_(path) {
        const std::string head = head_of(path, 1 << 16);
        if (head.rfind("NRRD000", 0) != 0) bad(tag, path, "no NRRD image (it does not begin with 'NRRD000')");
        size_t at = head.find('\n');
        while (at != std::string::npos && !complete_) {
            const size_t end = head.find('\n', ++at);
            if (end == std::string::npos) break;
            const std::string line = trimmed(head.substr(at, end - at));
            at = end;
            complete_ = line.empty();
            if (complete_ || line[0] == '#' || line.find(":=") != std::string::npos) continue;
            const size_t colon = line.find(':');
            if (colon == std::string::npos) bad(tag, path, "no NRRD header: line '{}' has no ':'", line.substr(0, 40));
            keys_[lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
        }
        end_ = std::min<uint64_t>(at + 1, fs::file_size(path));
        if (!complete_ && !detached())
            bad(tag, path, "no NRRD header, or a truncated one: the empty line that ends it is missing");
    }

    bool has(const std::string& key) const { return keys_.count(key) > 0; }
    const std::string& operator[](const std::string& key) const {
        const auto it = keys_.find(key);
        if (it == keys_.end()) bad(tag, path_, "'{}' is missing in the header", key);
        return it->second;
    }
    std::string any_of(std::initializer_list<const char*> spellings) const {
        for (const char* key : spellings)
            if (has(key)) return (*this)[key];
        return "";
    }
    bool detached() const { return has("data file") || has("datafile"); }
    uint64_t end() const { return end_; }

  private:
    const fs::path& path_;
    std::map<std::string, std::string> keys_;
    uint64_t end_ = 0;
    bool complete_ = false;
};

StoredType type_of(const std::string& name, const fs::path& path) {
    static const std::map<std::string, StoredType> types = {{"signed char", StoredType::int8},
                                                            {"int8", StoredType::int8},
                                                            {"int8_t", StoredType::int8},
                                                            {"uchar", StoredType::uint8},
                                                            {"unsigned char", StoredType::uint8},
                                                            {"uint8", StoredType::uint8},
                                                            {"uint8_t", StoredType::uint8},
                                                            {"short", StoredType::int16},
                                                            {"short int", StoredType::int16},
                                                            {"signed short", StoredType::int16},
                                                            {"signed short int", StoredType::int16},
                                                            {"int16", StoredType::int16},
                                                            {"int16_t", StoredType::int16},
                                                            {"ushort", StoredType::uint16},
                                                            {"unsigned short", StoredType::uint16},
                                                            {"unsigned short int", StoredType::uint16},
                                                            {"uint16", StoredType::uint16},
                                                            {"uint16_t", StoredType::uint16},
                                                            {"int", StoredType::int32},
                                                            {"signed int", StoredType::int32},
                                                            {"int32", StoredType::int32},
                                                            {"int32_t", StoredType::int32},
                                                            {"uint", StoredType::uint32},
                                                            {"unsigned int", StoredType::uint32},
                                                            {"uint32", StoredType::uint32},
                                                            {"uint32_t", StoredType::uint32},
                                                            {"longlong", StoredType::int64},
                                                            {"long long", StoredType::int64},
                                                            {"long long int", StoredType::int64},
                                                            {"signed long long", StoredType::int64},
                                                            {"signed long long int", StoredType::int64},
                                                            {"int64", StoredType::int64},
                                                            {"int64_t", StoredType::int64},
                                                            {"ulonglong", StoredType::uint64},
                                                            {"unsigned long long", StoredType::uint64},
                                                            {"unsigned long long int", StoredType::uint64},
                                                            {"uint64", StoredType::uint64},
                                                            {"uint64_t", StoredType::uint64},
                                                            {"float", StoredType::float32},
                                                            {"double", StoredType::float64}};
    const auto it = types.find(lower(name));
    if (it == types.end()) bad(tag, path, "the type '{}' is no scalar that can be read", name);
    return it->second;
}

// "(1,2,3) none (4,5,6)": three numbers for each vector.
std::vector<Vector3> vectors(const Keys& keys, const std::string& key, const fs::path& path) {
    const std::string& text = keys[key];
    if (lower(text).find("none") != std::string::npos)
        bad(tag, path, "'{}: {}': an axis without direction; extract one volume with three axes in space", key, text);
    std::vector<Vector3> out;
    for (size_t at = text.find('('); at != std::string::npos; at = text.find('(', at + 1)) {
        const size_t end = text.find(')', at);
        std::string inside = end == std::string::npos ? "" : text.substr(at + 1, end - at - 1);
        std::replace(inside.begin(), inside.end(), ',', ' ');
        const auto n = numbers<double>(tag, path, key, inside);
        if (n.size() != 3) bad(tag, path, "'{}: {}' should hold vectors of three numbers", key, text);
        out.push_back({n[0], n[1], n[2]});
    }
    return out;
}

// Which of the space's axes run against those of LPS; a warning where the space says nothing about the patient.
Vector3 signs_of(const Keys& keys, const fs::path& path, std::vector<std::string>& warnings) {
    const std::string space = lower(keys.any_of({"space"}));
    if (space == "left-posterior-superior" || space == "lps") return {1, 1, 1};
    if (space == "right-anterior-superior" || space == "ras") return {-1, -1, 1};
    if (space == "left-anterior-superior" || space == "las") return {1, -1, 1};
    if (space.ends_with("time") || space.ends_with("-t") || space.size() == 4)
        bad(tag, path, "'space: {}' has an axis of time: extract one volume", space);
    static const std::map<std::string, int> known = {
        {"", 0}, {"scanner-xyz", 0}, {"3d-right-handed", 0}, {"3d-left-handed", 0}};
    if (!known.count(space)) bad(tag, path, "'space: {}' is not known", space);
    warnings.push_back(
        fmt::format("{}: the header names no anatomical space; taking its axes to run to the left, to the back and to "
                    "the head",
                    path.string()));
    return {1, 1, 1};
}

void check_units(const Keys& keys, const fs::path& path) {
    for (const char* key : {"space units", "units"}) {
        std::string units = lower(keys.any_of({key}));
        std::replace(units.begin(), units.end(), '"', ' ');
        std::istringstream words(units);
        for (std::string unit; words >> unit;)
            if (unit != "mm" && unit.rfind("millimet", 0) != 0 && unit != "none" && unit != "???")
                bad(tag, path, "'{}: {}': lengths should be in mm; convert it", key, keys[key]);
    }
}

void read_geometry(NrrdHeader& header, const Keys& keys, const fs::path& path) {
    Geometry& g = header.geometry;
    check_units(keys, path);
    const Vector3 sign = signs_of(keys, path, header.warnings);
    const auto per_axis = [&](const std::string& key) {
        const auto n = numbers<double>(tag, path, key, keys[key]);
        if (n.size() < 3) bad(tag, path, "'{}: {}' does not fit 3 axes", key, keys[key]);
        return n;
    };
    if (keys.has("space directions")) {
        const auto axes = vectors(keys, "space directions", path);
        if (axes.size() != 3) bad(tag, path, "'space directions: {}' does not fit 3 axes", keys["space directions"]);
        for (size_t a = 0; a < 3; ++a) {
            // As teem takes length and direction, to the last bit: what ITK wrote comes back as it was.
            g.spacing[a] = std::sqrt(axes[a][0] * axes[a][0] + axes[a][1] * axes[a][1] + axes[a][2] * axes[a][2]);
            check_spacing_value(tag, path, g.spacing[a]);
            for (size_t row = 0; row < 3; ++row)
                g.direction[3 * row + a] = sign[row] * axes[a][row] * (1 / g.spacing[a]);
        }
    } else {
        if (!keys.has("spacings")) bad(tag, path, "neither 'space directions' nor 'spacings' is in the header");
        const auto spacings = per_axis("spacings");
        for (size_t a = 0; a < 3; ++a) {
            check_spacing_value(tag, path, spacings[a]);
            g.spacing[a] = std::abs(spacings[a]);
            g.direction[4 * a] = sign[a] * (spacings[a] < 0 ? -1 : 1);
        }
        if (const std::string key = keys.has("axis mins") ? "axis mins" : "axismins"; keys.has(key)) {
            const auto least = per_axis(key);
            std::istringstream centers(lower(keys.any_of({"centers", "centerings"})));
            for (size_t a = 0; a < 3; ++a) {
                std::string center;
                centers >> center;
                g.origin[a] = sign[a] * (least[a] + (center == "node" ? 0 : 0.5 * spacings[a]));
            }
        }
    }
    if (keys.has("space origin")) {
        const auto origin = vectors(keys, "space origin", path);
        if (origin.size() != 1) bad(tag, path, "'space origin: {}' is no position", keys["space origin"]);
        for (size_t a = 0; a < 3; ++a) g.origin[a] = sign[a] * origin[0][a];
    }
}

NrrdHeader::Encoding encoding_of(const Keys& keys, const fs::path& path) {
    using E = NrrdHeader::Encoding;
    const std::string name = lower(keys["encoding"]);
    if (name == "raw") return E::raw;
    if (name == "gzip" || name == "gz") return E::gzip;
    if (name == "bzip2" || name == "bz2") return E::bzip2;
    if (name == "ascii" || name == "text" || name == "txt") return E::ascii;
    bad(tag, path, "the encoding '{}' is not supported (raw, gzip, bzip2 or ascii)", keys["encoding"]);
}

// Whole number of `least` or more.
int64_t count_of(const Keys& keys, std::initializer_list<const char*> spellings, int64_t least, const fs::path& path) {
    const std::string text = keys.any_of(spellings);
    if (text.empty()) return 0;
    const auto n = numbers<int64_t>(tag, path, *spellings.begin(), text);
    if (n.size() != 1 || n[0] < least || n[0] > (int64_t{1} << 31))
        bad(tag, path, "'{}: {}' cannot be right", *spellings.begin(), text);
    return n[0];
}

uint64_t skip_lines(const fs::path& data, uint64_t begin, int64_t lines) {
    std::ifstream in(data, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(begin));
    for (; lines > 0 && in; --lines) in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    return in ? static_cast<uint64_t>(in.tellg()) : fs::file_size(data);
}

// Whether the data can be as long as they should be; of gzip, whether they are.
void check_data(const NrrdHeader& header, uint64_t voxels, const fs::path& path) {
    using E = NrrdHeader::Encoding;
    const uint64_t size = fs::file_size(header.data), have = size - std::min(header.begin, size);
    const uint64_t raw = voxels * static_cast<uint64_t>(bytes_of(header.type)) + header.skip;
    const auto begins_with = [&](std::string_view mark) {
        std::ifstream in(header.data, std::ios::binary);
        in.seekg(static_cast<std::streamoff>(header.begin));
        std::string head(mark.size(), '\0');
        in.read(head.data(), std::ssize(head));
        return head == mark;
    };
    if (header.encoding == E::gzip) {
        if (!begins_with("\x1F\x8B")) bad(tag, path, "the data are not gzip, though the header says so");
        check_gzip_length(tag, header.data, header.begin, raw);
        return;
    }
    uint64_t most = have;
    if (header.encoding == E::ascii) most = (have + 1) / 2 * static_cast<uint64_t>(bytes_of(header.type));
    if (header.encoding == E::bzip2) {
        if (!begins_with("BZh")) bad(tag, path, "the data are not bzip2, though the header says so");
        most = 30000 * have;  // blocks of 900000 bytes take 37 bytes or more
    }
    if (raw > most)
        bad(tag, path, "truncated or damaged: {} of {} bytes of image data are there; copy the file again",
            std::min(most, have), raw);
}

}  // namespace

NrrdHeader read_nrrd_header(const fs::path& path) {
    const Keys keys(path);
    NrrdHeader header;
    const auto dims = numbers<int64_t>(tag, path, "dimension", keys["dimension"]);
    if (dims.size() != 1 || dims[0] < 1 || dims[0] > 16)
        bad(tag, path, "'dimension: {}' cannot be right", keys["dimension"]);
    const auto sizes = numbers<int64_t>(tag, path, "sizes", keys["sizes"]);
    if (std::ssize(sizes) != dims[0]) bad(tag, path, "'sizes: {}' does not fit {} dimensions", keys["sizes"], dims[0]);
    const auto voxels = static_cast<uint64_t>(check_sizes(tag, path, sizes));
    std::copy_n(sizes.begin(), 3, header.geometry.size.begin());
    header.type = type_of(keys["type"], path);
    header.encoding = encoding_of(keys, path);
    const bool ascii = header.encoding == NrrdHeader::Encoding::ascii;
    if (bytes_of(header.type) > 1 && !ascii) {
        const std::string endian = lower(keys["endian"]);
        if (endian != "little" && endian != "big") bad(tag, path, "'endian: {}' should be little or big", endian);
        header.swap = endian == "big";
    }
    header.data = path;
    header.begin = keys.end();
    if (keys.detached()) {
        const std::string file = keys.any_of({"data file", "datafile"});
        if (file.empty() || lower(file).rfind("list", 0) == 0 || file.find('%') != std::string::npos)
            bad(tag, path, "voxels spread over several files are not supported (data file: {})", file);
        header.data = data_file(tag, path, file);
        header.begin = 0;
    }
    const int64_t lines = count_of(keys, {"line skip", "lineskip"}, 0, path),
                  bytes = count_of(keys, {"byte skip", "byteskip"}, -1, path);
    if (lines > 0) header.begin = skip_lines(header.data, header.begin, lines);
    const bool raw = header.encoding == NrrdHeader::Encoding::raw;
    if (bytes < 0) {  // the voxels are the end of the file
        const uint64_t size = fs::file_size(header.data),
                       length = voxels * static_cast<uint64_t>(bytes_of(header.type));
        if (!raw) bad(tag, path, "'byte skip: -1' needs the encoding raw");
        if (size >= header.begin + length) header.begin = size - length;
    } else if (raw || ascii) {
        header.begin += static_cast<uint64_t>(bytes);
    } else {
        header.skip = static_cast<uint64_t>(bytes);
    }
    check_data(header, voxels, path);
    read_geometry(header, keys, path);
    return header;
}

void check_nrrd_header(const fs::path& path) { read_nrrd_header(path); }

}  // namespace cmtl
