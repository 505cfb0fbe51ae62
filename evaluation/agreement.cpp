#include "evaluation/agreement.hpp"

#include <cmath>
#include <limits>

namespace cmtl {

namespace {
struct Margins {
    std::vector<double> truth, predicted;
    double all = 0;
};

Margins margins(const ConfusionMatrix& m) {
    const auto n = size_t(m.classes);
    Margins s{std::vector<double>(n, 0), std::vector<double>(n, 0)};
    for (int t = 0; t < m.classes; ++t)
        for (int p = 0; p < m.classes; ++p) {
            const double count = double(m.at(t, p));
            s.truth[size_t(t)] += count, s.predicted[size_t(p)] += count, s.all += count;
        }
    return s;
}

double ratio(double a, double b) { return b > 0 ? a / b : std::numeric_limits<double>::quiet_NaN(); }
}  // namespace

double matthews_correlation(const ConfusionMatrix& confusion) {
    const Margins s = margins(confusion);
    double right = 0, chance = 0, truth = 0, predicted = 0;
    for (int c = 0; c < confusion.classes; ++c) {
        const double t = s.truth[size_t(c)], p = s.predicted[size_t(c)];
        right += double(confusion.at(c, c)), chance += t * p, truth += t * t, predicted += p * p;
    }
    return ratio(right * s.all - chance, std::sqrt((s.all * s.all - truth) * (s.all * s.all - predicted)));
}

double cohens_kappa(const ConfusionMatrix& confusion, bool quadratic) {
    const Margins s = margins(confusion);
    double observed = 0, expected = 0;
    for (int t = 0; t < confusion.classes; ++t)
        for (int p = 0; p < confusion.classes; ++p) {
            const double weight = quadratic ? double((t - p) * (t - p)) : t != p;
            observed += weight * double(confusion.at(t, p));
            expected += weight * s.truth[size_t(t)] * s.predicted[size_t(p)];
        }
    return expected > 0 ? 1 - observed * s.all / expected : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace cmtl
