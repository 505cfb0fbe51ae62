#include <gtest/gtest.h>
#include <png.h>

#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/png.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

std::vector<uint8_t> decode(const std::string& bytes, int channels, int64_t* width, int64_t* height) {
    png_image image = {};
    image.version = PNG_IMAGE_VERSION;
    EXPECT_TRUE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
    image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(image));
    EXPECT_TRUE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr));
    *width = image.width, *height = image.height;
    return pixels;
}

TEST(Png, PixelsComeBack) {
    for (int channels : {1, 3}) {
        Picture picture(13, 7, channels);
        for (size_t n = 0; n < picture.pixels.size(); ++n) picture.pixels[n] = static_cast<uint8_t>(n * 37);
        int64_t width, height;
        EXPECT_EQ(decode(encode_png(picture), channels, &width, &height), picture.pixels);
        EXPECT_EQ(width, 13);
        EXPECT_EQ(height, 7);
    }
}

TEST(Png, TheFileIsTheEncodedBytes) {
    test::TemporaryFolder folder;
    const Picture picture(4, 4, 1);
    write_png(folder / "x.png", picture);
    EXPECT_EQ(read_file(folder / "x.png"), encode_png(picture));
    EXPECT_THROW(encode_png(Picture(0, 4, 1)), Error);
}

}  // namespace
}  // namespace cmtl
