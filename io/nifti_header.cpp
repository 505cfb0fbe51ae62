#include <cstring>
#include <map>
#include <optional>

#include "io/header_checks.hpp"
#include "io/header_values.hpp"
#include "io/nifti.hpp"

namespace cmtl {

using namespace header;

namespace {

constexpr const char* tag = "nifti";

// Where the fields lie: nifti1.h and nifti2.h of the standard.
struct Fields {
    size_t dim, type, bits, pixdim, offset, slope, intercept, units, qform_code, sform_code, quatern, qoffset, srow;
    size_t size, number;  // of the header; of a floating-point number in it
};
constexpr Fields nifti1{40, 70, 72, 76, 108, 112, 116, 123, 252, 254, 256, 268, 280, 348, 4};
constexpr Fields nifti2{16, 12, 14, 104, 168, 176, 184, 500, 344, 348, 352, 376, 400, 540, 8};

class Bytes {
  public:
    Bytes(const std::string& head, bool swap) : head_(head), swap_(swap) {}

    template <class T>
    T get(size_t at) const {
        unsigned char raw[sizeof(T)];
        std::memcpy(raw, head_.data() + at, sizeof(T));
        if (swap_) std::reverse(raw, raw + sizeof(T));
        T value;
        std::memcpy(&value, raw, sizeof(T));
        return value;
    }
    // The n-th of the floating-point numbers that begin at `at`.
    double number(const Fields& f, size_t at, size_t n = 0) const {
        return f.number == 4 ? static_cast<double>(get<float>(at + 4 * n)) : get<double>(at + 8 * n);
    }

  private:
    const std::string& head_;
    bool swap_;
};

// The other half of a pair, which may be compressed though this one is not.
fs::path other_half(const fs::path& path, const char* extension) {
    fs::path stem = path;
    if (lower(stem.extension().string()) == ".gz") stem.replace_extension();
    stem.replace_extension();
    std::error_code code;
    for (const char* packing : {"", ".gz"}) {
        const fs::path candidate = stem.string() + extension + packing;
        if (fs::is_regular_file(candidate, code)) return candidate;
    }
    bad(tag, path, "its other half {}{} is missing", stem.filename().string(), extension);
}

bool is_img(const fs::path& path) {
    const std::string name = lower(path.filename().string());
    return name.ends_with(".img") || name.ends_with(".img.gz");
}

struct Transform {
    std::array<double, 9> columns{};  // row by row, in the file's RAS+ coordinates
    Vector3 offset{};
};

double length(const Transform& t, size_t column) {
    return std::hypot(t.columns[column], t.columns[3 + column], t.columns[6 + column]);
}

// nifti1.h, method 2. qfac of 0 is 1.
Transform qform(const Bytes& h, const Fields& f, const Vector3& spacing) {
    double b = h.number(f, f.quatern), c = h.number(f, f.quatern, 1), d = h.number(f, f.quatern, 2);
    const double square = b * b + c * c + d * d;
    double a = 0;
    if (1 - square < 1e-7) {
        const double norm = 1 / std::sqrt(square);
        b *= norm, c *= norm, d *= norm;
    } else {
        a = std::sqrt(1 - square);
    }
    const double qfac = h.number(f, f.pixdim) < 0 ? -1 : 1, x = spacing[0], y = spacing[1], z = spacing[2] * qfac;
    Transform t;
    t.columns = {(a * a + b * b - c * c - d * d) * x,
                 2 * (b * c - a * d) * y,
                 2 * (b * d + a * c) * z,  //
                 2 * (b * c + a * d) * x,
                 (a * a + c * c - b * b - d * d) * y,
                 2 * (c * d - a * b) * z,  //
                 2 * (b * d - a * c) * x,
                 2 * (c * d + a * b) * y,
                 (a * a + d * d - c * c - b * b) * z};
    for (size_t n = 0; n < 3; ++n) t.offset[n] = h.number(f, f.qoffset, n);
    return t;
}

Transform sform(const Bytes& h, const Fields& f) {
    Transform t;
    for (size_t row = 0; row < 3; ++row) {
        for (size_t column = 0; column < 3; ++column)
            t.columns[3 * row + column] = h.number(f, f.srow, 4 * row + column);
        t.offset[row] = h.number(f, f.srow, 4 * row + 3);
    }
    return t;
}

// What is wrong with an sform; nothing where it is a rotation of the voxel spacing.
std::optional<std::string> fault_of(const Transform& t, const Vector3& spacing) {
    for (size_t a = 0; a < 3; ++a) {
        const double mm = length(t, a);
        if (!(std::abs(mm - spacing[a]) <= 1e-3 * spacing[a]))
            return fmt::format("its sform has {:.5g} mm along axis {} where the voxel spacing is {:.5g} mm", mm, a,
                               spacing[a]);
        for (size_t b = 0; b < a; ++b) {
            double product = 0;
            for (size_t row = 0; row < 3; ++row) product += t.columns[3 * row + a] * t.columns[3 * row + b];
            if (std::abs(product) > 1e-3 * mm * length(t, b)) return "its axes are not perpendicular (a sheared sform)";
        }
    }
    return std::nullopt;
}

// More than a hundredth of a voxel apart at the corners.
bool differ(const Transform& a, const Transform& b, const Geometry& g) {
    for (size_t corner = 0; corner < 8; ++corner) {
        Vector3 way{};
        for (size_t row = 0; row < 3; ++row) {
            way[row] = a.offset[row] - b.offset[row];
            for (size_t n = 0; n < 3; ++n)
                if (corner >> n & 1)
                    way[row] += (a.columns[3 * row + n] - b.columns[3 * row + n]) * static_cast<double>(g.size[n] - 1);
        }
        if (std::hypot(way[0], way[1], way[2]) > 0.01 * *std::min_element(g.spacing.begin(), g.spacing.end()))
            return true;
    }
    return false;
}

// Direction and origin in LPS; header.geometry has size and spacing in the file's unit.
void orient(NiftiHeader& header, const Bytes& h, const Fields& f, const fs::path& path) {
    const auto code = [&](size_t at) { return f.number == 4 ? h.get<int16_t>(at) : h.get<int32_t>(at); };
    const int q = code(f.qform_code), s = code(f.sform_code);
    Geometry& g = header.geometry;
    if (q <= 0 && s <= 0) {
        header.warnings.push_back(
            fmt::format("{}: the header has no orientation; taking its axes to run to the left, to the back and to the "
                        "head",
                        path.string()));
        return;
    }
    const Transform by_q = qform(h, f, g.spacing), by_s = sform(h, f);
    const auto fault = s > 0 ? fault_of(by_s, g.spacing) : std::nullopt;
    if (q <= 0 && fault) bad(tag, path, "{}; resample it to a regular grid or mend the header", *fault);
    const bool take_s = q <= 0 || (s == 1 && !fault);
    if (q > 0 && s > 0 && (fault || differ(by_q, by_s, g)))
        header.warnings.push_back(
            fmt::format("{}: {}; taking the {}", path.string(),
                        fault ? *fault : fmt::format("its sform (code {}) and its qform (code {}) disagree", s, q),
                        take_s ? "sform" : "qform"));
    const Transform& t = take_s ? by_s : by_q;
    for (size_t row = 0; row < 3; ++row) {
        const double sign = row < 2 ? -1 : 1;  // RAS to LPS
        g.origin[row] = sign * t.offset[row];
        for (size_t n = 0; n < 3; ++n) g.direction[3 * row + n] = sign * t.columns[3 * row + n] / length(t, n);
    }
}

StoredType type_of(int code, const fs::path& path) {
    static const std::map<int, StoredType> types = {
        {2, StoredType::uint8},    {4, StoredType::int16},    {8, StoredType::int32},    {16, StoredType::float32},
        {64, StoredType::float64}, {256, StoredType::int8},   {512, StoredType::uint16}, {768, StoredType::uint32},
        {1024, StoredType::int64}, {1280, StoredType::uint64}};
    if (!types.count(code))
        bad(tag, path, "the data type {} is no scalar that can be read (2, 4, 8, 16, 64, 256, 512, 768, 1024 or 1280)",
            code);
    return types.at(code);
}

}  // namespace

StoredType NiftiHeader::value_type() const {
    return !rescaled() || type == StoredType::float64 ? type : StoredType::float32;
}

NiftiHeader read_nifti_header(const fs::path& given) {
    const fs::path path = is_img(given) ? other_half(given, ".hdr") : given;
    const std::string head = head_of(path, 544);
    if (head.size() < 348) bad(tag, path, "no NIfTI image: {} bytes where the header alone has 348", head.size());
    int32_t header_size;
    std::memcpy(&header_size, head.data(), 4);
    const bool second = header_size == 540 || header_size == 0x1C020000;
    if (!second && header_size != 348 && header_size != 0x5C010000)
        bad(tag, path, "no NIfTI header (it begins with {} instead of 348 or 540)", header_size);
    const Fields& f = second ? nifti2 : nifti1;
    if (head.size() < f.size) bad(tag, path, "truncated: {} bytes where the header alone has 540", head.size());
    const std::string mark = head.substr(second ? 4 : 344, 3);
    const char version = second ? '2' : '1';
    const bool pair = mark == std::string("ni") + version;
    if (!pair && mark != std::string("n+") + version)
        bad(tag, path,
            "no NIfTI-{} header (its mark 'n+{}' is missing); an Analyze 7.5 header has no orientation: convert it to "
            "NIfTI",
            version, version);

    NiftiHeader header;
    header.swap = header_size != 348 && header_size != 540;
    const Bytes h(head, header.swap);
    const auto extent = [&](size_t n) {
        return second ? h.get<int64_t>(f.dim + 8 * n) : int64_t{h.get<int16_t>(f.dim + 2 * n)};
    };
    const int64_t dims = extent(0);
    if (dims < 1 || dims > 7) bad(tag, path, "{} dimensions: the header is damaged", dims);
    std::vector<int64_t> sizes;
    for (size_t d = 1; d <= static_cast<size_t>(dims); ++d) sizes.push_back(extent(d));
    const int64_t voxels = check_sizes(tag, path, sizes);
    const int type = h.get<int16_t>(f.type), bits = h.get<int16_t>(f.bits);
    header.type = type_of(type, path);
    if (bits != 8 * bytes_of(header.type))
        bad(tag, path, "{} bits per voxel do not fit the data type {}: the header is damaged", bits, type);

    const int units = (second ? h.get<int32_t>(f.units) : head[f.units]) & 7;
    const double mm = units == 1 ? 1000 : units == 3 ? 0.001 : 1;
    Geometry& g = header.geometry;
    for (size_t d = 0; d < 3; ++d) {
        g.size[d] = sizes[d];
        const double spacing = h.number(f, f.pixdim, d + 1);
        check_spacing_value(tag, path, spacing * mm);
        g.spacing[d] = std::abs(spacing);
    }
    for (size_t n = 0; n < 18; ++n)  // quaternion, its offset, the rows of the sform
        if (!std::isfinite(h.number(f, f.quatern, n)))
            bad(tag, path, "the position and orientation in the header are no numbers");
    orient(header, h, f, path);
    for (size_t d = 0; d < 3; ++d) g.spacing[d] *= mm, g.origin[d] *= mm;

    const double slope = h.number(f, f.slope), intercept = h.number(f, f.intercept);
    if (slope != 0 && !std::isnan(slope)) {
        if (!std::isfinite(slope) || !std::isfinite(intercept))
            bad(tag, path, "the slope {} and intercept {} are no numbers", slope, intercept);
        header.slope = slope, header.intercept = intercept;
    }

    const double offset = second ? static_cast<double>(h.get<int64_t>(f.offset)) : h.number(f, f.offset);
    const double least = pair ? 0 : static_cast<double>(f.size + 4);
    if (!(offset >= least && offset <= double(1 << 26)) || offset != std::floor(offset))
        bad(tag, path, "the image data cannot begin at byte {}: the header is damaged", offset);
    header.offset = static_cast<uint64_t>(offset);
    header.data = pair ? other_half(path, ".img") : path;
    const uint64_t needed =
        header.offset + static_cast<uint64_t>(voxels) * static_cast<uint64_t>(bytes_of(header.type));
    is_gzip(header.data) ? check_gzip_length(tag, header.data, 0, needed) : check_length(tag, header.data, needed);
    return header;
}

void check_nifti_header(const fs::path& path) { read_nifti_header(path); }

}  // namespace cmtl
