#include "io/png.hpp"

#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstring>
#include <new>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {

std::string encode_png(const Picture& picture) {
    require(picture.width > 0 && picture.height > 0 && (picture.channels == 1 || picture.channels == 3) &&
                std::ssize(picture.pixels) == picture.width * picture.height * picture.channels,
            "png", "{} x {} x {} pixels in {} bytes", picture.width, picture.height, picture.channels,
            picture.pixels.size());
    png_image image = {};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(picture.width);
    image.height = static_cast<png_uint_32>(picture.height);
    image.format = picture.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
    png_alloc_size_t size = bytes.size();
    if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.pixels.data(), 0, nullptr))
        fail(ErrorKind::internal, "png", "libpng: {}", image.message);
    bytes.resize(size);
    return bytes;
}

PngHeader png_header(std::span<const std::byte> bytes) {
    // Signature, length of the first chunk, its name: PNG specification, 5.2 and 11.2.2.
    static constexpr char begin[] = "\x89PNG\r\n\x1A\n\0\0\0\rIHDR";
    PngHeader header;
    if (bytes.size() < 33 || std::memcmp(bytes.data(), begin, 16) != 0) return header;
    const auto number = [&](size_t at) {
        int64_t n = 0;
        for (size_t i = 0; i < 4; ++i) n = n << 8 | static_cast<int64_t>(bytes[at + i]);
        return n;
    };
    header.width = number(16);
    header.height = number(20);
    header.bit_depth = static_cast<int>(bytes[24]);
    header.grey = bytes[25] == std::byte{0};
    return header;
}

namespace {

struct Source {
    std::span<const std::byte> rest;
    std::string why;
};

extern "C" void take(png_structp png, png_bytep to, size_t count) {
    auto& source = *static_cast<Source*>(png_get_io_ptr(png));
    if (count > source.rest.size()) png_error(png, "it is cut");
    std::memcpy(to, source.rest.data(), count);
    source.rest = source.rest.subspan(count);
}

extern "C" [[noreturn]] void give_up(png_structp png, png_const_charp why) {
    static_cast<Source*>(png_get_error_ptr(png))->why = why;
    png_longjmp(png, 1);
}

extern "C" void say_nothing(png_structp, png_const_charp) {}

// The frame that libpng jumps back into holds nothing that would have to be destroyed.
bool read_rows(png_structp png, png_infop info, Source* source, const PngHeader* header, png_bytepp rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, source, take);
    png_set_user_limits(png, static_cast<png_uint_32>(header->width), static_cast<png_uint_32>(header->height));
    png_read_info(png, info);
    if constexpr (std::endian::native == std::endian::little) png_set_swap(png);
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
}

}  // namespace

void decode_png_grey16(std::span<const std::byte> bytes, const std::string& name, std::span<uint16_t> out) {
    const PngHeader header = png_header(bytes);
    require(header.grey && header.bit_depth == 16 && header.width * header.height == std::ssize(out), "png",
            "{}: {} x {} pixels of {} bits into {} values", name, header.width, header.height, header.bit_depth,
            out.size());
    Source source{bytes, {}};
    std::vector<png_bytep> rows(static_cast<size_t>(header.height));
    for (size_t y = 0; y < rows.size(); ++y)
        rows[y] = reinterpret_cast<png_bytep>(out.data() + y * static_cast<size_t>(header.width));
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, give_up, say_nothing);
    png_infop info = png ? png_create_info_struct(png) : nullptr;
    if (!info) {
        png_destroy_read_struct(&png, nullptr, nullptr);
        throw std::bad_alloc();
    }
    const bool whole = read_rows(png, info, &source, &header, rows.data());
    png_destroy_read_struct(&png, &info, nullptr);
    if (!whole) fail(ErrorKind::input, "png", "{}: truncated or damaged: {}", name, source.why);
}

void write_png(const std::filesystem::path& path, const Picture& picture) { write_file(path, encode_png(picture)); }

}  // namespace cmtl
