#pragma once
// How overlay pictures are laid out and lettered.
#include "imaging/morphology.hpp"
#include "io/overlay_panel.hpp"

namespace cmtl {

constexpr Colour background{14, 14, 17}, text_colour{225, 225, 225}, dim_colour{150, 150, 155};
constexpr int64_t gap = 10, letter = 2, line = 24;  // pixels: between panels, of a letter's dot, of a line of text

// A picture of nothing but background.
Picture blank(int64_t width, int64_t height);

// The lungs with the chest's wall around them, or the whole image where there are none.
Box field_of_view(const Mask& mask);

struct Layout {
    double mm;                      // of a pixel
    std::array<int64_t, 3> pixels;  // of the field along each axis
};
// The field's longest side takes `panel` pixels.
Layout lay_out(const Geometry& g, const Box& field, int64_t panel);

// The patient's directions at the middles of a panel's sides.
void draw_sides(Picture& picture, int64_t x, int64_t y, int64_t w, int64_t h, const Plane& plane);

// "axial  z 12.5 mm  k 40/80"
std::string caption(const char* name, const Geometry& g, const Plane& plane);

// The bar of 50 mm, its right end at x.
void draw_scale(Picture& picture, int64_t x, int64_t y, double mm);

}  // namespace cmtl
