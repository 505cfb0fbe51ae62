#include "training/tensorboard.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {

namespace {
constexpr std::array<uint32_t, 256> crc_table = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0u);
        table[i] = value;
    }
    return table;
}();

uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

template <class T>
void append(std::string& out, T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
}

template <class T>
T taken(std::string_view bytes, size_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    return value;
}

std::string record(std::string_view data) {
    std::string out;
    append(out, static_cast<uint64_t>(data.size()));
    append(out, masked_crc(out));
    out += data;
    append(out, masked_crc(data));
    return out;
}

// Protocol buffers: a field is its number and wire type, then a varint (0), 8 bytes (1), a length and bytes (2) or 4
// bytes (5).
void append_varint(std::string& out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
}

void append_bytes(std::string& out, int field, std::string_view bytes) {
    append_varint(out, static_cast<uint64_t>(field << 3 | 2));
    append_varint(out, bytes.size());
    out += bytes;
}

std::string event_begin() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    std::string out(1, '\x09');  // wall_time = 1
    append(out, std::chrono::duration<double>(now).count());
    return out;
}

std::optional<uint64_t> take_varint(std::string_view data, size_t& at) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at < data.size(); shift += 7) {
        const auto byte = static_cast<unsigned char>(data[at++]);
        value |= uint64_t{byte & 0x7Fu} << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

// The step of one of our events, 0 where it has none.
int64_t step_of(std::string_view event) {
    size_t at = 9;  // behind the wall time
    if (at >= event.size() || event[at++] != '\x10') return 0;
    return static_cast<int64_t>(take_varint(event, at).value_or(0));
}

// Bytes of the whole records in front of the first one that is damaged or of a later step than `last_step`.
size_t good_bytes(std::string_view file, int64_t last_step) {
    size_t at = 0;
    while (file.size() - at >= 16) {
        const auto length = taken<uint64_t>(file, at);
        if (taken<uint32_t>(file, at + 8) != masked_crc(file.substr(at, 8)) || length > file.size() - at - 16) break;
        const std::string_view data = file.substr(at + 12, length);
        if (taken<uint32_t>(file, at + 12 + length) != masked_crc(data) || step_of(data) > last_step) break;
        at += 16 + length;
    }
    return at;
}

fs::path newest_events(const fs::path& folder) {
    std::error_code code;
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(folder, code))
        if (entry.path().filename().string().starts_with("events.out.tfevents."))
            newest = std::max(newest, entry.path());
    return newest;
}
}  // namespace

uint32_t crc32c(std::string_view bytes) {
    uint32_t value = ~0u;
    for (const char c : bytes) value = (value >> 8) ^ crc_table[(value ^ static_cast<unsigned char>(c)) & 0xFF];
    return ~value;
}

TensorBoardWriter::TensorBoardWriter(const fs::path& folder, int64_t last_step) {
    static_assert(std::endian::native == std::endian::little);
    make_folder(folder);
    file_ = newest_events(folder);
    if (!file_.empty()) {
        const size_t good = good_bytes(read_file(file_), last_step);
        if (good > 0) {
            if (::truncate(file_.c_str(), static_cast<off_t>(good)) != 0)
                fail(ErrorKind::input, "tensorboard", "{}: cannot be written: {}", file_.string(),
                     std::strerror(errno));
            return;
        }
    } else {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
        file_ = folder / fmt::format("events.out.tfevents.{:010}.cmtl", seconds);
    }
    std::string event = event_begin();
    append_bytes(event, 3, "brain.Event:2");
    write_file(file_, record(event));
}

void TensorBoardWriter::write(int64_t step, const Scalars& scalars) {
    std::string summary;
    for (const auto& [tag, value] : scalars) {
        if (!std::isfinite(value)) continue;
        std::string one;
        append_bytes(one, 1, tag);
        one += '\x15';  // simple_value = 2
        append(one, static_cast<float>(value));
        append_bytes(summary, 1, one);
    }
    std::string event = event_begin();
    event += '\x10';  // step = 2
    append_varint(event, static_cast<uint64_t>(step));
    append_bytes(event, 5, summary);
    append_file(file_, record(event));
}

}  // namespace cmtl
