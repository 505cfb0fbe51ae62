#include "evaluation/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "evaluation/distributions.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::map<int, std::vector<size_t>> members(std::span<const int> strata) {
    std::map<int, std::vector<size_t>> groups;
    for (size_t i = 0; i < strata.size(); ++i)
        if (strata[i] >= 0) groups[strata[i]].push_back(i);
    return groups;
}

std::vector<size_t> draw(const std::map<int, std::vector<size_t>>& groups, uint64_t seed, uint64_t replicate) {
    std::seed_seq words{uint32_t(seed), uint32_t(seed >> 32), uint32_t(replicate)};
    std::mt19937_64 random(words);
    std::vector<size_t> cases;
    for (const auto& [stratum, group] : groups)
        for (size_t i = 0; i < group.size(); ++i)
            cases.push_back(group[size_t(static_cast<unsigned __int128>(random()) * group.size() >> 64)]);
    return cases;
}

// numpy.percentile of sorted values, linear.
double quantile(const std::vector<double>& sorted, double share) {
    const double at = share * double(sorted.size() - 1);
    const auto low = static_cast<size_t>(at);
    if (low + 1 >= sorted.size()) return sorted.back();
    return sorted[low] + (at - double(low)) * (sorted[low + 1] - sorted[low]);
}

// Empty where too few are defined.
std::vector<double> sorted_defined(std::span<const double> replicates) {
    std::vector<double> sorted;
    for (const double v : replicates)
        if (!std::isnan(v)) sorted.push_back(v);
    if (2 * sorted.size() <= replicates.size()) return {};
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

// Skewness of the estimate's influence values, each stratum being a sample of its own.
double acceleration(std::span<const double> jackknife, std::span<const int> strata) {
    double cubes = 0, squares = 0;
    for (const auto& [stratum, group] : members(strata)) {
        const double n = double(group.size());
        double mean = 0, c = 0, s = 0;
        for (const size_t i : group) mean += jackknife[i] / n;
        for (const size_t i : group) {
            const double u = (n - 1) * (mean - jackknife[i]);
            s += u * u, c += u * u * u;
        }
        cubes += c / (n * n * n), squares += s / (n * n);
    }
    return cubes / (6 * std::pow(squares, 1.5));
}
}  // namespace

std::vector<size_t> bootstrap_cases(std::span<const int> strata, uint64_t seed, uint64_t replicate) {
    return draw(members(strata), seed, replicate);
}

Bootstrap bootstrap(std::span<const int> strata, size_t measures, const Measures& measure,
                    const BootstrapOptions& options) {
    require(options.replicates >= 0, "bootstrap", "{} replicates", options.replicates);
    const auto groups = members(strata);
    std::vector<size_t> all;
    for (const auto& [stratum, group] : groups) all.insert(all.end(), group.begin(), group.end());
    Bootstrap b;
    b.strata.assign(strata.begin(), strata.end());
    b.estimate.assign(measures, nan);
    measure(all, b.estimate);
    b.replicates.assign(measures, std::vector<double>(size_t(options.replicates)));
    parallel_ranges(options.replicates, [&](int64_t begin, int64_t end) {
        std::vector<double> values(measures);
        for (int64_t r = begin; r < end; ++r) {
            measure(draw(groups, options.seed, uint64_t(r)), values);
            for (size_t m = 0; m < measures; ++m) b.replicates[m][size_t(r)] = values[m];
        }
    });
    b.jackknife.assign(measures, std::vector<double>(options.jackknife ? strata.size() : 0, nan));
    if (!options.jackknife) return b;
    parallel_ranges(int64_t(all.size()), [&](int64_t begin, int64_t end) {
        std::vector<double> values(measures);
        std::vector<size_t> rest;
        for (int64_t i = begin; i < end; ++i) {
            rest = all;
            rest.erase(rest.begin() + i);
            measure(rest, values);
            for (size_t m = 0; m < measures; ++m) b.jackknife[m][all[size_t(i)]] = values[m];
        }
    });
    return b;
}

Interval percentile_interval(std::span<const double> replicates, double level) {
    const std::vector<double> sorted = sorted_defined(replicates);
    if (sorted.empty()) return {nan, nan};
    return {quantile(sorted, 0.5 - level / 2), quantile(sorted, 0.5 + level / 2)};
}

Interval bca_interval(double estimate, std::span<const double> replicates, std::span<const double> jackknife,
                      std::span<const int> strata, double level) {
    require(jackknife.size() == strata.size(), "bootstrap", "{} jackknife values of {} cases", jackknife.size(),
            strata.size());
    const std::vector<double> sorted = sorted_defined(replicates);
    if (sorted.empty() || std::isnan(estimate)) return {nan, nan};
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), estimate);
    const double below = 0.5 * double((first - sorted.begin()) + (last - sorted.begin())) / double(sorted.size());
    const double a = acceleration(jackknife, strata);
    if (!(below > 0 && below < 1) || !std::isfinite(a)) return {nan, nan};
    const double bias = normal_quantile(below);
    const auto corrected = [&](double share) {
        const double z = bias + normal_quantile(share);
        return quantile(sorted, 1 - normal_survival(bias + z / (1 - a * z)));
    };
    return {corrected(0.5 - level / 2), corrected(0.5 + level / 2)};
}

}  // namespace cmtl
