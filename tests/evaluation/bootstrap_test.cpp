#include "evaluation/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.hpp"
#include "evaluation/statistics_golden.hpp"

namespace cmtl {
namespace {

using test::agrees;
using test::integers;
using test::numbers;

TEST(Bootstrap, IntervalsAgreeWithScipy) {
    ASSERT_EQ(test::statistics_golden()["bootstrap"].size(), 2u);
    for (const auto& c : test::statistics_golden()["bootstrap"]) {
        const auto replicates = numbers(c["replicates"]);
        const Interval plain = percentile_interval(replicates);
        EXPECT_TRUE(agrees(plain.low, c["percentile"][0]));
        EXPECT_TRUE(agrees(plain.high, c["percentile"][1]));
        const Interval bca =
            bca_interval(c["estimate"].get<double>(), replicates, numbers(c["jackknife"]), integers(c["strata"]));
        EXPECT_TRUE(agrees(bca.low, c["bca"][0]));
        EXPECT_TRUE(agrees(bca.high, c["bca"][1]));
        EXPECT_NE(bca.low, plain.low);
    }
}

// Two strata of different values and sizes, and a case that takes no part.
struct Cohort {
    std::vector<double> values;
    std::vector<int> strata;
    Cohort() {
        for (int i = 0; i < 40; ++i) {
            values.push_back(std::sin(1.7 * i) + (i % 4 == 0 ? 3 : 0));
            strata.push_back(i % 4 == 0);
        }
        values.push_back(1e9), strata.push_back(-1);
    }
    Measures means() const {
        return [this](std::span<const size_t> cases, std::span<double> out) {
            double sum = 0, of_one = 0;
            for (const size_t i : cases) sum += values[i], of_one += strata[i] == 1;
            out[0] = sum / double(cases.size()), out[1] = of_one;
        };
    }
};

TEST(Bootstrap, DrawsWithinStrataOnly) {
    const Cohort cohort;
    const Bootstrap b = bootstrap(cohort.strata, 2, cohort.means(), {.replicates = 300, .seed = 5});
    EXPECT_EQ(b.estimate[1], 10);
    for (const double ones : b.replicates[1]) EXPECT_EQ(ones, 10);
    EXPECT_TRUE(std::isnan(b.jackknife[0].back()));
    EXPECT_EQ(b.jackknife[1][0], 9);
    EXPECT_EQ(b.jackknife[1][1], 10);
    const auto cases = bootstrap_cases(cohort.strata, 5, 7);
    ASSERT_EQ(cases.size(), 40u);
    for (size_t i = 0; i < 40; ++i) EXPECT_EQ(cohort.strata[cases[i]], i < 30 ? 0 : 1);
}

TEST(Bootstrap, DistributionOfAMean) {
    const Cohort cohort;
    const Bootstrap b =
        bootstrap(cohort.strata, 2, cohort.means(), {.replicates = 20000, .seed = 1, .jackknife = false});
    // Of the mean of all: each stratum adds n times the variance (over n) of its values, over N^2.
    double variance = 0;
    for (const int stratum : {0, 1}) {
        double sum = 0, squares = 0, n = 0;
        for (size_t i = 0; i < 40; ++i)
            if (cohort.strata[i] == stratum)
                sum += cohort.values[i], squares += cohort.values[i] * cohort.values[i], n += 1;
        variance += n * (squares / n - sum * sum / n / n) / 1600;
    }
    const auto& r = b.replicates[0];
    const double mean = std::accumulate(r.begin(), r.end(), 0.0) / double(r.size());
    double spread = 0;
    for (const double v : r) spread += (v - mean) * (v - mean) / double(r.size());
    // Four standard errors of a mean and of a variance of 20,000 draws.
    EXPECT_NEAR(mean, b.estimate[0], 4 * std::sqrt(variance / 20000));
    EXPECT_NEAR(spread / variance, 1, 4 * std::sqrt(2.0 / 20000));
    // Near normal: its interval is near the normal one.
    const Interval i = percentile_interval(r);
    EXPECT_NEAR(i.high - i.low, 2 * 1.96 * std::sqrt(variance), 0.05 * std::sqrt(variance) * 4);
}

TEST(Bootstrap, SameBitsForAnyNumberOfThreadsAndOtherDrawsForOtherSeeds) {
    const Cohort cohort;
    const int before = omp_get_max_threads();
    std::vector<std::vector<double>> results;
    for (const int threads : {1, 2, 5}) {
        set_threads(threads);
        const Bootstrap b = bootstrap(cohort.strata, 2, cohort.means(), {.replicates = 101, .seed = 3});
        results.push_back(b.replicates[0]);
        results.back().insert(results.back().end(), b.jackknife[0].begin(), b.jackknife[0].end() - 1);
    }
    set_threads(before);
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
    const auto with = [&](uint64_t seed) {
        return bootstrap(cohort.strata, 2, cohort.means(), {.replicates = 101, .seed = seed, .jackknife = false})
            .replicates[0];
    };
    EXPECT_NE(with(3), with(4));
    EXPECT_NE(with(3), with(3 + (uint64_t(1) << 32)));
    EXPECT_EQ(with(3), bootstrap(cohort.strata, 2, cohort.means(), {.replicates = 101, .seed = 3}).replicates[0]);
}

TEST(Bootstrap, UndefinedValues) {
    const double nan = std::nan("");
    const Interval most = percentile_interval(std::vector<double>{nan, 1, 2, 3, nan}, 0.5);
    EXPECT_EQ(most.low, 1.5);
    EXPECT_EQ(most.high, 2.5);
    EXPECT_TRUE(std::isnan(percentile_interval(std::vector<double>{nan, nan, 1, 2}).low));
    EXPECT_TRUE(std::isnan(percentile_interval(std::vector<double>{}).low));
    const std::vector<double> constant(50, 0.5);
    EXPECT_TRUE(std::isnan(bca_interval(0.5, constant, std::vector<double>(4, 0.5), std::vector<int>{0, 0, 1, 1}).low));
}

}  // namespace
}  // namespace cmtl
