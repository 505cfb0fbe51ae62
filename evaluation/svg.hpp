#pragma once
// Charts as inline SVG. Colours come from the page's style sheet (classes c0 to c7), so they follow light, dark and
// print.
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/report.hpp"

namespace cmtl {

// Text with &, <, >, " and ' made harmless, and bytes that are no UTF-8 replaced.
std::string html_escaped(std::string_view text);

// Round numbers (1, 2, 2.5, 5 times a power of ten) that cover [low, high] in about `wanted` steps.
std::vector<double> nice_ticks(double low, double high, int wanted);

// A chart with axes, grid and one line per curve; the legend stands below it. Long curves are averaged to 600 points.
// Without fixed limits, positive values that span more than a factor of 100 get a logarithmic axis.
std::string line_chart(const CurvePanel& panel);

// A square chart of shares: both axes run from 0 to 1. `band`, where it is not empty, is shaded: an upper line from
// left to right and a lower one back.
struct UnitSquare {
    std::string title, x_label, y_label;
    std::vector<Curve> curves;
    std::string diagonal;  // a dashed line called this, for example "chance"; empty: none
    bool dots = false;     // marks every point
    Curve band;             // its name stands in the legend
};
std::string unit_square_chart(const UnitSquare& chart);

// Square, with the diagonal of chance; curves are (false positive rate, true positive rate).
std::string roc_chart(const std::vector<Curve>& curves);

// One stacked bar of seconds by step, with a legend.
std::string timeline_chart(const std::vector<std::pair<std::string, double>>& steps);

}  // namespace cmtl
