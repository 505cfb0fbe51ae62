#pragma once
// Bootstrap intervals of any measures of a cohort.
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "evaluation/roc.hpp"

namespace cmtl {

// Writes the measures of these cases; a replicate names cases repeatedly. Called from several threads at a time, must
// not throw. NaN: not defined for these cases.
using Measures = std::function<void(std::span<const size_t> cases, std::span<double> values)>;

struct BootstrapOptions {
    int replicates = 2000;
    uint64_t seed = 0;
    bool jackknife = true;  // needed by BCa intervals, costs as many evaluations as there are cases
};

// Every vector is indexed by measure first.
struct Bootstrap {
    std::vector<double> estimate;                 // of all cases
    std::vector<std::vector<double>> replicates;  // in the order of their numbers
    std::vector<std::vector<double>> jackknife;   // [case]: without that case
    std::vector<int> strata;
};

// Cases are drawn with replacement within each stratum (`strata` gives each case's, usually its label; negative: the
// case takes no part), so that every replicate has as many members of each as the cohort.
// The draws of replicate r come from std::mt19937_64 seeded by std::seed_seq{seed's low word, high word, r}: one word w
// per case, strata in rising order, the case at position floor(w * size / 2^64) of the stratum. The same bits for any
// number of threads; models measured with one seed on the same cases are measured on the same draws, hence paired.
Bootstrap bootstrap(std::span<const int> strata, size_t measures, const Measures& measure,
                    const BootstrapOptions& options);
std::vector<size_t> bootstrap_cases(std::span<const int> strata, uint64_t seed, uint64_t replicate);

// The middle `level` of the replicates, interpolated linearly between them (numpy.percentile). Replicates that are NaN
// are left out; with half of them or more NaN the interval is, too.
Interval percentile_interval(std::span<const double> replicates, double level = 0.95);

// Bias-corrected and accelerated (Efron 1987); the acceleration sums over strata as over independent samples. Agrees
// with scipy.stats.bootstrap(method="BCa"). NaN where all replicates or all jackknife values are equal, or any of the
// latter is NaN.
Interval bca_interval(double estimate, std::span<const double> replicates, std::span<const double> jackknife,
                      std::span<const int> strata, double level = 0.95);

}  // namespace cmtl
