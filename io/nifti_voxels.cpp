#include "io/nifti_voxels.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <vector>

#include "base/parallel.hpp"
#include "io/header_values.hpp"

namespace cmtl {

using namespace header;

namespace {

struct Layout {
    int type = 0;
    bool swap = false;
    uint64_t offset = 0;
    double slope = 1, intercept = 0;

    bool rescaled() const {
        constexpr double least = std::numeric_limits<double>::epsilon();
        return std::abs(slope - 1) > least || std::abs(intercept) > least;
    }
};

Layout layout_of(const fs::path& path) {
    const std::string h = head_of(path, 352);
    if (h.size() < 352) bad("nifti", path, "truncated");
    Layout layout;
    int32_t size;
    std::memcpy(&size, h.data(), 4);
    layout.swap = size != 348;
    const auto f32 = [&](size_t at) {
        uint32_t v;
        std::memcpy(&v, h.data() + at, 4);
        if (layout.swap) v = __builtin_bswap32(v);
        float f;
        std::memcpy(&f, &v, 4);
        return static_cast<double>(f);
    };
    uint16_t type;
    std::memcpy(&type, h.data() + 70, 2);
    layout.type = layout.swap ? __builtin_bswap16(type) : type;
    layout.offset = static_cast<uint64_t>(f32(108));
    layout.slope = f32(112);
    if (std::abs(layout.slope) < std::numeric_limits<double>::epsilon()) layout.slope = 1;  // not set
    layout.intercept = f32(116);
    return layout;
}

void read_bytes(const fs::path& path, uint64_t offset, std::span<std::byte> out) {
    const auto cut = [&](uint64_t have) {
        bad("nifti", path, "truncated or damaged: {} of {} bytes of image data are there; copy the file again", have,
            out.size());
    };
    if (!is_gzip(path)) {
        std::ifstream in(path, std::ios::binary);
        in.seekg(static_cast<std::streamoff>(offset));
        in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
        if (static_cast<size_t>(in.gcount()) != out.size()) cut(static_cast<uint64_t>(in.gcount()));
        return;
    }
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) bad("nifti", path, "cannot be opened");
    gzbuffer(file.get(), 1 << 18);
    if (gzseek(file.get(), static_cast<z_off_t>(offset), SEEK_SET) < 0) cut(0);
    size_t have = 0;
    while (have < out.size()) {
        const auto want = static_cast<unsigned>(std::min<size_t>(out.size() - have, size_t{1} << 30));
        const int got = gzread(file.get(), out.data() + have, want);
        if (got <= 0) cut(have);
        have += static_cast<size_t>(got);
    }
}

template <class Unsigned>
void swap_bytes(std::span<std::byte> bytes) {
    for (size_t at = 0; at + sizeof(Unsigned) <= bytes.size(); at += sizeof(Unsigned)) {
        Unsigned v;
        std::memcpy(&v, bytes.data() + at, sizeof v);
        if constexpr (sizeof v == 2) v = __builtin_bswap16(v);
        if constexpr (sizeof v == 4) v = __builtin_bswap32(v);
        if constexpr (sizeof v == 8) v = __builtin_bswap64(v);
        std::memcpy(bytes.data() + at, &v, sizeof v);
    }
}

template <class Stored>
void read_as_stored(const fs::path& path, const Layout& layout, std::span<std::byte> out) {
    read_bytes(path, layout.offset, out);
    if (!layout.swap) return;
    if constexpr (sizeof(Stored) == 2) swap_bytes<uint16_t>(out);
    if constexpr (sizeof(Stored) == 4) swap_bytes<uint32_t>(out);
    if constexpr (sizeof(Stored) == 8) swap_bytes<uint64_t>(out);
}

// As ITK does: the stored value becomes the result's type first, then is multiplied and moved in double.
template <class Stored>
void read_type(const fs::path& path, const Layout& layout, std::span<std::byte> out) {
    if (!layout.rescaled()) return read_as_stored<Stored>(path, layout, out);
    using Result = std::conditional_t<std::is_same_v<Stored, double>, double, float>;
    const size_t count = out.size() / sizeof(Result);
    std::vector<Stored> stored(count);
    read_as_stored<Stored>(path, layout, std::as_writable_bytes(std::span(stored)));
    parallel_ranges(
        static_cast<int64_t>(count),
        [&](int64_t begin, int64_t end) {
            for (auto n = static_cast<size_t>(begin); n < static_cast<size_t>(end); ++n) {
                const double product = static_cast<double>(static_cast<Result>(stored[n])) * layout.slope;
                const auto value = static_cast<Result>(product + layout.intercept);
                std::memcpy(out.data() + n * sizeof value, &value, sizeof value);
            }
        },
        1 << 16);
}

}  // namespace

void read_nifti_voxels(const fs::path& path, std::span<std::byte> out) {
    const Layout layout = layout_of(path);
    switch (layout.type) {
        case 2:
            return read_type<uint8_t>(path, layout, out);
        case 4:
            return read_type<int16_t>(path, layout, out);
        case 8:
            return read_type<int32_t>(path, layout, out);
        case 16:
            return read_type<float>(path, layout, out);
        case 64:
            return read_type<double>(path, layout, out);
        case 256:
            return read_type<int8_t>(path, layout, out);
        case 512:
            return read_type<uint16_t>(path, layout, out);
        case 768:
            return read_type<uint32_t>(path, layout, out);
        default:
            bad("nifti", path, "the data type {} cannot be read", layout.type);
    }
}

}  // namespace cmtl
