#include "evaluation/box_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "evaluation/svg.hpp"
#include "evaluation/svg_frame.hpp"

namespace cmtl {

BoxSummary box_summary(std::span<const double> values) {
    std::vector<double> sorted;
    std::ranges::copy_if(values, std::back_inserter(sorted), [](double v) { return std::isfinite(v); });
    std::ranges::sort(sorted);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    if (sorted.empty()) return {0, nan, nan, nan, nan, nan, {}};
    const auto quantile = [&](double share) {
        const double at = share * double(sorted.size() - 1);
        const auto below = static_cast<size_t>(at);
        const size_t above = std::min(below + 1, sorted.size() - 1);
        return sorted[below] + (at - double(below)) * (sorted[above] - sorted[below]);
    };
    BoxSummary box{std::ssize(sorted), 0, quantile(0.25), quantile(0.5), quantile(0.75), 0, {}};
    const double reach = 1.5 * (box.q3 - box.q1);
    // A quartile between two values may have none beyond it within reach: the whisker has no length then.
    box.whisker_low = box.q1, box.whisker_high = box.q3;
    for (const double v : sorted) {
        if (v < box.q1 - reach || v > box.q3 + reach) {
            box.outliers.push_back(v);
            continue;
        }
        box.whisker_low = std::min(box.whisker_low, v), box.whisker_high = std::max(box.whisker_high, v);
    }
    return box;
}

namespace {
struct Range {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    void cover(double v) { low = std::min(low, v), high = std::max(high, v); }
};

// A name in at most two lines of like length.
std::string broken(const std::string& name) {
    size_t best = std::string::npos;
    for (size_t at = name.find(' '); at != std::string::npos; at = name.find(' ', at + 1))
        if (best == std::string::npos || std::max(at, name.size() - at) < std::max(best, name.size() - best)) best = at;
    if (name.size() <= 12 || best == std::string::npos) return name;
    return name.substr(0, best) + "\n" + name.substr(best + 1);
}

// The values that the axis shows, and the scale that it needs.
struct Axis {
    Range shown;
    bool logarithmic;
};

Axis axis_of(const std::vector<BoxSummary>& boxes) {
    Range all, whiskers;
    for (const BoxSummary& b : boxes) {
        if (b.count == 0) continue;
        for (const double v : {b.whisker_low, b.whisker_high}) whiskers.cover(v), all.cover(v);
        for (const double v : b.outliers) all.cover(v);
    }
    if (all.low > 0 && all.high > 100 * all.low) return {all, true};
    const double span = whiskers.high - whiskers.low;
    Range shown = whiskers;
    for (const BoxSummary& b : boxes)
        for (const double v : b.outliers)
            if (v >= whiskers.low - span && v <= whiskers.high + span) shown.cover(v);
    return {shown, false};
}

std::string box_shape(const BoxSummary& b, const Scale& y, double x, double half, size_t colour, int64_t& hidden) {
    std::string s = fmt::format("<g class='box c{}'>", colour);
    const auto line = [&](const char* css, double x1, double x2, double v1, double v2) {
        s += fmt::format("<line{} x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}'/>", css, x1, x2, y(v1), y(v2));
    };
    line("", x, x, b.whisker_low, b.q1);
    line("", x, x, b.q3, b.whisker_high);
    for (const double v : {b.whisker_low, b.whisker_high}) line("", x - half / 2, x + half / 2, v, v);
    s += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'/>", x - half, y(b.q3), 2 * half,
                     std::max(0.0, y(b.q1) - y(b.q3)));
    line(" class='median'", x - half, x + half, b.median, b.median);
    size_t n = 0;
    for (const double v : b.outliers) {
        if (v < y.low || v > y.high) {
            ++hidden;
            continue;
        }
        // Beside each other where they would hide each other.
        constexpr double places[] = {0, -4, 4, -8, 8};
        s += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='1.8'/>", x + places[n++ % 5], y(v));
    }
    return s + "</g>";
}
}  // namespace

std::string box_chart(std::string_view title, std::string_view y_label, const std::vector<BoxGroup>& groups) {
    std::vector<BoxSummary> boxes;
    for (const BoxGroup& g : groups) boxes.push_back(box_summary(g.values));
    const Axis axis = axis_of(boxes);
    if (!(axis.shown.low <= axis.shown.high)) return "<p class='muted'>No values.</p>";
    const auto y_ticks =
        axis.logarithmic ? decades(axis.shown.low, axis.shown.high) : nice_ticks(axis.shown.low, axis.shown.high, 5);
    std::vector<double> places;
    std::vector<std::string> names;
    int64_t lines = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
        places.push_back(double(g) + 0.5);
        names.push_back(broken(groups[g].name) + fmt::format("\nn = {}", boxes[g].count));
        lines = std::max(lines, 1 + std::count(names.back().begin(), names.back().end(), '\n'));
    }
    const double foot = 34 + 14 * double(lines);
    const Frame f{340, 214 + foot, 70, 10, 12, foot};
    const Scale x{0, double(groups.size()), f.left, f.width - f.right};
    const Scale y{y_ticks.front(), y_ticks.back(), f.height - f.bottom, f.top, axis.logarithmic};
    std::string s = svg_head(f, "plot", title) + axes(f, x, y, places, y_ticks, "class", y_label, names);
    int64_t hidden = 0;
    const double half = std::min(34.0, 0.3 * (x(1) - x(0)));
    for (size_t g = 0; g < groups.size(); ++g)
        if (boxes[g].count > 0) s += box_shape(boxes[g], y, x(places[g]), half, g % chart_colours, hidden);
    s += "</svg><div class='legend'>" + legend_entry("boxed", "quartiles and median") +
         legend_entry("whisker", "values within 1.5 boxes");
    if (hidden > 0) s += fmt::format("<span>{} beyond the axis</span>", hidden);
    return s + "</div>";
}

}  // namespace cmtl
