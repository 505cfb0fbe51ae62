#pragma once
// What the header checks of NIfTI, MetaImage and NRRD share. All throw Error(input) with the file's name.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "base/error.hpp"

namespace cmtl::header {

namespace fs = std::filesystem;

template <class... Args>
[[noreturn]] void bad(const char* format_tag, const fs::path& path, fmt::format_string<Args...> format,
                      Args&&... args) {
    fail(ErrorKind::input, format_tag, "{}: {}", path.string(), fmt::format(format, std::forward<Args>(args)...));
}

// The first `count` bytes, inflated where the file is gzip. Fewer where the file ends.
std::string head_of(const fs::path& path, size_t count);

bool is_gzip(const fs::path& path);

// Whether the gzip stream that begins at byte `begin` holds at least `needed` bytes. The length that its last four
// bytes record is believed where it is exactly the expected one (damaged or cut files do not end so); otherwise the
// stream is inflated and counted.
void check_gzip_length(const char* tag, const fs::path& path, uint64_t begin, uint64_t needed);

// Inflates the gzip stream that begins at byte `begin`, passes over `skip` of its bytes and fills `out`. Returns how
// many bytes of `out` are there: fewer where the stream ends or is damaged.
uint64_t read_gzip(const fs::path& path, uint64_t begin, uint64_t skip, std::span<std::byte> out);

// Inflates a zlib or gzip stream to its end and its checksum: exactly `needed` bytes.
void check_zlib_stream(const char* tag, const fs::path& path, uint64_t begin, uint64_t needed);

void check_length(const char* tag, const fs::path& path, uint64_t needed);

// Sizes along i, j, k and then ones; returns the number of voxels, at most max_voxels.
int64_t check_sizes(const char* tag, const fs::path& path, const std::vector<int64_t>& sizes);

void check_spacing_value(const char* tag, const fs::path& path, double mm);

std::string trimmed(std::string s);
std::string lower(std::string s);

// The existing file that a header names, relative to the header.
fs::path data_file(const char* tag, const fs::path& header, const std::string& name);

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

}  // namespace cmtl::header
