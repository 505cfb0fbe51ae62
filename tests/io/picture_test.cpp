#include <gtest/gtest.h>
#include <png.h>

#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/overlay.hpp"
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

TEST(Overlay, RightIsBlueOnTheLeftSide) {
    Geometry g;
    g.size = {40, 30, 20};
    g.spacing = {8, 8, 12};
    Volume hu(g, -1000);
    Mask mask(g);
    for (int64_t k = 4; k < 16; ++k)
        for (int64_t j = 8; j < 22; ++j)
            for (int64_t i = 5; i < 35; ++i)
                if (i < 16 || i >= 24) mask.at(i, j, k) = i < 20 ? 1 : 2;
    const Picture picture = overlay(hu, mask);
    EXPECT_EQ(picture.channels, 3);
    double blue = 0, blue_x = 0, orange = 0, orange_x = 0;
    // The axial views only: the first two rows of panels of a picture of three.
    for (int64_t y = 0; y < picture.height * 2 / 3; ++y)
        for (int64_t x = 0; x < picture.width; ++x) {
            const uint8_t* p = picture.at(x, y);
            const auto within = static_cast<double>(x % (picture.width / 3));
            if (p[2] > p[0] + 100) ++blue, blue_x += within;
            if (p[0] > p[2] + 100) ++orange, orange_x += within;
        }
    ASSERT_GT(blue, 100);
    ASSERT_GT(orange, 100);
    EXPECT_LT(blue_x / blue, orange_x / orange);
    // A mask without voxels still gives a picture.
    EXPECT_EQ(overlay(hu, Mask(g)).width, picture.width);
}

}  // namespace
}  // namespace cmtl
