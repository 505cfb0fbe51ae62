#include "evaluation/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "evaluation/svg_frame.hpp"

namespace cmtl {

namespace {
// Means of equal runs of points; a run without a defined value stays a gap.
Curve shortened(const Curve& c, size_t most) {
    const size_t n = std::min(c.x.size(), c.y.size());
    if (n <= most) return c;
    Curve out;
    out.name = c.name;
    for (size_t b = 0; b < most; ++b) {
        const size_t begin = n * b / most, end = n * (b + 1) / most;
        double x = 0, y = 0, defined = 0;
        for (size_t i = begin; i < end; ++i) {
            x += c.x[i];
            if (std::isfinite(c.y[i])) y += c.y[i], defined += 1;
        }
        out.x.push_back(x / double(end - begin));
        out.y.push_back(defined > 0 ? y / defined : std::numeric_limits<double>::quiet_NaN());
    }
    return out;
}

std::string path_of(const Curve& c, const Scale& x, const Scale& y) {
    std::string d;
    bool pen_down = false;
    for (size_t i = 0; i < std::min(c.x.size(), c.y.size()); ++i) {
        if (!std::isfinite(c.x[i]) || !std::isfinite(c.y[i])) {
            pen_down = false;
            continue;
        }
        d += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", x(c.x[i]), y(std::clamp(c.y[i], y.low, y.high)));
        pen_down = true;
    }
    return d;
}

std::string legend(const std::vector<Curve>& curves) {
    std::string s;
    for (size_t i = 0; i < curves.size(); ++i)
        s += legend_entry(fmt::format("line c{}", i % chart_colours), curves[i].name);
    return s;
}
}  // namespace

std::string line_chart(const CurvePanel& panel) {
    std::vector<Curve> curves;
    double x0 = std::numeric_limits<double>::infinity(), x1 = -x0, y0 = x0, y1 = -x0;
    for (const Curve& whole : panel.curves) {
        curves.push_back(shortened(whole, 600));
        const Curve& c = curves.back();
        for (size_t i = 0; i < std::min(c.x.size(), c.y.size()); ++i) {
            if (!std::isfinite(c.x[i]) || !std::isfinite(c.y[i])) continue;
            x0 = std::min(x0, c.x[i]), x1 = std::max(x1, c.x[i]);
            y0 = std::min(y0, c.y[i]), y1 = std::max(y1, c.y[i]);
        }
    }
    if (!(x0 <= x1)) return "<p class='muted'>No values yet.</p>";
    // One early value of a hundred would flatten all that follows.
    const bool logarithmic = !panel.y_low && !panel.y_high && y0 > 0 && y1 > 100 * y0;
    // Losses and rates are read against zero unless that would flatten them.
    if (!logarithmic && y0 > 0 && y0 < 0.6 * y1) y0 = 0;
    const auto y_ticks =
        logarithmic ? decades(y0, y1) : nice_ticks(panel.y_low.value_or(y0), panel.y_high.value_or(y1), 5);
    const Frame f;
    if (!(x1 > x0)) x0 -= 0.5, x1 += 0.5;
    const Scale x{x0, x1, f.left, f.width - f.right};
    const Scale y{panel.y_low.value_or(y_ticks.front()), panel.y_high.value_or(y_ticks.back()), f.height - f.bottom,
                  f.top, logarithmic};
    const auto inside = [](std::vector<double> t, const Scale& s) {
        std::erase_if(
            t, [&](double v) { return v < s.low - 1e-9 * (s.high - s.low) || v > s.high + 1e-9 * (s.high - s.low); });
        return t;
    };
    auto x_ticks = inside(nice_ticks(x0, x1, 7), x);
    if (x_ticks.size() > 1 && x_ticks[1] - x_ticks[0] < 1 && x0 == std::floor(x0) && x1 == std::floor(x1))
        std::erase_if(x_ticks, [](double v) { return v != std::floor(v); });  // no half epochs

    std::string s = svg_head(f, "", panel.title);
    s += axes(f, x, y, x_ticks, inside(y_ticks, y), panel.x_label, panel.y_label);
    if (panel.marked_x && *panel.marked_x >= x0 && *panel.marked_x <= x1) {
        const double at = x(*panel.marked_x);
        const bool flip = at > f.width - 90;
        s += fmt::format(
            "<line class='mark' x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}'/><text x='{3:.1f}' "
            "y='{4:.1f}' text-anchor='{5}'>{6}</text>",
            at, f.top, f.height - f.bottom, at + (flip ? -5 : 5), f.top + 9, flip ? "end" : "start",
            html_escaped(panel.mark));
    }
    for (size_t i = 0; i < curves.size(); ++i) {
        const Curve& c = curves[i];
        s += fmt::format("<path class='line c{}' d='{}'/>", i % chart_colours, path_of(c, x, y));
        if (c.x.size() > 60) continue;
        for (size_t k = 0; k < std::min(c.x.size(), c.y.size()); ++k)
            if (std::isfinite(c.x[k]) && std::isfinite(c.y[k]))
                s += fmt::format(
                    "<circle class='dot c{}' cx='{:.1f}' cy='{:.1f}' r='2.4'><title>{}: {:.4g} at "
                    "{:g}</title></circle>",
                    i % chart_colours, x(c.x[k]), y(std::clamp(c.y[k], y.low, y.high)), html_escaped(c.name), c.y[k], c.x[k]);
    }
    if (curves.size() == 1 && curves[0].name.empty()) return s + "</svg>";
    return s + "</svg><div class='legend'>" + legend(curves) + "</div>";
}

std::string unit_square_chart(const UnitSquare& chart) {
    if (chart.curves.empty()) return "<p class='muted'>Not defined: both classes are needed.</p>";
    const Frame f{340, 330, 54, 14, 12, 44};
    const Scale x{0, 1, f.left, f.width - f.right}, y{0, 1, f.height - f.bottom, f.top};
    const std::vector<double> ticks{0, 0.2, 0.4, 0.6, 0.8, 1};
    std::string s = svg_head(f, "roc", chart.title);
    s += axes(f, x, y, ticks, ticks, chart.x_label, chart.y_label);
    if (!chart.diagonal.empty())
        s +=
            fmt::format("<line class='mark' x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}'/>", x(0), y(0), x(1), y(1));
    if (!chart.band.x.empty()) s += fmt::format("<path class='band' d='{}Z'/>", path_of(chart.band, x, y));
    for (size_t i = 0; i < chart.curves.size(); ++i) {
        const Curve& c = chart.curves[i];
        s += fmt::format("<path class='line c{}' d='{}'/>", i % chart_colours, path_of(c, x, y));
        for (size_t k = 0; chart.dots && k < c.x.size(); ++k)
            s += fmt::format(
                "<circle class='dot c{}' cx='{:.1f}' cy='{:.1f}' r='3'><title>{}: {:.3f} at {:.3f}</title></circle>",
                i % chart_colours, x(c.x[k]), y(c.y[k]), html_escaped(c.name), c.y[k], c.x[k]);
    }
    s += "</svg><div class='legend'>" + legend(chart.curves);
    if (!chart.band.name.empty()) s += legend_entry("band", chart.band.name);
    if (!chart.diagonal.empty()) s += legend_entry("mark", chart.diagonal);
    return s + "</div>";
}

std::string roc_chart(const std::vector<Curve>& curves) {
    return unit_square_chart({"ROC curve", "1 - specificity", "sensitivity", curves, "chance", false, {}});
}

std::string timeline_chart(const std::vector<std::pair<std::string, double>>& steps) {
    double total = 0;
    for (const auto& [name, seconds] : steps) total += std::max(0.0, seconds);
    if (!(total > 0)) return {};
    std::string s = "<div class='timeline'>", names = "<div class='legend'>";
    for (size_t i = 0; i < steps.size(); ++i) {
        const double seconds = std::max(0.0, steps[i].second);
        s += fmt::format("<i class='c{}' style='flex:{:.5f}' title='{}: {:.3f} s'></i>", i % chart_colours, seconds / total,
                         html_escaped(steps[i].first), seconds);
        names += fmt::format("<span><i class='c{}'></i>{} <b>{:.2f} s</b></span>", i % chart_colours,
                             html_escaped(steps[i].first), seconds);
    }
    return s + "</div>" + names + fmt::format("<span>total <b>{:.2f} s</b></span></div>", total);
}

}  // namespace cmtl
