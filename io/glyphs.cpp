#include "io/glyphs.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace cmtl {

namespace {

// ASCII 32 to 126: nine rows of five dots from the top, the upper left one in bit 44.
constexpr std::array<uint64_t, 95> glyphs{
    0x000000000000, 0x0e8844401000, 0x0e8844401000, 0x0a57d5f52800, 0x0e8844401000, 0x19c88889cc00, 0x0e8844401000,
    0x042000000000, 0x022108420800, 0x082108422000, 0x00255d520000, 0x00011c400000, 0x000000001088, 0x00001c000000,
    0x000000001000, 0x010888884000, 0x0e8ceb98b800, 0x046108423800, 0x0e8844447c00, 0x0e884c18b800, 0x0232a5f10800,
    0x1f878218b800, 0x0e843d18b800, 0x1f0884421000, 0x0e8c5d18b800, 0x0e8c5e10b800, 0x000100020000, 0x000100021100,
    0x022220820800, 0x0007c1f00000, 0x082082222000, 0x0e8844401000, 0x0e8844401000, 0x0e8c7f18c400, 0x1e8c7d18f800,
    0x0e8c2108b800, 0x1e8c6318f800, 0x1f843d087c00, 0x1f843d084000, 0x0e8c2f18b800, 0x118c7f18c400, 0x0e2108423800,
    0x071084293000, 0x119531494400, 0x108421087c00, 0x11dd6b18c400, 0x11ce6b39c400, 0x0e8c6318b800, 0x1e8c7d084000,
    0x0e8c63593400, 0x1e8c7d494400, 0x0f841c10f800, 0x1f2108421000, 0x118c6318b800, 0x118c62a51000, 0x118c6b5dc400,
    0x118a88a8c400, 0x118a88421000, 0x1f0888887c00, 0x0e8844401000, 0x0e8844401000, 0x0e8844401000, 0x0e8844401000,
    0x000000007c00, 0x0e8844401000, 0x000382f8bc00, 0x1087a318f800, 0x0003a108b800, 0x010be318bc00, 0x0003a3f83800,
    0x064a3c842000, 0x0003e318bc2e, 0x1087a318c400, 0x040308423800, 0x02018421084c, 0x1084a98a4800, 0x0c2108423800,
    0x0006ab5ad400, 0x0007a318c400, 0x0003a318b800, 0x0007a318fa10, 0x0003e318bc21, 0x0005b3084000, 0x0003e0e0f800,
    0x084790849800, 0x00046318bc00, 0x000463151000, 0x00056b5aa800, 0x000454454400, 0x00046318bc2e, 0x0007c4447c00,
    0x0e8844401000, 0x0e8844401000, 0x0e8844401000, 0x0e8844401000,
};

uint64_t glyph(char c) { return glyphs[c < ' ' || c > '~' ? '?' - ' ' : static_cast<size_t>(c - ' ')]; }

void fill(Picture& picture, int64_t x, int64_t y, int64_t w, int64_t h, const Colour& colour) {
    const int64_t right = std::min(picture.width, x + w), below = std::min(picture.height, y + h);
    for (int64_t row = std::max<int64_t>(0, y); row < below; ++row)
        for (int64_t column = std::max<int64_t>(0, x); column < right; ++column)
            std::copy(colour.begin(), colour.end(), picture.at(column, row));
}

}  // namespace

int64_t text_width(std::string_view text, int64_t scale) {
    return text.empty() ? 0 : (std::ssize(text) * glyph_advance - (glyph_advance - glyph_width)) * scale;
}

void draw_text(Picture& picture, int64_t x, int64_t y, std::string_view text, const Colour& colour, int64_t scale) {
    require(picture.channels == 3, "glyphs", "a picture of {} channels", picture.channels);
    // All rims first: a letter's must not cover its neighbour.
    for (const int64_t rim : {1, 0})
        for (int64_t n = 0; n < std::ssize(text); ++n)
            for (int64_t dot = 0; dot < glyph_width * glyph_height; ++dot) {
                if (!(glyph(text[static_cast<size_t>(n)]) >> (glyph_width * glyph_height - 1 - dot) & 1)) continue;
                const int64_t across = x + (n * glyph_advance + dot % glyph_width) * scale,
                              down = y + dot / glyph_width * scale;
                fill(picture, across - rim, down - rim, scale + 2 * rim, scale + 2 * rim, rim ? Colour{} : colour);
            }
}

}  // namespace cmtl
