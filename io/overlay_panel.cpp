#include "io/overlay_panel.hpp"

#include <algorithm>
#include <cmath>

namespace cmtl {

namespace {

// A plane of numbers, rows from the top.
struct Raster {
    int64_t w = 0, h = 0;
    std::vector<float> values;
    Raster(int64_t width, int64_t height) : w(width), h(height), values(static_cast<size_t>(w * h)) {}
    float& at(int64_t x, int64_t y) { return values[static_cast<size_t>(y * w + x)]; }
    float at(int64_t x, int64_t y) const { return values[static_cast<size_t>(y * w + x)]; }
};

// Catmull and Rom's cubic runs through the samples; the B-spline rounds what is drawn of a mask's steps.
enum class Kernel { through, smooth };

double weight(Kernel kernel, double t) {
    t = std::abs(t);
    if (t >= 2) return 0;
    if (kernel == Kernel::through) return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : ((-0.5 * t + 2.5) * t - 4) * t + 2;
    return t < 1 ? 2.0 / 3 - t * t + t * t * t / 2 : (2 - t) * (2 - t) * (2 - t) / 6;
}

// Where the samples of one output value lie, and their weights. A grid that becomes coarser gets wider kernels.
struct Taps {
    std::vector<int64_t> at;
    std::vector<float> weights;
};

std::vector<Taps> taps(int64_t from, int64_t to, Kernel kernel) {
    const double step = static_cast<double>(from) / static_cast<double>(to), width = std::max(1.0, step);
    std::vector<Taps> all(static_cast<size_t>(to));
    for (int64_t n = 0; n < to; ++n) {
        const double centre = (static_cast<double>(n) + 0.5) * step - 0.5;
        std::vector<double> weights;
        double sum = 0;
        Taps& one = all[static_cast<size_t>(n)];
        for (auto s = static_cast<int64_t>(std::ceil(centre - 2 * width)); static_cast<double>(s) <= centre + 2 * width;
             ++s) {
            weights.push_back(weight(kernel, (static_cast<double>(s) - centre) / width));
            one.at.push_back(std::clamp<int64_t>(s, 0, from - 1));
            sum += weights.back();
        }
        for (const double w : weights) one.weights.push_back(static_cast<float>(w / sum));
    }
    return all;
}

Raster resize(const Raster& in, int64_t w, int64_t h, Kernel kernel) {
    const std::vector<Taps> across = taps(in.w, w, kernel), down = taps(in.h, h, kernel);
    Raster rows(w, in.h), out(w, h);
    const auto apply = [](const Taps& t, auto&& sample) {
        float sum = 0;
        for (size_t n = 0; n < t.at.size(); ++n) sum += t.weights[n] * sample(t.at[n]);
        return sum;
    };
    for (int64_t y = 0; y < in.h; ++y)
        for (int64_t x = 0; x < w; ++x)
            rows.at(x, y) = apply(across[static_cast<size_t>(x)], [&](int64_t s) { return in.at(s, y); });
    for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x)
            out.at(x, y) = apply(down[static_cast<size_t>(y)], [&](int64_t s) { return rows.at(x, s); });
    return out;
}

// What `value` makes of each voxel of the plane within the field, as it is looked at.
template <class T, class Value>
Raster cut(const Image<T>& image, const Box& field, const Plane& plane, Value&& value) {
    Raster out(field.high[plane.across] - field.low[plane.across] + 1,
               field.high[plane.down] - field.low[plane.down] + 1);
    Index3 n{};
    n[plane.cut] = plane.slice;
    for (int64_t y = 0; y < out.h; ++y)
        for (int64_t x = 0; x < out.w; ++x) {
            n[plane.across] = field.low[plane.across] + x;
            n[plane.down] = plane.head_up() ? field.high[plane.down] - y : field.low[plane.down] + y;
            out.at(x, y) = static_cast<float>(value(image.at(n[0], n[1], n[2])));
        }
    return out;
}

void blend(uint8_t* pixel, const Colour& colour, float share) {
    for (size_t c = 0; c < 3; ++c)
        pixel[c] = static_cast<uint8_t>(
            std::lround(static_cast<float>(pixel[c]) * (1 - share) + static_cast<float>(colour[c]) * share));
}

// How much of the pixel a line of some 1.5 pixels along f = 1/2 covers.
float line_share(const Raster& f, int64_t x, int64_t y) {
    const int64_t left = std::max<int64_t>(0, x - 1), right = std::min(f.w - 1, x + 1),
                  above = std::max<int64_t>(0, y - 1), below = std::min(f.h - 1, y + 1);
    const auto slope = [](float a, float b, int64_t distance) {
        return distance > 0 ? (b - a) / static_cast<float>(distance) : 0;
    };
    const float steep = std::hypot(slope(f.at(left, y), f.at(right, y), right - left),
                                   slope(f.at(x, above), f.at(x, below), below - above));
    return std::clamp(1.25f - std::abs(f.at(x, y) - 0.5f) / std::max(steep, 1e-3f), 0.0f, 1.0f);
}

}  // namespace

void draw_plane(Picture& picture, int64_t x0, int64_t y0, int64_t w, int64_t h, const Volume& hu, const Mask& mask,
                const Box& field, const Plane& plane, const OverlayOptions& options) {
    const auto smooth = [&](const Mask& from, auto&& chosen) {
        return resize(cut(from, field, plane, chosen), w, h, Kernel::smooth);
    };
    const float span = options.high_hu - options.low_hu;
    // Windowed before it is interpolated: metal and the table would ring far into the lungs.
    const Raster grey =
        resize(cut(hu, field, plane, [&](float v) { return std::clamp((v - options.low_hu) / span, 0.0f, 1.0f); }), w,
               h, Kernel::through);
    const Raster right = smooth(mask, [](uint8_t v) { return v == 1; }),
                 left = smooth(mask, [](uint8_t v) { return v == 2; }),
                 after = smooth(mask, [](uint8_t v) { return v != 0; }),
                 before = options.before ? smooth(*options.before, [](uint8_t v) { return v != 0; }) : Raster(0, 0);
    for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x) {
            uint8_t* pixel = picture.at(x0 + x, y0 + y);
            std::fill_n(pixel, 3, static_cast<uint8_t>(std::lround(255 * std::clamp(grey.at(x, y), 0.0f, 1.0f))));
            if (options.before) {
                const bool now = after.at(x, y) >= 0.5f, then = before.at(x, y) >= 0.5f;
                if (now != then) blend(pixel, now ? added_colour : removed_colour, 0.4f);
            }
            blend(pixel, right_colour, line_share(right, x, y));
            blend(pixel, left_colour, line_share(left, x, y));
        }
}

}  // namespace cmtl
