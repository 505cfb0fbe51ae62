#include "radiomics/first_order.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"

namespace cmtl {

namespace {

// Sums are taken in blocks of this size, in eight lanes each, and the blocks in order: the same bits for any number of
// threads.
constexpr int64_t block = 1 << 14;
constexpr int lanes = 8;
constexpr size_t most_sums = 4;
using Sums = std::array<double, most_sums>;

template <class Add>
[[gnu::always_inline]] inline void block_body(const double* v, int64_t n, Sums& out, Add&& add) {
    double acc[most_sums][lanes] = {};
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (int l = 0; l < lanes; ++l) add(v[i + l], acc[0][l], acc[1][l], acc[2][l], acc[3][l]);
    for (; i < n; ++i) add(v[i], acc[0][0], acc[1][0], acc[2][0], acc[3][0]);
    for (size_t s = 0; s < most_sums; ++s) {
        out[s] = 0;
        for (int l = 0; l < lanes; ++l) out[s] += acc[s][l];
    }
}
CMTL_MULTIARCH void plain_sums(const double* v, int64_t n, double shift, double, Sums& out) {
    block_body(v, n, out, [=](double x, double& a, double& b, double&, double&) {
        a += x;
        b += (x + shift) * (x + shift);
    });
}
CMTL_MULTIARCH void central_sums(const double* v, int64_t n, double mean, double, Sums& out) {
    block_body(v, n, out, [=](double x, double& a, double& b, double& c, double& d) {
        const double y = x - mean, square = y * y;
        a += std::fabs(y);
        b += square;
        c += square * y;
        d += square * square;
    });
}
CMTL_MULTIARCH void sums_between(const double* v, int64_t n, double low, double high, Sums& out) {
    block_body(v, n, out, [=](double x, double& a, double& b, double&, double&) {
        const bool in = x >= low && x <= high;
        a += in ? 1.0 : 0.0;
        b += in ? x : 0.0;
    });
}

template <class Function>
Sums in_blocks(std::span<const double> values, Function&& function) {
    const int64_t n = std::ssize(values), blocks = (n + block - 1) / block;
    std::vector<Sums> parts(static_cast<size_t>(blocks));
    parallel_ranges(blocks, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b)
            function(values.data() + b * block, std::min(block, n - b * block), parts[static_cast<size_t>(b)]);
    });
    Sums total{};
    for (const Sums& part : parts)
        for (size_t s = 0; s < most_sums; ++s) total[s] += part[s];
    return total;
}

CMTL_MULTIARCH void deviations_between(const double* v, int64_t n, double low, double high, double mean, Sums& out) {
    block_body(v, n, out, [=](double x, double& a, double&, double&, double&) {
        a += x >= low && x <= high ? std::fabs(x - mean) : 0.0;
    });
}

// In which of the cells a value lies: never a lower one for a greater value.
CMTL_MULTIARCH void cells_of(const double* v, int64_t n, double least, double scale, uint32_t* cells) {
    for (int64_t i = 0; i < n; ++i) cells[i] = static_cast<uint32_t>(static_cast<int32_t>((v[i] - least) * scale));
}

// Order statistics without sorting: counts in fine cells tell in which cell a rank lies, and only the values of these
// few are parted.
class RankedValues {
  public:
    RankedValues(std::span<const double> values, double least, double greatest)
        : values_(values),
          least_(least),
          scale_(greatest > least ? (cells - 1) / (greatest - least) : 0),
          counts_(cells, 0),
          wanted_(cells, 0) {
        in_cells([&](std::vector<uint32_t>& own, uint32_t cell, double) { ++own[cell]; },
                 std::vector<uint32_t>(cells, 0),
                 [&](const std::vector<uint32_t>& own) {
                     for (size_t c = 0; c < cells; ++c) counts_[c] += own[c];
                 });
    }

    void want(int64_t rank) { wanted_[place(rank).first] = 1; }
    void gather() {
        in_cells(
            [&](std::map<uint32_t, std::vector<double>>& own, uint32_t cell, double value) {
                if (wanted_[cell]) own[cell].push_back(value);
            },
            std::map<uint32_t, std::vector<double>>(),
            [&](const auto& own) {
                for (const auto& [cell, some] : own)
                    gathered_[cell].insert(gathered_[cell].end(), some.begin(), some.end());
            });
        for (auto& [cell, some] : gathered_) std::sort(some.begin(), some.end());
    }
    double at(int64_t rank) const {
        const auto [cell, in_cell] = place(rank);
        return gathered_.at(cell)[static_cast<size_t>(in_cell)];
    }

  private:
    static constexpr size_t cells = 1 << 16;

    // visit(state, cell, value) for all values, each thread with a copy of `empty` that is then handed to merge().
    template <class State, class Visit, class Merge>
    void in_cells(Visit&& visit, const State& empty, Merge&& merge) const {
        parallel_ranges(
            std::ssize(values_),
            [&](int64_t begin, int64_t end) {
                State own = empty;
                uint32_t cell[1024];
                for (int64_t i = begin; i < end; i += std::ssize(cell)) {
                    const int64_t n = std::min<int64_t>(std::ssize(cell), end - i);
                    cells_of(values_.data() + i, n, least_, scale_, cell);
                    for (int64_t c = 0; c < n; ++c) visit(own, cell[c], values_[static_cast<size_t>(i + c)]);
                }
#pragma omp critical
                merge(own);
            },
            1 << 16);
    }
    std::pair<uint32_t, int64_t> place(int64_t rank) const {
        uint32_t cell = 0;
        while (rank >= counts_[cell]) rank -= counts_[cell++];
        return {cell, rank};
    }

    std::span<const double> values_;
    double least_, scale_;
    std::vector<int64_t> counts_;
    std::vector<char> wanted_;
    std::map<uint32_t, std::vector<double>> gathered_;
};

}  // namespace

std::pair<int64_t, double> percentile_rank(int64_t n, double q) {
    const double at = static_cast<double>(n - 1) * q, whole = std::floor(at);
    return {static_cast<int64_t>(whole), at - whole};
}

double percentile(const FirstOrderSums& s, size_t p) {
    const double t = percentile_rank(s.count, percentiles[p]).second, difference = s.above[p] - s.below[p];
    return t >= 0.5 ? s.above[p] - difference * (1 - t) : s.below[p] + difference * t;
}

FirstOrderSums first_order_sums(std::span<const double> values, const ValueRange& range, double shift) {
    FirstOrderSums s;
    s.count = std::ssize(values);
    s.least = range.least;
    s.greatest = range.greatest;
    const Sums plain =
        in_blocks(values, [=](const double* v, int64_t n, Sums& out) { plain_sums(v, n, shift, 0, out); });
    s.sum = plain[0];
    s.shifted_squares = plain[1];
    const double mean = s.least == s.greatest ? s.least : s.sum / static_cast<double>(s.count);
    const Sums central =
        in_blocks(values, [=](const double* v, int64_t n, Sums& out) { central_sums(v, n, mean, 0, out); });
    s.absolute = central[0], s.second = central[1], s.third = central[2], s.fourth = central[3];

    RankedValues ranked(values, s.least, s.greatest);
    for (const double q : percentiles)
        for (int64_t r = 0, rank = percentile_rank(s.count, q).first; r < 2; ++r)
            ranked.want(std::min(rank + r, s.count - 1));
    ranked.gather();
    for (size_t p = 0; p < 5; ++p) {
        const int64_t rank = percentile_rank(s.count, percentiles[p]).first;
        s.below[p] = ranked.at(rank);
        s.above[p] = ranked.at(std::min(rank + 1, s.count - 1));
    }

    const double low = percentile(s, 0), high = percentile(s, 4);
    const Sums inner =
        in_blocks(values, [=](const double* v, int64_t n, Sums& out) { sums_between(v, n, low, high, out); });
    s.robust_count = static_cast<int64_t>(inner[0]);
    const double inner_mean = inner[1] / inner[0];
    s.robust_absolute = in_blocks(values, [=](const double* v, int64_t n, Sums& out) {
        deviations_between(v, n, low, high, inner_mean, out);
    })[0];
    return s;
}

std::vector<double> first_order_features(const FirstOrderSums& s, const LevelCounts& levels, double voxel_volume) {
    constexpr double epsilon = 0x1p-52;
    const auto n = static_cast<double>(s.count);
    const double mean = s.least == s.greatest ? s.least : s.sum / n;
    const double m2 = s.second / n, m3 = s.third / n, m4 = s.fourth / n;
    double entropy = 0, uniformity = 0;
    for (const int64_t voxels : levels.voxels)
        if (voxels) {
            const double p = static_cast<double>(voxels) / n;
            entropy -= p * std::log2(p + epsilon);
            uniformity += p * p;
        }
    return {percentile(s, 0),                                         // 10Percentile
            percentile(s, 4),                                         // 90Percentile
            s.shifted_squares,                                        // Energy
            entropy,                                                  // Entropy
            percentile(s, 3) - percentile(s, 1),                      // InterquartileRange
            m2 == 0 ? 0 : m4 / (m2 * m2),                             // Kurtosis
            s.greatest,                                               // Maximum
            s.absolute / n,                                           // MeanAbsoluteDeviation
            mean,                                                     // Mean
            percentile(s, 2),                                         // Median
            s.least,                                                  // Minimum
            s.greatest - s.least,                                     // Range
            s.robust_absolute / static_cast<double>(s.robust_count),  // RobustMeanAbsoluteDeviation
            std::sqrt(s.shifted_squares / n),                         // RootMeanSquared
            m2 == 0 ? 0 : m3 / std::pow(m2, 1.5),                     // Skewness
            s.shifted_squares * voxel_volume,                         // TotalEnergy
            uniformity,                                               // Uniformity
            m2};                                                      // Variance
}

}  // namespace cmtl
