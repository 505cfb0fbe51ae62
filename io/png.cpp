#include "io/png.hpp"

#include <png.h>

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

void write_png(const std::filesystem::path& path, const Picture& picture) { write_file(path, encode_png(picture)); }

}  // namespace cmtl
