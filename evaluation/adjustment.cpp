#include "evaluation/adjustment.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace cmtl {

std::vector<double> adjusted_p(std::span<const double> p, Adjustment method) {
    std::vector<size_t> order;
    for (size_t i = 0; i < p.size(); ++i)
        if (!std::isnan(p[i])) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
    std::vector<double> adjusted(p.begin(), p.end());
    const size_t n = order.size();
    double bound = 0;
    switch (method) {
        case Adjustment::bonferroni:
            for (const size_t i : order) adjusted[i] = std::min(1.0, p[i] * double(n));
            break;
        case Adjustment::holm:
            for (size_t k = 0; k < n; ++k)
                adjusted[order[k]] = bound = std::max(bound, std::min(1.0, p[order[k]] * double(n - k)));
            break;
        case Adjustment::benjamini_hochberg:
            bound = 1;
            for (size_t k = n; k-- > 0;)
                adjusted[order[k]] = bound = std::min(bound, p[order[k]] / (double(k + 1) / double(n)));
            break;
    }
    return adjusted;
}

Adjustment adjustment_named(std::string_view name) {
    if (name == "bh") return Adjustment::benjamini_hochberg;
    if (name == "holm") return Adjustment::holm;
    if (name == "bonferroni") return Adjustment::bonferroni;
    fail(ErrorKind::usage, "adjustment", "'{}' is no adjustment: bh, holm or bonferroni", name);
}

}  // namespace cmtl
