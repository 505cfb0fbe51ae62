#include "io/overlay.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "imaging/morphology.hpp"

namespace cmtl {

namespace {

constexpr std::array<uint8_t, 3> right_colour{70, 160, 255}, left_colour{255, 150, 40};
constexpr int64_t gap = 4;

// A plane through a canonical volume: its axes across and down, and the one that it is cut from.
struct Plane {
    size_t across, down, cut;
    bool flip_down;  // the head is at the top
    int64_t slice;
};

// Draws the plane into the panel of `side` pixels at (x0, y0), fitted and centred.
void draw(Picture& picture, int64_t x0, int64_t y0, int64_t side, const Volume& hu, const Mask& mask,
          const Plane& plane, const OverlayOptions& options) {
    const Geometry& g = hu.geometry;
    const double width = static_cast<double>(g.size[plane.across]) * g.spacing[plane.across],
                 height = static_cast<double>(g.size[plane.down]) * g.spacing[plane.down];
    const double mm = std::max(width, height) / static_cast<double>(side);
    const auto w = std::clamp<int64_t>(std::llround(width / mm), 1, side),
               h = std::clamp<int64_t>(std::llround(height / mm), 1, side);
    const auto voxel = [&](double x, double y, Vector3& at) {
        at[plane.cut] = static_cast<double>(plane.slice);
        at[plane.across] = (x + 0.5) / static_cast<double>(w) * static_cast<double>(g.size[plane.across]) - 0.5;
        const double down = (y + 0.5) / static_cast<double>(h) * static_cast<double>(g.size[plane.down]) - 0.5;
        at[plane.down] = plane.flip_down ? static_cast<double>(g.size[plane.down] - 1) - down : down;
    };
    const auto label = [&](int64_t x, int64_t y) -> uint8_t {
        Vector3 at;
        voxel(static_cast<double>(x), static_cast<double>(y), at);
        Index3 n;
        for (size_t a = 0; a < 3; ++a) n[a] = std::clamp<int64_t>(std::llround(at[a]), 0, g.size[a] - 1);
        return mask.at(n[0], n[1], n[2]);
    };
    const auto value = [&](int64_t x, int64_t y) {
        Vector3 at;
        voxel(static_cast<double>(x), static_cast<double>(y), at);
        // Bilinear within the plane.
        Index3 n{};
        n[plane.cut] = plane.slice;
        double sum = 0;
        for (int q = 0; q < 4; ++q) {
            double weight = 1;
            for (const auto& [axis, second] :
                 {std::pair{plane.across, (q & 1) != 0}, std::pair{plane.down, (q & 2) != 0}}) {
                const double f = std::floor(at[axis]), t = at[axis] - f;
                n[axis] = std::clamp<int64_t>(static_cast<int64_t>(f) + second, 0, g.size[axis] - 1);
                weight *= second ? t : 1 - t;
            }
            sum += weight * static_cast<double>(hu.at(n[0], n[1], n[2]));
        }
        return sum;
    };
    x0 += (side - w) / 2, y0 += (side - h) / 2;
    for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x) {
            const double grey = (value(x, y) - options.low_hu) / (options.high_hu - options.low_hu);
            uint8_t* pixel = picture.at(x0 + x, y0 + y);
            std::fill_n(pixel, 3, static_cast<uint8_t>(std::lround(255 * std::clamp(grey, 0.0, 1.0))));
            const uint8_t here = label(x, y);
            if (here == 0) continue;
            const bool edge = x == 0 || y == 0 || x + 1 == w || y + 1 == h || label(x - 1, y) != here ||
                              label(x + 1, y) != here || label(x, y - 1) != here || label(x, y + 1) != here;
            const auto& colour = here == 1 ? right_colour : left_colour;
            for (size_t c = 0; c < 3; ++c)
                pixel[c] = edge ? colour[c] : static_cast<uint8_t>((7 * pixel[c] + colour[c]) / 8);
        }
}

// The slice along `axis` in the middle of what the mask covers, for one label or for all (0).
int64_t middle(const Mask& mask, size_t axis, uint8_t label) {
    double sum = 0, count = 0;
    for (int64_t k = 0; k < mask.nz(); ++k)
        for (int64_t j = 0; j < mask.ny(); ++j)
            for (int64_t i = 0; i < mask.nx(); ++i) {
                const uint8_t v = mask.at(i, j, k);
                if (v == 0 || (label && v != label)) continue;
                sum += static_cast<double>(axis == 0 ? i : axis == 1 ? j : k), ++count;
            }
    return count > 0 ? std::llround(sum / count) : mask.geometry.size[axis] / 2;
}

}  // namespace

Picture overlay(const Volume& hu, const Mask& mask, const OverlayOptions& options) {
    require(hu.geometry.size == mask.geometry.size, "overlay", "image and mask have different sizes");
    if (!orientation_of(hu.geometry).identity()) return overlay(to_lps(hu).image, to_lps(mask).image, options);
    const Box found = bounding_box(mask);
    const int64_t low = found.empty() ? 0 : found.low[2], high = found.empty() ? hu.nz() - 1 : found.high[2];
    std::vector<Plane> planes;
    // From the apex down, as films are hung.
    for (int n = 0; n < options.axial_slices; ++n)
        planes.push_back({0, 1, 2, false,
                          std::llround(static_cast<double>(high) -
                                       (n + 0.5) / options.axial_slices * static_cast<double>(high - low))});
    planes.push_back({0, 2, 1, true, middle(mask, 1, 0)});
    planes.push_back({1, 2, 0, true, middle(mask, 0, 1)});
    planes.push_back({1, 2, 0, true, middle(mask, 0, 2)});
    const int64_t columns = 3, rows = (std::ssize(planes) + columns - 1) / columns, cell = options.panel + gap;
    Picture picture(columns * cell + gap, rows * cell + gap);
    std::fill(picture.pixels.begin(), picture.pixels.end(), uint8_t{24});
    for (int64_t n = 0; n < std::ssize(planes); ++n)
        draw(picture, gap + n % columns * cell, gap + n / columns * cell, options.panel, hu, mask,
             planes[static_cast<size_t>(n)], options);
    return picture;
}

}  // namespace cmtl
