#include "engine/safetensors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"

namespace cmtl {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr std::string_view tag = "safetensors";
constexpr uint64_t header_limit = 100'000'000;  // the format's own limit

class File {
  public:
    explicit File(const fs::path& path) : path_(path) {
        require_readable(path);
        descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat status {};
        if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0)
            fail(ErrorKind::input, tag, "{}: cannot be read: {}", path_.string(), std::strerror(errno));
        if (!S_ISREG(status.st_mode)) fail(ErrorKind::input, tag, "{}: is not a file", path_.string());
        size_ = static_cast<uint64_t>(status.st_size);
    }
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    uint64_t size() const { return size_; }
    void read(uint64_t offset, void* target, uint64_t bytes) const {
        auto* out = static_cast<char*>(target);
        while (bytes > 0) {
            const ssize_t got = ::pread(descriptor_, out, bytes, static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0)
                fail(ErrorKind::input, tag, "{}: cannot be read at byte {}: {}", path_.string(), offset,
                     got < 0 ? std::strerror(errno) : "the file became shorter");
            out += got;
            offset += static_cast<uint64_t>(got);
            bytes -= static_cast<uint64_t>(got);
        }
    }

  private:
    fs::path path_;
    int descriptor_ = -1;
    uint64_t size_ = 0;
};

struct FileType {
    std::string_view name;
    size_t bytes;
    Dtype dtype;
};

// F16 is widened, everything else is kept as it is.
constexpr FileType file_types[] = {{"F32", 4, Dtype::f32}, {"BF16", 2, Dtype::bf16}, {"F64", 8, Dtype::f64},
                                   {"I32", 4, Dtype::i32}, {"I64", 8, Dtype::i64},   {"U8", 1, Dtype::u8},
                                   {"F16", 2, Dtype::f32}};

std::string_view file_name_of(Dtype dtype) {
    for (const FileType& type : file_types)
        if (type.dtype == dtype) return type.name;
    return "?";
}

struct Entry {
    std::string name;
    FileType type;
    Shape shape;
    uint64_t begin, end;
};

float widen_half(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
    if (exponent == 0) {
        const float value = static_cast<float>(fraction) * 0x1p-24f;
        return sign ? -value : value;
    }
    const uint32_t bits = exponent == 31 ? 0x7f800000u | (fraction << 13) : ((exponent + 112) << 23) | (fraction << 13);
    return std::bit_cast<float>(sign | bits);
}

// For messages; nested values are only named, because dump() is recursive and a damaged header may be deep.
std::string brief(const nlohmann::json& value) {
    const bool flat =
        !value.is_structured() ||
        (value.is_array() && std::none_of(value.begin(), value.end(), [](auto& v) { return v.is_structured(); }));
    constexpr auto replace = nlohmann::json::error_handler_t::replace;
    return flat ? value.dump(-1, ' ', false, replace).substr(0, 200) : "(nested values)";
}

std::optional<uint64_t> natural(const nlohmann::json& value) {
    if (!value.is_number_unsigned()) return {};
    return value.get<uint64_t>();
}

Entry parse_entry(const std::string& file, const std::string& name, const nlohmann::json& value, uint64_t data_bytes) {
    const auto complain = [&](const std::string& what) {
        fail(ErrorKind::input, tag, "{}: tensor '{}' {}", file, name, what);
    };
    if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets") ||
        value.size() != 3)
        complain("is not described by dtype, shape and data_offsets");
    Entry entry{name, {}, {}, 0, 0};

    const auto& dtype = value["dtype"];
    const auto* type = std::find_if(std::begin(file_types), std::end(file_types), [&](const FileType& candidate) {
        return dtype.is_string() && candidate.name == dtype.get_ref<const std::string&>();
    });
    if (type == std::end(file_types))
        complain(fmt::format("has dtype {}: only F32, F16, BF16, F64, I32, I64 and U8 are read", brief(dtype)));
    entry.type = *type;

    const auto& shape = value["shape"];
    if (!shape.is_array() || shape.size() > Shape::max_rank)
        complain(fmt::format("has shape {}: a list of at most {} sizes is read", brief(shape), Shape::max_rank));
    std::vector<int64_t> sizes;
    uint64_t bytes = entry.type.bytes;
    for (const auto& axis : shape) {
        const auto size = natural(axis);
        if (!size || *size > uint64_t{INT64_MAX} || __builtin_mul_overflow(bytes, *size, &bytes))
            complain(fmt::format("has shape {}, which no memory can hold", brief(shape)));
        sizes.push_back(static_cast<int64_t>(*size));
    }
    entry.shape = Shape(sizes);

    const auto& offsets = value["data_offsets"];
    const auto begin = offsets.is_array() && offsets.size() == 2 ? natural(offsets[0]) : std::nullopt;
    const auto end = offsets.is_array() && offsets.size() == 2 ? natural(offsets[1]) : std::nullopt;
    if (!begin || !end || *end < *begin)
        complain(fmt::format("has data_offsets {}: two rising byte positions are needed", brief(offsets)));
    if (*end > data_bytes)
        complain(fmt::format("ends at byte {} of the data, but the file holds only {}: it is truncated or damaged",
                             *end, data_bytes));
    if (*end - *begin != bytes)
        complain(fmt::format("has {} bytes of data, but {} of shape {} need {}", *end - *begin, entry.type.name,
                             entry.shape.text(), bytes));
    entry.begin = *begin;
    entry.end = *end;
    return entry;
}

// The header as JSON; names that occur twice are refused, because JSON readers disagree about them.
nlohmann::json parse_header(const std::string& file, const std::string& text) {
    std::vector<std::set<std::string>> keys;
    std::string duplicate;
    const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        using Event = nlohmann::json::parse_event_t;
        if (event == Event::object_start) keys.emplace_back();
        if (event == Event::object_end) keys.pop_back();
        if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second && duplicate.empty())
            duplicate = parsed.get<std::string>();
        return true;
    };
    nlohmann::json header;
    try {
        header = nlohmann::json::parse(text, watch);
    } catch (const nlohmann::json::exception& error) {
        fail(ErrorKind::input, tag, "{}: the header is not JSON: {}", file, error.what());
    }
    if (!header.is_object()) fail(ErrorKind::input, tag, "{}: the header is not a JSON object", file);
    if (!duplicate.empty()) fail(ErrorKind::input, tag, "{}: the header names '{}' twice", file, duplicate);
    return header;
}

template <class T>
void transpose_inner(const T* from, T* to, int64_t outer, int64_t rows, int64_t columns) {
    // (outer, rows, columns) -> (outer, columns, rows)
    parallel_ranges(
        outer * columns,
        [&](int64_t begin, int64_t end) {
            for (int64_t line = begin; line < end; ++line) {
                const T* source = from + line / columns * rows * columns + line % columns;
                T* target = to + line * rows;
                for (int64_t row = 0; row < rows; ++row) target[row] = source[row * columns];
            }
        },
        std::max<int64_t>(1, (int64_t{1} << 15) / std::max<int64_t>(rows, 1)));
}

Tensor transposed(Context& context, const Tensor& tensor, const Shape& shape, int64_t rows, int64_t columns) {
    require(tensor.device().kind == Device::Kind::cpu, tag, "a tensor on {} is not in a file's order", to_string(tensor.device()));
    if (rows == 1 || columns == 1) return tensor.detach().reshape(shape);
    Tensor result = context.host().empty(shape, tensor.dtype());
    const int64_t outer = tensor.size(0);
    switch (size_of(tensor.dtype())) {
        case 1:
            transpose_inner(reinterpret_cast<const uint8_t*>(tensor.raw()), reinterpret_cast<uint8_t*>(result.raw()),
                            outer, rows, columns);
            break;
        case 2:
            transpose_inner(reinterpret_cast<const uint16_t*>(tensor.raw()), reinterpret_cast<uint16_t*>(result.raw()),
                            outer, rows, columns);
            break;
        case 4:
            transpose_inner(reinterpret_cast<const uint32_t*>(tensor.raw()), reinterpret_cast<uint32_t*>(result.raw()),
                            outer, rows, columns);
            break;
        default:
            transpose_inner(reinterpret_cast<const uint64_t*>(tensor.raw()), reinterpret_cast<uint64_t*>(result.raw()),
                            outer, rows, columns);
    }
    return result;
}

}  // namespace

const Tensor* Safetensors::find(const std::string& name) const {
    for (const auto& [own, tensor] : tensors)
        if (own == name) return &tensor;
    return nullptr;
}

Safetensors read_safetensors(Context& context, const std::filesystem::path& path) {
    const std::string file = path.string();
    const File source(path);
    if (source.size() < 8)
        fail(ErrorKind::input, tag, "{}: is not a safetensors file: {} bytes are too few", file, source.size());
    uint64_t header_bytes = 0;
    source.read(0, &header_bytes, 8);
    if (header_bytes > header_limit)
        fail(ErrorKind::input, tag, "{}: is not a safetensors file: its header would have {} bytes (limit {})", file,
             header_bytes, header_limit);
    if (header_bytes > source.size() - 8)
        fail(ErrorKind::input, tag, "{}: is truncated: the header has {} bytes, the file only {}", file, header_bytes,
             source.size());
    std::string text(header_bytes, '\0');
    source.read(8, text.data(), header_bytes);
    if (!text.starts_with('{'))
        fail(ErrorKind::input, tag, "{}: is not a safetensors file: the header does not start with '{{'", file);

    const nlohmann::json header = parse_header(file, text);
    const uint64_t data_start = 8 + header_bytes, data_bytes = source.size() - data_start;
    Safetensors result;
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
        if (name != "__metadata__") {
            entries.push_back(parse_entry(file, name, value, data_bytes));
            continue;
        }
        if (!value.is_object()) fail(ErrorKind::input, tag, "{}: __metadata__ is not a JSON object", file);
        for (const auto& [key, content] : value.items()) {
            if (!content.is_string()) fail(ErrorKind::input, tag, "{}: the metadata '{}' is not a string", file, key);
            result.metadata[key] = content.get<std::string>();
        }
    }

    // The data belongs to the tensors without gaps: anything else hides or shares bytes.
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t expected = 0;
    for (const Entry& entry : entries) {
        if (entry.begin < expected)
            fail(ErrorKind::input, tag, "{}: tensor '{}' overlaps the one before it (starts at byte {}, not {})", file,
                 entry.name, entry.begin, expected);
        if (entry.begin > expected)
            fail(ErrorKind::input, tag, "{}: {} bytes in front of tensor '{}' belong to no tensor", file,
                 entry.begin - expected, entry.name);
        expected = entry.end;
    }
    if (expected != data_bytes)
        fail(ErrorKind::input, tag, "{}: {} bytes behind the last tensor belong to no tensor", file,
             data_bytes - expected);

    for (const Entry& entry : entries) {
        Tensor tensor = context.host().empty(entry.shape, entry.type.dtype);
        if (entry.type.name == "F16") {
            std::vector<uint16_t> halves(static_cast<size_t>(entry.shape.count()));
            source.read(data_start + entry.begin, halves.data(), entry.end - entry.begin);
            std::transform(halves.begin(), halves.end(), tensor.data<float>(), widen_half);
        } else {
            source.read(data_start + entry.begin, tensor.raw(), entry.end - entry.begin);
        }
        result.tensors.emplace_back(entry.name, std::move(tensor));
    }
    return result;
}

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata) {
    constexpr auto replace = nlohmann::json::error_handler_t::replace;
    const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(-1, ' ', false, replace); };
    std::string header = "{";
    if (!metadata.empty()) header += "\"__metadata__\":" + nlohmann::json(metadata).dump(-1, ' ', false, replace);
    std::set<std::string> names{"__metadata__"};
    size_t offset = 0;
    for (const auto& [name, tensor] : tensors) {
        require(tensor.defined(), tag, "tensor '{}' is undefined", name);
        require(tensor.device().kind == Device::Kind::cpu, tag, "tensor '{}' is on {}, files are written from the host", name,
                to_string(tensor.device()));
        require(names.insert(name).second, tag, "the tensor name '{}' is taken", name);
        if (header.size() > 1) header += ',';
        header += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", quoted(name),
                              file_name_of(tensor.dtype()), fmt::join(tensor.shape().sizes(), ","), offset,
                              offset + tensor.bytes());
        offset += tensor.bytes();
    }
    header += '}';
    header.resize((header.size() + 7) / 8 * 8, ' ');

    AtomicFile file(path);
    const uint64_t header_bytes = header.size();
    file.write(std::as_bytes(std::span(&header_bytes, 1)));
    file.write(header);
    for (const auto& [name, tensor] : tensors)
        if (tensor.bytes() > 0) file.write(std::span<const std::byte>(tensor.raw(), tensor.bytes()));
    file.commit();
}

Tensor to_channels_first(Context& context, const Tensor& tensor) {
    if (tensor.rank() != 5) return tensor;
    const Shape& s = tensor.shape();
    return transposed(context, tensor, {s[0], s[4], s[1], s[2], s[3]}, s[1] * s[2] * s[3], s[4]);
}

Tensor to_channels_last(Context& context, const Tensor& tensor) {
    if (tensor.rank() != 5) return tensor;
    const Shape& s = tensor.shape();
    return transposed(context, tensor, {s[0], s[2], s[3], s[4], s[1]}, s[1], s[2] * s[3] * s[4]);
}

}  // namespace cmtl
