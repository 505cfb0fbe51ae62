#include "io/overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "io/overlay_panel.hpp"

namespace cmtl {

namespace {

constexpr Colour background{14, 14, 17}, text_colour{225, 225, 225}, dim_colour{150, 150, 155};
constexpr int64_t gap = 10, letter = 2, line = 24;  // pixels: between panels, of a letter's dot, of a line of text
constexpr double margin_mm = 25;                    // around the lungs: the chest's wall

// Voxels per slice along each axis, of the whole mask, of one side, and where the masks differ.
struct Counts {
    std::array<std::vector<int64_t>, 3> right, left, changed;
    int64_t right_voxels = 0, left_voxels = 0, added = 0, removed = 0;
};

Counts count(const Mask& mask, const Mask* before) {
    Counts c;
    for (size_t a = 0; a < 3; ++a)
        for (auto* profile : {&c.right[a], &c.left[a], &c.changed[a]})
            profile->assign(static_cast<size_t>(mask.geometry.size[a]), 0);
    const auto add = [](std::array<std::vector<int64_t>, 3>& profile, int64_t i, int64_t j, int64_t k) {
        ++profile[0][static_cast<size_t>(i)], ++profile[1][static_cast<size_t>(j)],
            ++profile[2][static_cast<size_t>(k)];
    };
    for (int64_t k = 0; k < mask.nz(); ++k)
        for (int64_t j = 0; j < mask.ny(); ++j)
            for (int64_t i = 0; i < mask.nx(); ++i) {
                const uint8_t v = mask.at(i, j, k);
                if (v == 1) add(c.right, i, j, k), ++c.right_voxels;
                if (v == 2) add(c.left, i, j, k), ++c.left_voxels;
                if (!before) continue;
                const bool then = before->at(i, j, k) != 0;
                if (then == (v != 0)) continue;
                add(c.changed, i, j, k);
                ++(then ? c.removed : c.added);
            }
    return c;
}

// The slice from `low` to `high` with most changes, or else `otherwise` where no slice changed by `least` voxels.
int64_t choose(const std::vector<int64_t>& changed, int64_t low, int64_t high, int64_t otherwise, double least) {
    const auto begin = changed.begin() + low, end = changed.begin() + high + 1;
    const auto most = std::max_element(begin, end);
    return static_cast<double>(*most) >= least ? low + (most - begin) : otherwise;
}

// The same within the middle of what a profile covers, from its second to its last quarter.
int64_t choose_middle(const std::vector<int64_t>& profile, const std::vector<int64_t>& changed, double least) {
    int64_t all = 0, sum = 0, low = -1, high = -1, centre = -1;
    for (const int64_t n : profile) all += n;
    if (all == 0) return std::ssize(profile) / 2;
    for (int64_t n = 0; n < std::ssize(profile); ++n) {
        sum += profile[static_cast<size_t>(n)];
        if (low < 0 && 4 * sum >= all) low = n;
        if (centre < 0 && 2 * sum >= all) centre = n;
        if (high < 0 && 4 * sum >= 3 * all) high = n;
    }
    return choose(changed, low, high, centre, least);
}

// The lungs with the chest's wall around them, or the whole image where there are none.
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

struct Layout {
    double mm;                      // of a pixel
    std::array<int64_t, 3> pixels;  // of the field along each axis
};

Layout lay_out(const Geometry& g, const Box& field, int64_t panel) {
    Vector3 extent;
    for (size_t a = 0; a < 3; ++a) extent[a] = static_cast<double>(field.high[a] - field.low[a] + 1) * g.spacing[a];
    Layout layout{*std::max_element(extent.begin(), extent.end()) / static_cast<double>(panel), {}};
    for (size_t a = 0; a < 3; ++a)
        layout.pixels[a] = std::clamp<int64_t>(std::llround(extent[a] / layout.mm), 1, panel);
    return layout;
}

// The patient's directions at the middles of a panel's sides.
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

// The bar of 50 mm, its right end at x.
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

void draw_legend(Picture& picture, int64_t y, const Counts& counts, double voxel_ml, bool compared) {
    int64_t x = gap;
    const auto entry = [&](const Colour& colour, const std::string& text) {
        for (int64_t row = 0; row < 12; ++row)
            for (int64_t column = 0; column < 12; ++column)
                if (x + column < picture.width)
                    std::copy(colour.begin(), colour.end(), picture.at(x + column, y + 1 + row));
        draw_text(picture, x + 20, y, text, text_colour, letter);
        x += 20 + text_width(text, letter) + 30;
    };
    const auto litres = [&](int64_t voxels) { return static_cast<double>(voxels) * voxel_ml / 1000; };
    entry(right_colour, fmt::format("right lung {:.2f} l", litres(counts.right_voxels)));
    entry(left_colour, fmt::format("left lung {:.2f} l", litres(counts.left_voxels)));
    if (!compared) return;
    entry(added_colour, fmt::format("added {:.0f} ml", 1000 * litres(counts.added)));
    if (counts.removed > 0) entry(removed_colour, fmt::format("taken away {:.0f} ml", 1000 * litres(counts.removed)));
}

Picture compose(const Volume& hu, const Mask& mask, const OverlayOptions& options) {
    const Geometry& g = hu.geometry;
    const Counts counts = count(mask, options.before);
    const Box found = bounding_box(mask), field = field_of_view(mask);
    const Layout layout = lay_out(g, field, options.panel);
    struct Panel {
        const char* name;
        Plane plane;
    };
    std::vector<Panel> panels;
    // A change of a square centimetre is worth another slice.
    Vector3 least;
    for (size_t a = 0; a < 3; ++a) least[a] = 100 / (g.spacing[(a + 1) % 3] * g.spacing[(a + 2) % 3]);
    // From the apex down, as films are hung: one slice from each of as many equal shares of the lungs.
    const int64_t low = found.empty() ? 0 : found.low[2], high = found.empty() ? g.size[2] - 1 : found.high[2];
    const int64_t slices = options.axial_slices;
    for (int64_t n = slices - 1; n >= 0; --n) {
        const int64_t begin = low + (high - low + 1) * n / slices, end = low + (high - low + 1) * (n + 1) / slices - 1;
        // From the middle of its share, so that two neighbours are never much closer than the others.
        const int64_t spare = (end - begin) / 4;
        panels.push_back({"axial",
                          {0, 1, 2,
                           choose(counts.changed[2], begin + spare, std::max(begin, end - spare),
                                  (begin + std::max(begin, end)) / 2, least[2])}});
    }
    std::vector<int64_t> both = counts.right[1];
    for (size_t n = 0; n < both.size(); ++n) both[n] += counts.left[1][n];
    panels.push_back({"coronal", {0, 2, 1, choose_middle(both, counts.changed[1], least[1])}});
    panels.push_back({"sagittal right", {1, 2, 0, choose_middle(counts.right[0], counts.changed[0], least[0])}});
    panels.push_back({"sagittal left", {1, 2, 0, choose_middle(counts.left[0], counts.changed[0], least[0])}});

    // Three to a row; the last row holds the three views from the side.
    constexpr int64_t columns = 3;
    const int64_t cell = std::max(layout.pixels[0], layout.pixels[1]), rows = (slices + columns - 1) / columns,
                  head = options.title.empty() ? gap : gap + line;
    const int64_t axial = line + layout.pixels[1] + gap;
    Picture picture(columns * (cell + gap) + gap, head + rows * axial + line + layout.pixels[2] + gap + line + gap / 2);
    for (int64_t n = 0; n < picture.width * picture.height; ++n)
        std::copy(background.begin(), background.end(), picture.pixels.begin() + 3 * n);
    draw_text(picture, gap, gap, options.title, text_colour, letter);
    for (int64_t n = 0; n < std::ssize(panels); ++n) {
        const Panel& p = panels[static_cast<size_t>(n)];
        const int64_t place = n < slices ? n : rows * columns + n - slices;
        const int64_t w = layout.pixels[p.plane.across], h = layout.pixels[p.plane.down];
        const int64_t left = gap + place % columns * (cell + gap), x = left + (cell - w) / 2,
                      y = head + place / columns * axial;
        draw_text(picture, left, y, caption(p.name, g, p.plane), dim_colour, letter);
        draw_plane(picture, x, y + line, w, h, hu, mask, field, p.plane, options);
        draw_sides(picture, x, y + line, w, h, p.plane);
    }
    const int64_t foot = picture.height - line + 2;
    draw_legend(picture, foot, counts, g.voxel_ml(), options.before != nullptr);
    draw_scale(picture, picture.width - gap, foot, layout.mm);
    return picture;
}

}  // namespace

Picture overlay(const Volume& hu, const Mask& mask, const OverlayOptions& options) {
    require(hu.geometry.size == mask.geometry.size, "overlay", "image and mask have different sizes");
    require(!options.before || options.before->geometry.size == mask.geometry.size, "overlay",
            "the masks have different sizes");
    require(options.axial_slices >= 0 && options.panel > 0, "overlay", "{} slices, panels of {} pixels",
            options.axial_slices, options.panel);
    if (orientation_of(hu.geometry).identity()) return compose(hu, mask, options);
    OverlayOptions canonical = options;
    Mask before;
    if (options.before) {
        before = to_lps(*options.before).image;
        canonical.before = &before;
    }
    return compose(to_lps(hu).image, to_lps(mask).image, canonical);
}

}  // namespace cmtl
