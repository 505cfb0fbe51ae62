#include "io/overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "io/overlay_layout.hpp"
#include "io/overlay_panel.hpp"

namespace cmtl {

namespace {

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
    Picture picture = blank(columns * (cell + gap) + gap,
                            head + rows * axial + line + layout.pixels[2] + gap + line + gap / 2);
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
