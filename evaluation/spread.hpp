#pragma once
#include <span>

namespace cmtl {

// Mean and sample standard deviation of repeated trainings' figures: NaN where a value is, the deviation of one value, and of
// no value both.
struct Spread {
    double mean, deviation;
};
Spread spread(std::span<const double> values);

}  // namespace cmtl
