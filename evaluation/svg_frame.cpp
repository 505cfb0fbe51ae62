#include "evaluation/svg_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
// The length of the UTF-8 sequence at text[i], or 0 where there is none.
size_t utf8_length(std::string_view text, size_t i) {
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned char first = byte(i);
    const size_t n = first < 0x80                    ? 1
                     : first >= 0xC2 && first < 0xE0 ? 2
                     : first >= 0xE0 && first < 0xF0 ? 3
                     : first >= 0xF0 && first < 0xF5 ? 4
                                                     : 0;
    if (n == 0 || i + n > text.size()) return 0;
    for (size_t k = 1; k < n; ++k)
        if ((byte(i + k) & 0xC0) != 0x80) return 0;
    return n;
}

// Digits that tell neighbouring ticks apart.
std::string tick_text(double v, double step) {
    if (std::abs(v) < 1e-9 * step) v = 0;
    const double size = std::max(std::abs(v), step);
    if (size >= 1e5 || step < 1e-4) return fmt::format("{:.3g}", v);
    // As many digits as the step has: 0.25 needs two although it is above 0.1.
    int digits = 0;
    for (double s = step; digits < 6 && std::abs(s - std::round(s)) > 1e-6 * s; s *= 10) ++digits;
    return fmt::format("{:.{}f}", v, digits);
}
}  // namespace

std::string html_escaped(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size();) {
        const size_t n = utf8_length(text, i);
        if (n == 0) {
            out += "\xEF\xBF\xBD";
            ++i;
            continue;
        }
        switch (text[i]) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += text.substr(i, n);
        }
        i += n;
    }
    return out;
}

std::vector<double> nice_ticks(double low, double high, int wanted) {
    if (!(high > low)) high = low + (low != 0 ? std::abs(low) * 0.1 : 1);
    const double raw = (high - low) / wanted, power = std::pow(10, std::floor(std::log10(raw)));
    double step = 10 * power;
    for (const double s : {1.0, 2.0, 2.5, 5.0})
        if (s * power >= raw * 0.999) {
            step = s * power;
            break;
        }
    std::vector<double> ticks;
    const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
    for (double k = first; k <= last; ++k) ticks.push_back(k * step);
    return ticks;
}

std::vector<double> decades(double low, double high) {
    std::vector<double> ticks;
    for (double k = std::floor(std::log10(low)); k <= std::ceil(std::log10(high)); ++k)
        ticks.push_back(std::pow(10, k));
    return ticks;
}

std::string svg_head(const Frame& f, std::string_view css, std::string_view title) {
    return fmt::format("<svg{} viewBox='0 0 {:g} {:g}' role='img'><title>{}</title>",
                       css.empty() ? "" : fmt::format(" class='{}'", css), f.width, f.height, html_escaped(title));
}

std::string axes(const Frame& f, const Scale& x, const Scale& y, const std::vector<double>& xt,
                 const std::vector<double>& yt, std::string_view x_label, std::string_view y_label,
                 const std::vector<std::string>& x_text) {
    std::string s;
    const double x_step = xt.size() > 1 ? xt[1] - xt[0] : 1, y_step = yt.size() > 1 ? yt[1] - yt[0] : 1;
    for (const double v : yt)
        s += fmt::format(
            "<line class='grid' x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}'/><text x='{:.1f}' y='{:.1f}' "
            "text-anchor='end'>{}</text>",
            f.left, f.width - f.right, y(v), y(v), f.left - 7, y(v) + 4,
            y.logarithmic ? fmt::format("{:g}", v) : tick_text(v, y_step));
    const double foot = f.height - f.bottom;
    for (size_t i = 0; i < xt.size(); ++i) {
        const double at = x(xt[i]);
        s +=
            fmt::format("<line class='tick' x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}'/>", at, foot, foot + 4);
        const std::string text = i < x_text.size() ? x_text[i] : tick_text(xt[i], x_step);
        double line = foot + 17;
        for (size_t begin = 0; begin <= text.size(); line += 14) {
            const size_t end = std::min(text.find('\n', begin), text.size());
            s += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{}</text>", at, line,
                             html_escaped(std::string_view(text).substr(begin, end - begin)));
            begin = end + 1;
        }
    }
    s += fmt::format("<line class='axis' x1='{0:.1f}' x2='{1:.1f}' y1='{2:.1f}' y2='{2:.1f}'/>", f.left,
                     f.width - f.right, foot);
    s += fmt::format("<text class='label' x='{:.1f}' y='{:.1f}' text-anchor='middle'>{}</text>",
                     (f.left + f.width - f.right) / 2, f.height - 8, html_escaped(x_label));
    const double middle = (f.top + f.height - f.bottom) / 2;
    s += fmt::format("<text class='label' transform='translate(14 {:.1f}) rotate(-90)' text-anchor='middle'>{}</text>",
                     middle, html_escaped(y_label));
    return s;
}

std::string legend_entry(std::string_view mark, std::string_view name) {
    return fmt::format("<span><i class='{}'></i>{}</span>", mark, html_escaped(name));
}

}  // namespace cmtl
