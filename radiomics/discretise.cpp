#include "radiomics/discretise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/cpu_dispatch.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"
#include "radiomics/extract.hpp"

namespace cmtl {

namespace {

// a modulo b with the sign of b, as numpy takes it.
double floor_modulo(double a, double b) {
    double m = std::fmod(a, b);
    if (m != 0 && (b < 0) != (m < 0)) m += b;
    return m;
}

[[gnu::always_inline]] inline int level_of(double value, double low, double step, double inverse, int most) {
    // The division may be off by one edge: the edges decide.
    int i = static_cast<int>((value - low) * inverse);
    i += value >= low + static_cast<double>(i + 1) * step;
    i -= value < low + static_cast<double>(i) * step;
    const int level = i + 1;
    return level > most ? most : level;
}

template <class Level>
[[gnu::always_inline]] inline void levels_body(const double* __restrict values, int64_t n, double low, double step,
                                               int most, Level* __restrict levels) {
    const double inverse = 1 / step;
    for (int64_t i = 0; i < n; ++i) levels[i] = static_cast<Level>(level_of(values[i], low, step, inverse, most));
}
CMTL_MULTIARCH void levels_of(const double* values, int64_t n, double low, double step, int most, uint8_t* levels) {
    levels_body(values, n, low, step, most, levels);
}
CMTL_MULTIARCH void levels_of(const double* values, int64_t n, double low, double step, int most, uint16_t* levels) {
    levels_body(values, n, low, step, most, levels);
}

// Least, greatest, and whether all are finite: x - x is 0 for finite x only.
CMTL_MULTIARCH void range_of(const double* values, int64_t n, double* least, double* greatest, double* faults) {
    constexpr int lanes = 16;
    double low[lanes], high[lanes], fault[lanes];
    for (int l = 0; l < lanes; ++l) low[l] = std::numeric_limits<double>::infinity(), high[l] = -low[l], fault[l] = 0;
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (int l = 0; l < lanes; ++l) {
            const double v = values[i + l];
            low[l] = v < low[l] ? v : low[l];
            high[l] = v > high[l] ? v : high[l];
            fault[l] += v - v;
        }
    for (; i < n; ++i) {
        low[0] = values[i] < low[0] ? values[i] : low[0];
        high[0] = values[i] > high[0] ? values[i] : high[0];
        fault[0] += values[i] - values[i];
    }
    for (int l = 0; l < lanes; ++l) {
        *least = std::min(*least, low[l]);
        *greatest = std::max(*greatest, high[l]);
        *faults += fault[l];
    }
}

constexpr int no_limit = std::numeric_limits<int>::max();

}  // namespace

int Binning::level(double value) const { return level_of(value, low, step, 1 / step, most > 0 ? most : no_limit); }

Binning make_binning(const ValueRange& range, const RadiomicsSettings& s, const std::string& what) {
    const auto [least, greatest] = range;
    if (!std::isfinite(least) || !std::isfinite(greatest))
        fail(ErrorKind::input, "radiomics",
             "{}: NaN or infinity within the ROI's reach: features of such values mean nothing; repair the image or "
             "leave these voxels out of the mask",
             what);
    if (s.bin_count > 0) {
        if (least == greatest) return {least - 0.5, 1.0 / s.bin_count, s.bin_count};
        return {least, (greatest - least) / s.bin_count, s.bin_count};
    }
    const double low = least - floor_modulo(least, s.bin_width);
    const double levels = std::floor((greatest - low) / s.bin_width) + 1;
    if (levels > max_levels) {
        // The next width of one or two digits that is wide enough.
        const double needed = (greatest - least) / (max_levels - 1);
        const double unit = std::pow(10, std::floor(std::log10(needed)));
        fail(ErrorKind::input, "radiomics",
             "{}: a bin width of {} cuts values from {} to {} into {} grey levels, {} are possible: a bin width of {} "
             "would do",
             what, s.bin_width, least, greatest, levels, max_levels, std::ceil(needed / unit * 10) / 10 * unit);
    }
    return {low, (low + s.bin_width) - low, 0};
}

ValueRange value_range(std::span<const double> values) {
    double least = std::numeric_limits<double>::infinity(), greatest = -least, faults = 0;
    parallel_ranges(
        std::ssize(values),
        [&](int64_t begin, int64_t end) {
            double low = std::numeric_limits<double>::infinity(), high = -low, fault = 0;
            range_of(values.data() + begin, end - begin, &low, &high, &fault);
#pragma omp critical
            {
                least = std::min(least, low);
                greatest = std::max(greatest, high);
                faults += fault;
            }
        },
        1 << 14);
    if (faults != 0) return {std::nan(""), std::nan("")};
    return {least, greatest};
}

template <class Level>
LevelCounts discretise(const Roi& roi, std::span<const double> values, const Binning& binning,
                       LevelVolume<Level>& volume) {
    const int most = binning.most > 0 ? binning.most : no_limit;
    const size_t bins = size_t{std::numeric_limits<Level>::max()} + 1;
    std::vector<int64_t> counts(bins, 0);
    const int threads = omp_get_max_threads();
    const auto shares = roi.shares(threads);
#pragma omp parallel for schedule(static, 1)
    for (int t = 0; t < threads; ++t) {
        // Two histograms in turn: equal neighbours would wait for each other in one.
        std::vector<uint32_t> own(2 * bins, 0);
        for (size_t r = shares[static_cast<size_t>(t)]; r < shares[static_cast<size_t>(t) + 1]; ++r) {
            const RoiRun& run = roi.runs[r];
            Level* levels = volume.at(run.begin, run.j, run.k);
            levels_of(values.data() + run.first, run.count(), binning.low, binning.step, most, levels);
            for (int64_t i = 0; i < run.count(); ++i) ++own[(i % 2 ? bins : 0) + levels[i]];
        }
#pragma omp critical
        for (size_t b = 0; b < bins; ++b) counts[b] += int64_t{own[b]} + own[bins + b];
    }
    LevelCounts out;
    for (size_t b = 1; b < bins; ++b)
        if (counts[b]) {
            out.highest = static_cast<int>(b);
            ++out.present;
        }
    out.voxels.assign(counts.begin() + 1, counts.begin() + 1 + out.highest);
    return out;
}

template LevelCounts discretise(const Roi&, std::span<const double>, const Binning&, LevelVolume<uint8_t>&);
template LevelCounts discretise(const Roi&, std::span<const double>, const Binning&, LevelVolume<uint16_t>&);

}  // namespace cmtl
