#pragma once
// Box plots (Tukey 1977) of a measure's values by group.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

// Quartiles are linear between the values, as numpy.percentile gives them; whiskers end at the outermost values within
// 1.5 times the quartiles' distance of the box. Agrees with matplotlib.cbook.boxplot_stats. NaN and infinite values
// are left out; without any other all numbers are NaN.
struct BoxSummary {
    int64_t count = 0;
    double whisker_low = 0, q1 = 0, median = 0, q3 = 0, whisker_high = 0;
    std::vector<double> outliers;  // rising
};
BoxSummary box_summary(std::span<const double> values);

struct BoxGroup {
    std::string name;
    std::vector<double> values;
};

// One box per group, side by side. The axis is logarithmic where all values are positive and span more than a factor
// of 100; it covers the whiskers, and outliers as far as one more such span: the others are counted in the legend.
// No group with a value: a line that says so.
std::string box_chart(std::string_view title, std::string_view y_label, const std::vector<BoxGroup>& groups);

}  // namespace cmtl
