#pragma once
// First-order statistics: PyRadiomics' `firstorder` class.
#include <vector>

#include "radiomics/discretise.hpp"

namespace cmtl {

// The sums that the features need, from wherever they were computed. Deviations are from the mean.
struct FirstOrderSums {
    int64_t count = 0;
    double least = 0, greatest = 0;
    double sum = 0, shifted_squares = 0;                     // of x, of (x + shift)^2
    double absolute = 0, second = 0, third = 0, fourth = 0;  // of |x - mean|, (x - mean)^2 and so on
    // Order statistics at the two ranks around each of the percentiles 10, 25, 50, 75, 90.
    double below[5] = {}, above[5] = {};
    double robust_absolute = 0;  // sum of |x - mean'| over the values in [P10, P90], mean' their own mean
    int64_t robust_count = 0;
};

constexpr double percentiles[5] = {0.1, 0.25, 0.5, 0.75, 0.9};
// Rank (from 0) below percentile q of n values, and how far towards the next one it lies: numpy's linear interpolation.
std::pair<int64_t, double> percentile_rank(int64_t n, double q);
// Percentile number p from the sums' order statistics.
double percentile(const FirstOrderSums& sums, size_t p);

// values: packed, finite, at least one; range: theirs.
FirstOrderSums first_order_sums(std::span<const double> values, const ValueRange& range, double shift);

// In the order of feature_names(FeatureClass::first_order). voxel_volume: mm^3, of TotalEnergy.
std::vector<double> first_order_features(const FirstOrderSums& sums, const LevelCounts& levels, double voxel_volume);

}  // namespace cmtl
