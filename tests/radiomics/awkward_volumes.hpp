#pragma once
// The volumes of tests/oracles/radiomics_oracle.py, made again by its formula. Sizes are z, y, x.
#include <functional>

#include "oracles/golden.hpp"
#include "radiomics/radiomics_case.hpp"

namespace cmtl::test {

using Inside = std::function<bool(int64_t z, int64_t y, int64_t x)>;

inline Mask mask_of(const std::vector<size_t>& zyx, const Inside& inside) {
    Mask mask(grid_of(zyx, {0.5, 0.75, 2.0}));
    for (int64_t z = 0; z < mask.nz(); ++z)
        for (int64_t y = 0; y < mask.ny(); ++y)
            for (int64_t x = 0; x < mask.nx(); ++x) mask.at(x, y, z) = inside(z, y, x);
    return mask;
}

inline Image<int16_t> steps_and_noise(const std::vector<size_t>& zyx) {
    Image<int16_t> image(grid_of(zyx, {0.5, 0.75, 2.0}));
    for (int64_t z = 0; z < image.nz(); ++z)
        for (int64_t y = 0; y < image.ny(); ++y)
            for (int64_t x = 0; x < image.nx(); ++x)
                image.at(x, y, z) = static_cast<int16_t>(
                    x / 3 * 40 - y / 2 * 25 + z / 2 * 60 - 300 +
                    int64_t{1} *
                        golden::word(golden::fnv1a("radiomics"), static_cast<uint64_t>(image.offset(x, y, z))) % 90);
    return image;
}

inline Mask ball(const std::vector<size_t>& zyx) {
    const auto part = [](int64_t v, size_t size) {
        const auto s = static_cast<int64_t>(size), d = 2 * v - (s - 1);
        return d * d * 1000 / (s * s);
    };
    return mask_of(zyx, [&](int64_t z, int64_t y, int64_t x) {
        return part(z, zyx[0]) + part(y, zyx[1]) + part(x, zyx[2]) < 800;
    });
}

inline Mask all_but_the_middle(const std::vector<size_t>& zyx) {
    return mask_of(zyx, [&](int64_t z, int64_t y, int64_t x) {
        return z != static_cast<int64_t>(zyx[0] / 2) || y != static_cast<int64_t>(zyx[1] / 2) ||
               x != static_cast<int64_t>(zyx[2] / 2);
    });
}

inline Mask sparse(const std::vector<size_t>& zyx, uint32_t percent) {
    return mask_of(zyx, [&](int64_t z, int64_t y, int64_t x) {
        const auto n = static_cast<uint64_t>((z * static_cast<int64_t>(zyx[1]) + y) * static_cast<int64_t>(zyx[2]) + x);
        return golden::word(golden::fnv1a("mask"), n) % 100 < percent;
    });
}

// function(value) of every voxel.
template <class T, class Function>
Image<T> mapped(const Image<int16_t>& image, Function&& function) {
    Image<T> out(image.geometry);
    for (size_t n = 0; n < out.voxels.size(); ++n) out.voxels[n] = static_cast<T>(function(image.voxels[n]));
    return out;
}

}  // namespace cmtl::test
