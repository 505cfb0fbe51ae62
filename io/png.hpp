#pragma once
// PNG: pictures of 8 bits, grey or RGB, are written; 16-bit grey, which some volumes are stored in, is read.
#include <cstddef>
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
// What the header of a PNG file states; bit_depth 0 where the bytes do not begin as one.
struct PngHeader {
    int64_t width = 0, height = 0;
    int bit_depth = 0;
    bool grey = false;  // one value per pixel and no palette
};
PngHeader png_header(std::span<const std::byte> bytes);

// Decodes 16-bit grey pixels, rows from the top, as they are stored: gamma and colour chunks change nothing. `out` has
// the length that the header states. Throws Error(input) naming `name` where the picture is damaged or cut.
void decode_png_grey16(std::span<const std::byte> bytes, const std::string& name, std::span<uint16_t> out);

// Written whole or not at all.
void write_png(const std::filesystem::path& path, const Picture& picture);

}  // namespace cmtl
