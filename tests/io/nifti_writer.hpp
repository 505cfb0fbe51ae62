#pragma once
// NIfTI headers for tests, field by field after nifti1.h and nifti2.h: either version, byte order and half of a pair.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace cmtl::test {

struct NiftiFile {
    int version = 1;
    bool pair = false, big_endian = false;
    std::vector<int64_t> sizes{4, 3, 5};
    std::array<double, 4> pixdim{1, 0.5, 0.75, 2};  // qfac first
    int units = 2;                                  // mm; 1 metres, 3 micrometres
    int qform_code = 0, sform_code = 0;
    std::array<double, 6> qform{};   // b, c, d, offset
    std::array<double, 12> sform{};  // rows
    double slope = 1, intercept = 0;

    // Voxel n of the data is 10 n - 1000 in int16.
    static int value(int64_t n) { return static_cast<int>(10 * n - 1000); }

    std::string header() const {
        const bool two = version == 2;
        std::string h(two ? 540 : 348, '\0');
        const auto real = [&](size_t at, double v) { two ? put(h, at, v) : put(h, at, static_cast<float>(v)); };
        const size_t width = two ? 8 : 4;
        put(h, 0, static_cast<int32_t>(two ? 540 : 348));
        for (size_t n = 0; n < 8; ++n) {
            const int64_t extent = n == 0 ? std::ssize(sizes) : n <= sizes.size() ? sizes[n - 1] : 1;
            two ? put(h, 16 + 8 * n, extent) : put(h, 40 + 2 * n, static_cast<int16_t>(extent));
        }
        put(h, two ? 12 : 70, int16_t{4});
        put(h, two ? 14 : 72, int16_t{16});
        for (size_t n = 0; n < 4; ++n) real((two ? 104 : 76) + width * n, pixdim[n]);
        const int offset = pair ? 0 : two ? 544 : 352;
        two ? put(h, 168, int64_t{offset}) : put(h, 108, static_cast<float>(offset));
        real(two ? 176 : 112, slope);
        real(two ? 184 : 116, intercept);
        two ? put(h, 500, static_cast<int32_t>(units)) : put(h, 123, static_cast<char>(units));
        two ? put(h, 344, static_cast<int32_t>(qform_code)) : put(h, 252, static_cast<int16_t>(qform_code));
        two ? put(h, 348, static_cast<int32_t>(sform_code)) : put(h, 254, static_cast<int16_t>(sform_code));
        for (size_t n = 0; n < 6; ++n) real((two ? 352 : 256) + width * n, qform[n]);
        for (size_t n = 0; n < 12; ++n) real((two ? 400 : 280) + width * n, sform[n]);
        const std::string mark = std::string(pair ? "ni" : "n+") + (two ? '2' : '1');
        h.replace(two ? 4 : 344, 3, mark);
        if (two) h.replace(8, 4, "\r\n\x1A\n");
        return h;
    }
    std::string voxels() const {
        int64_t count = 1;
        for (const int64_t n : sizes) count *= n;
        std::string out(static_cast<size_t>(2 * count), '\0');
        for (int64_t n = 0; n < count; ++n) put(out, static_cast<size_t>(2 * n), static_cast<int16_t>(value(n)));
        return out;
    }
    std::string file() const { return header() + std::string(4, '\0') + voxels(); }

  private:
    template <class T>
    void put(std::string& to, size_t at, T value) const {
        std::string raw(reinterpret_cast<const char*>(&value), sizeof value);
        if (big_endian) std::reverse(raw.begin(), raw.end());
        to.replace(at, sizeof value, raw);
    }
};

}  // namespace cmtl::test
