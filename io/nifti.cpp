#include "io/nifti.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>
#include <type_traits>

#include "io/header_values.hpp"

namespace cmtl {

using namespace header;

namespace {

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
    if (const uint64_t have = read_gzip(path, 0, offset, out); have < out.size()) cut(have);
}

template <class T>
void read_stored(const NiftiHeader& header, std::vector<T>& out) {
    read_bytes(header.data, header.offset, std::as_writable_bytes(std::span(out)));
    if (header.swap) swap_bytes(out);
}

// As ITK does: the stored value becomes the result's type first, then is multiplied and moved in double.
template <class Stored, class Result>
void rescale(const std::vector<Stored>& stored, const NiftiHeader& header, std::vector<Result>& out) {
    parallel_ranges(
        std::ssize(out),
        [&](int64_t begin, int64_t end) {
            for (auto n = static_cast<size_t>(begin); n < static_cast<size_t>(end); ++n) {
                const double product = static_cast<double>(static_cast<Result>(stored[n])) * header.slope;
                out[n] = static_cast<Result>(product + header.intercept);
            }
        },
        1 << 16);
}

// Fills a vector of header.value_type().
auto loader(const NiftiHeader& header) {
    return [&header]<class T>(std::vector<T>& out) {
        if (!header.rescaled()) return read_stored(header, out);
        if constexpr (std::is_floating_point_v<T>)
            with_type(header.type, [&]<class Stored>(Stored) {
                std::vector<Stored> stored(out.size());
                read_stored(header, stored);
                rescale(stored, header, out);
            });
    };
}

NiftiHeader opened(const fs::path& path, ReadReport& report) {
    NiftiHeader header = read_nifti_header(path);
    report.warnings.insert(report.warnings.end(), header.warnings.begin(), header.warnings.end());
    return header;
}

}  // namespace

Volume read_nifti(const fs::path& path, ReadReport& report) {
    const NiftiHeader header = opened(path, report);
    return load_volume(header.geometry, header.value_type(), loader(header));
}

AnyImage read_any_nifti(const fs::path& path, ReadReport& report) {
    const NiftiHeader header = opened(path, report);
    return load_any(header.geometry, header.value_type(), path, "nifti", loader(header));
}

}  // namespace cmtl
