#include "io/heat_overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "imaging/resample.hpp"
#include "io/overlay_layout.hpp"

namespace cmtl {

double HeatImage::at(const Vector3& lps) const {
    const Vector3 seen = lps_to_index(field, lps);
    for (size_t a = 0; a < 3; ++a)
        if (seen[a] < -0.5 || seen[a] > static_cast<double>(field.size[a]) - 0.5) return 0;
    return linear_at(cells, lps_to_index(cells.geometry, lps));
}

namespace {
// Dark violet over red and orange to pale yellow: lightness rises all the way.
constexpr Colour anchors[] = {{60, 15, 110}, {150, 35, 105}, {220, 70, 60}, {250, 150, 30}, {252, 250, 150}};

Colour heat_colour(double share) {
    const double at = std::clamp(share, 0.0, 1.0) * 4;
    const auto low = std::min<size_t>(3, static_cast<size_t>(at));
    Colour colour;
    for (size_t c = 0; c < 3; ++c)
        colour[c] = static_cast<uint8_t>(
            std::lround(std::lerp(double(anchors[low][c]), double(anchors[low + 1][c]), at - double(low))));
    return colour;
}

// How much of the colour lies over the image: nothing at 0, so that the image stays legible where there is no heat.
double cover(double share) { return 0.65 * std::sqrt(std::clamp(share, 0.0, 1.0)); }

void blend(uint8_t* pixel, double share) {
    const Colour colour = heat_colour(share);
    for (size_t c = 0; c < 3; ++c)
        pixel[c] = static_cast<uint8_t>(std::lround(std::lerp(double(pixel[c]), double(colour[c]), cover(share))));
}

// The voxel of the lungs where the heat is largest, the first of equals; the middle of the lungs' box without heat.
Index3 hottest(const Mask& mask, const HeatImage& heat, const Box& lungs) {
    Index3 best;
    for (size_t a = 0; a < 3; ++a) best[a] = (lungs.low[a] + lungs.high[a]) / 2;
    // Cells are much larger than voxels: every 3 mm is enough.
    Index3 step;
    for (size_t a = 0; a < 3; ++a) step[a] = std::max<int64_t>(1, static_cast<int64_t>(3 / mask.geometry.spacing[a]));
    double most = 0;
    for (int64_t k = lungs.low[2]; k <= lungs.high[2]; k += step[2])
        for (int64_t j = lungs.low[1]; j <= lungs.high[1]; j += step[1])
            for (int64_t i = lungs.low[0]; i <= lungs.high[0]; i += step[0]) {
                if (!mask.at(i, j, k)) continue;
                const Vector3 at{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
                const double v = heat.at(index_to_lps(mask.geometry, at));
                if (v > most) most = v, best = {i, j, k};
            }
    return best;
}

void draw_heat(Picture& picture, int64_t x0, int64_t y0, int64_t w, int64_t h, const Geometry& g, const Box& field,
               const Plane& plane, const HeatImage& heat, double most) {
    Vector3 index{};
    index[plane.cut] = static_cast<double>(plane.slice);
    const auto place = [&](size_t axis, int64_t pixel, int64_t pixels) {
        const double step = static_cast<double>(field.high[axis] - field.low[axis] + 1) / static_cast<double>(pixels);
        return (static_cast<double>(pixel) + 0.5) * step - 0.5;
    };
    for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x) {
            index[plane.across] = static_cast<double>(field.low[plane.across]) + place(plane.across, x, w);
            const double down = place(plane.down, y, h);
            index[plane.down] = plane.head_up() ? static_cast<double>(field.high[plane.down]) - down
                                                : static_cast<double>(field.low[plane.down]) + down;
            if (const double share = heat.at(index_to_lps(g, index)) / most; share > 0)
                blend(picture.at(x0 + x, y0 + y), share);
        }
}

// The colours as they lie over a middle grey, from 0 to 1. Returns where it ends.
int64_t draw_colours(Picture& picture, int64_t x, int64_t y, int64_t width) {
    draw_text(picture, x, y, "0", text_colour, letter);
    x += text_width("0", letter) + 8;
    for (int64_t column = 0; column < width; ++column)
        for (int64_t row = 0; row < 14; ++row) {
            uint8_t* pixel = picture.at(x + column, y + row);
            std::fill_n(pixel, 3, uint8_t{90});
            blend(pixel, static_cast<double>(column) / static_cast<double>(width - 1));
        }
    draw_text(picture, x + width + 8, y, "1 heat", text_colour, letter);
    return x + width + 8 + text_width("1 heat", letter);
}
}  // namespace

Picture heat_overlay(const Volume& hu, const Mask& mask, const HeatImage& heat, const HeatOverlayOptions& options) {
    require(hu.geometry.size == mask.geometry.size, "overlay", "image and mask have different sizes");
    require(options.panel >= 100, "overlay", "panels of {} pixels", options.panel);
    const Geometry& g = hu.geometry;
    const Box field = field_of_view(mask);
    Box lungs = bounding_box(mask);
    if (lungs.empty()) lungs = field;
    const Layout layout = lay_out(g, field, options.panel);
    const Index3 through = hottest(mask, heat, lungs);
    const double most =
        heat.cells.voxels.empty() ? 0 : *std::max_element(heat.cells.voxels.begin(), heat.cells.voxels.end());
    const struct {
        const char* name;
        Plane plane;
    } views[] = {
        {"axial", {0, 1, 2, through[2]}}, {"coronal", {0, 2, 1, through[1]}}, {"sagittal", {1, 2, 0, through[0]}}};
    const int64_t cell = std::max({layout.pixels[0], layout.pixels[1], text_width("sagittal x -100 mm", letter)}),
                  high = std::max(layout.pixels[1], layout.pixels[2]), rows = options.plain ? 2 : 1;
    Picture picture = blank(3 * (cell + gap) + gap, gap + line + rows * (high + gap) + line);
    OverlayOptions window;
    window.low_hu = options.low_hu, window.high_hu = options.high_hu;
    for (int64_t n = 0; n < 3; ++n) {
        const auto& [name, plane] = views[n];
        const int64_t w = layout.pixels[plane.across], h = layout.pixels[plane.down], left = gap + n * (cell + gap),
                      x = left + (cell - w) / 2;
        Vector3 at;
        for (size_t a = 0; a < 3; ++a) at[a] = static_cast<double>(through[a]);
        draw_text(picture, left, gap,
                  fmt::format("{} {} {:.0f} mm", name, "xyz"[plane.cut], index_to_lps(g, at)[plane.cut]), dim_colour,
                  letter);
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t y = gap + line + row * (high + gap) + (high - h) / 2;
            draw_plane(picture, x, y, w, h, hu, mask, field, plane, window);
            if (row + 1 == rows && most > 0) draw_heat(picture, x, y, w, h, g, field, plane, heat, most);
            draw_sides(picture, x, y, w, h, plane);
        }
    }
    const int64_t foot = picture.height - line + 2;
    draw_colours(picture, gap, foot, std::min<int64_t>(160, cell));
    draw_scale(picture, picture.width - gap, foot, layout.mm);
    return picture;
}

}  // namespace cmtl
