#pragma once
// 8-bit PNG, grey or RGB.
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cmtl {

struct Picture {
    int64_t width = 0, height = 0;
    int channels = 3;             // 1 grey, 3 RGB
    std::vector<uint8_t> pixels;  // rows from the top, channels interleaved

    Picture() = default;
    Picture(int64_t w, int64_t h, int c = 3)
        : width(w), height(h), channels(c), pixels(static_cast<size_t>(w * h * c), 0) {}
    uint8_t* at(int64_t x, int64_t y) { return pixels.data() + (y * width + x) * channels; }
    const uint8_t* at(int64_t x, int64_t y) const { return pixels.data() + (y * width + x) * channels; }
};

// The bytes of a PNG file.
std::string encode_png(const Picture& picture);
// Written whole or not at all.
void write_png(const std::filesystem::path& path, const Picture& picture);

}  // namespace cmtl
