#include <cstring>
#include <map>

#include "io/header_checks.hpp"
#include "io/header_values.hpp"

namespace cmtl {

using namespace header;

void check_nifti_header(const fs::path& path) {
    constexpr const char* tag = "nifti";
    const std::string h = head_of(path, 352);
    if (h.size() < 352) bad(tag, path, "no NIfTI image: {} bytes where the header alone has 352", h.size());
    int32_t header_size;
    std::memcpy(&header_size, h.data(), 4);
    const bool swap = header_size == 0x5C010000;
    if (header_size == 540 || header_size == 0x1C020000)
        bad(tag, path, "NIfTI-2 is not supported; convert it to NIfTI-1");
    if (header_size != 348 && !swap)
        bad(tag, path, "no NIfTI-1 header (it begins with {} instead of 348)", header_size);
    if (h.compare(344, 3, "ni1") == 0)
        bad(tag, path, "a header with its data in a second file (.hdr/.img) is not supported; convert it to .nii.gz");
    if (h.compare(344, 3, "n+1") != 0) bad(tag, path, "no NIfTI-1 header (its mark 'n+1' is missing)");
    const auto i16 = [&](size_t at) {
        uint16_t v;
        std::memcpy(&v, h.data() + at, 2);
        return static_cast<int16_t>(swap ? __builtin_bswap16(v) : v);
    };
    const auto f32 = [&](size_t at) {
        uint32_t v;
        std::memcpy(&v, h.data() + at, 4);
        if (swap) v = __builtin_bswap32(v);
        float f;
        std::memcpy(&f, &v, 4);
        return static_cast<double>(f);
    };
    const int dims = i16(40);
    if (dims < 1 || dims > 7) bad(tag, path, "{} dimensions: the header is damaged", dims);
    std::vector<int64_t> sizes;
    for (int d = 1; d <= dims; ++d) sizes.push_back(i16(40 + 2 * static_cast<size_t>(d)));
    const int64_t voxels = check_sizes(tag, path, sizes);
    static const std::map<int, int> bytes = {{2, 1}, {4, 2}, {8, 4}, {16, 4}, {64, 8}, {256, 1}, {512, 2}, {768, 4}};
    const int type = i16(70), bits = i16(72);
    if (!bytes.count(type))
        bad(tag, path, "the data type {} is no scalar that can be read (2, 4, 8, 16, 64, 256, 512 or 768)", type);
    if (bits != 8 * bytes.at(type))
        bad(tag, path, "{} bits per voxel do not fit the data type {}: the header is damaged", bits, type);
    for (size_t d = 1; d <= 3; ++d) {
        const double units = (h[123] & 7) == 1 ? 1000 : (h[123] & 7) == 3 ? 0.001 : 1;
        check_spacing_value(tag, path, f32(76 + 4 * d) * units);
    }
    if (!std::isfinite(f32(112)) || !std::isfinite(f32(116)))
        bad(tag, path, "the slope {} and intercept {} are no numbers", f32(112), f32(116));
    for (size_t at = 256; at < 328; at += 4)
        if (!std::isfinite(f32(at))) bad(tag, path, "the position and orientation in the header are no numbers");
    const double offset = f32(108);
    if (!(offset >= 352 && offset <= double(1 << 26)) || offset != std::floor(offset))
        bad(tag, path, "the image data cannot begin at byte {}: the header is damaged", offset);
    const uint64_t needed =
        static_cast<uint64_t>(offset) + static_cast<uint64_t>(voxels) * static_cast<uint64_t>(bytes.at(type));
    is_gzip(path) ? check_gzip_length(tag, path, 0, needed) : check_length(tag, path, needed);
}

}  // namespace cmtl
