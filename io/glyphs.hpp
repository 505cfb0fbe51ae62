#pragma once
// Text in pictures: a font of dots for labels, legible where a library of typefaces would be too much.
#include <array>
#include <cstdint>
#include <string_view>

#include "io/png.hpp"

namespace cmtl {

using Colour = std::array<uint8_t, 3>;

// Dots of a letter, from the top of capitals to below the line, and from one letter to the next.
constexpr int64_t glyph_width = 5, glyph_height = 9, glyph_advance = 6;

// Pixels from the first dot of a text to the last.
int64_t text_width(std::string_view text, int64_t scale);

// Writes `text` with the upper left corner at (x, y), each dot a square of `scale` pixels, with a dark rim of one pixel
// that keeps it legible on any image. What lies outside of the picture is cut off; bytes that are not printable ASCII
// are drawn as '?'. RGB pictures only.
void draw_text(Picture& picture, int64_t x, int64_t y, std::string_view text, const Colour& colour, int64_t scale = 2);

}  // namespace cmtl
