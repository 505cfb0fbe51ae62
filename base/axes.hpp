#pragma once
#include <compare>
#include <cstdint>
#include <string>

namespace cmtl {

// One number for each axis of a grid, D, H, W: kernels, strides and paddings. A single number stands for all three.
struct Axes {
    int64_t d = 0, h = 0, w = 0;

    constexpr Axes() = default;
    constexpr Axes(int64_t all) : d(all), h(all), w(all) {}
    constexpr Axes(int64_t along_d, int64_t along_h, int64_t along_w) : d(along_d), h(along_h), w(along_w) {}

    constexpr int64_t operator[](int axis) const { return axis == 0 ? d : axis == 1 ? h : w; }
    constexpr bool uniform() const { return d == h && h == w; }
    constexpr int64_t product() const { return d * h * w; }
    constexpr int64_t least() const { return d < h ? (d < w ? d : w) : (h < w ? h : w); }
    constexpr int64_t most() const { return d > h ? (d > w ? d : w) : (h > w ? h : w); }
    // "3" where all are alike, else "1x3x3".
    std::string text() const {
        const std::string first = std::to_string(d);
        return uniform() ? first : first + "x" + std::to_string(h) + "x" + std::to_string(w);
    }
    constexpr auto operator<=>(const Axes&) const = default;
};

}  // namespace cmtl
