#pragma once
// What charts are made of: a frame with axes, ticks and labels, and entries of their legends.
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

constexpr size_t chart_colours = 8;  // classes c0 to c7 of the style sheet

// From data to picture.
struct Scale {
    double low, high, from, to;  // data and picture
    bool logarithmic = false;
    double operator()(double v) const {
        const double share = logarithmic ? std::log(v / low) / std::log(high / low) : (v - low) / (high - low);
        return from + share * (to - from);
    }
};

struct Frame {
    double width = 560, height = 300, left = 62, right = 14, top = 14, bottom = 46;
};

// The opening tag, and the title that readers of screens are told.
std::string svg_head(const Frame& f, std::string_view css, std::string_view title);
// Grid, ticks and both labels. x_text: what stands at each tick of x instead of its number; lines are parted by '\n'.
std::string axes(const Frame& f, const Scale& x, const Scale& y, const std::vector<double>& x_ticks,
                 const std::vector<double>& y_ticks, std::string_view x_label, std::string_view y_label,
                 const std::vector<std::string>& x_text = {});
// `mark`: the class of its key, for example "line c0", "square c1", "band", "mark".
std::string legend_entry(std::string_view mark, std::string_view name);

// Powers of ten that cover [low, high], both above 0.
std::vector<double> decades(double low, double high);

}  // namespace cmtl
