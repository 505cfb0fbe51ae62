#pragma once
// What tests of kernels beside a definition in doubles share: runs under several schedules, values, comparisons.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/kernel_test.hpp"
#include "reference/array.hpp"

namespace cmtl::kernels {

// Equal sizes and bytes: NaN equals NaN, 0 is not -0.
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}


using reference::Array;
using reference::Sizes;

inline std::vector<float> floats(const Array& a) { return {a.values.begin(), a.values.end()}; }
inline float unwritten() { return std::numeric_limits<float>::quiet_NaN(); }

// run(TestDevice&) -> results. On simt twice in order on one OS thread, then shuffled on one and two, also with streams that run late;
// on a GPU three times. Whatever the order in which threads and blocks start, the bits must be the same.
template <class Target, class Run>
auto same_under_every_schedule(Run&& run) {
    const auto device = [](const SimtOptions& options) {
        return std::make_unique<TestDevice>(std::is_same_v<Target, Simt> ? simt_runtime(options) : cuda_runtime(0));
    };
    const auto first = device({.workers = 1});
    const auto results = run(*first);
    const auto compare = [&](const auto& others, const char* schedule) {
        ASSERT_EQ(others.size(), results.size());
        for (size_t r = 0; r < results.size(); ++r) {
            ASSERT_EQ(others[r].size(), results[r].size());
            const size_t bytes = results[r].size() * sizeof(results[r][0]);
            ASSERT_TRUE(bytes == 0 || std::memcmp(others[r].data(), results[r].data(), bytes) == 0)
                << "result " << r << " differs " << schedule;
        }
    };
    compare(run(*first), "when run again");
    for (uint64_t seed = 1; seed <= 2; ++seed)
        compare(run(*device({.workers = static_cast<int>(seed), .order_seed = seed, .deferred = seed == 2})), "in shuffled order");
    return results;
}

// Multiples of 2^-20 between -2 and 2, random.
inline Array random_values(const Sizes& sizes, uint64_t seed) {
    Array a(sizes);
    std::mt19937_64 engine(seed);
    for (double& v : a.values) v = static_cast<double>(static_cast<int64_t>(engine() % (1u << 22)) - (1 << 21)) / (1 << 20);
    return a;
}
inline Array random_integers(const Sizes& sizes, uint64_t seed) {
    Array a(sizes);
    std::mt19937_64 engine(seed);
    for (double& v : a.values) v = static_cast<double>(engine() % 7) - 3;
    return a;
}

// |actual - expected| <= tolerance * largest finite |expected|; NaN and infinities equal.
inline void expect_near(const std::vector<float>& actual, const Array& expected, double tolerance, const char* what) {
    ASSERT_EQ(actual.size(), expected.values.size()) << what;
    double scale = 0;
    for (double v : expected.values)
        if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
    for (size_t i = 0; i < actual.size(); ++i) {
        const double a = static_cast<double>(actual[i]), e = expected.values[i];
        const bool same = std::isnan(e) ? std::isnan(a) : std::isinf(e) ? a == e : std::abs(a - e) <= tolerance * scale;
        ASSERT_TRUE(same) << what << ": element " << i << " is " << a << ", expected " << e << ", largest " << scale;
    }
}

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

}  // namespace cmtl::kernels
