#pragma once
// Launchers of the sums behind first-order features, and of order statistics. Pointers are device memory; sums are in
// double, in an order that depends on the number of values alone.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"
#include "kernels/value_blocks.hpp"

namespace cmtl::kernels {

struct FirstOrderSums {
    double sum, squares;            // of x, of (x + shift)^2
    double inner_count, inner_sum;  // of the values in [low, high], both ends inside
};
struct FirstOrderMoments {
    double absolute, second, third, fourth;  // sums of |x - mean|, (x - mean)^2, ^3, ^4
    double inner_absolute;                   // of |x - inner_mean| in [low, high]
};

// Bytes of 8-byte aligned scratch memory, for either of the two.
inline size_t first_order_scratch(int64_t count) {
    return static_cast<size_t>(value_blocks(count).blocks) * sizeof(FirstOrderMoments);
}

template <class Target>
void first_order_sums(Stream stream, int64_t count, const double* values, double shift, double low, double high,
                      FirstOrderSums* sums, void* scratch);

template <class Target>
void first_order_moments(Stream stream, int64_t count, const double* values, double mean, double low, double high,
                         double inner_mean, FirstOrderMoments* moments, void* scratch);

// out[i] = values[ranks[i]] for a few ranks of sorted values: what percentiles are interpolated from.
struct Ranks {
    static constexpr int most = 16;
    int count;
    int64_t rank[most];
};
template <class Target>
void take_ranks(Stream stream, const Ranks& ranks, const double* values, double* out);

}  // namespace cmtl::kernels
