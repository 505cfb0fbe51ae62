#include "io/overlay_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "imaging/geometry.hpp"

namespace cmtl {

namespace {
constexpr double margin_mm = 25;  // around the lungs: the chest's wall
}

Picture blank(int64_t width, int64_t height) {
    Picture picture(width, height);
    for (int64_t n = 0; n < picture.width * picture.height; ++n)
        std::copy(background.begin(), background.end(), picture.pixels.begin() + 3 * n);
    return picture;
}

Box field_of_view(const Mask& mask) {
    const Geometry& g = mask.geometry;
    Box field = bounding_box(mask);
    if (field.empty()) return {{0, 0, 0}, {g.size[0] - 1, g.size[1] - 1, g.size[2] - 1}};
    for (size_t a = 0; a < 3; ++a) {
        const auto margin = static_cast<int64_t>(std::ceil(margin_mm / g.spacing[a]));
        field.low[a] = std::max<int64_t>(0, field.low[a] - margin);
        field.high[a] = std::min(g.size[a] - 1, field.high[a] + margin);
    }
    return field;
}

Layout lay_out(const Geometry& g, const Box& field, int64_t panel) {
    Vector3 extent;
    for (size_t a = 0; a < 3; ++a) extent[a] = static_cast<double>(field.high[a] - field.low[a] + 1) * g.spacing[a];
    Layout layout{*std::max_element(extent.begin(), extent.end()) / static_cast<double>(panel), {}};
    for (size_t a = 0; a < 3; ++a)
        layout.pixels[a] = std::clamp<int64_t>(std::llround(extent[a] / layout.mm), 1, panel);
    return layout;
}

void draw_sides(Picture& picture, int64_t x, int64_t y, int64_t w, int64_t h, const Plane& plane) {
    const int64_t wide = text_width("A", letter), high = 7 * letter;
    const char* across = plane.across == 0 ? "RL" : "AP";
    const char* down = plane.head_up() ? "HF" : "AP";
    const auto put = [&](int64_t at_x, int64_t at_y, char c) {
        draw_text(picture, at_x, at_y, std::string_view(&c, 1), text_colour, letter);
    };
    put(x + 5, y + (h - high) / 2, across[0]);
    put(x + w - 5 - wide, y + (h - high) / 2, across[1]);
    put(x + (w - wide) / 2, y + 5, down[0]);
    put(x + (w - wide) / 2, y + h - 5 - high, down[1]);
}

std::string caption(const char* name, const Geometry& g, const Plane& plane) {
    Vector3 at;
    for (size_t a = 0; a < 3; ++a) at[a] = 0.5 * static_cast<double>(g.size[a] - 1);
    at[plane.cut] = static_cast<double>(plane.slice);
    return fmt::format("{}  {} {:.1f} mm  {} {}/{}", name, "xyz"[plane.cut], index_to_lps(g, at)[plane.cut],
                       "ijk"[plane.cut], plane.slice, g.size[plane.cut]);
}

void draw_scale(Picture& picture, int64_t x, int64_t y, double mm) {
    const auto length = std::max<int64_t>(1, std::llround(50 / mm));
    const std::string text = "50 mm";
    const auto put = [&](int64_t at_x, int64_t at_y) {
        if (at_x >= 0 && at_x < picture.width && at_y >= 0 && at_y < picture.height)
            std::copy(text_colour.begin(), text_colour.end(), picture.at(at_x, at_y));
    };
    for (int64_t n = 0; n < length; ++n) put(x - 1 - n, y + 7), put(x - 1 - n, y + 8);
    for (int64_t n = 2; n < 14; ++n)
        for (const int64_t end : {x - 1, x - 2, x - length, x - length + 1}) put(end, y + n);
    draw_text(picture, x - length - 8 - text_width(text, letter), y, text, text_colour, letter);
}

}  // namespace cmtl
