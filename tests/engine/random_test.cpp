#include "engine/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "reference/random.hpp"

namespace cmtl {

namespace {

constexpr RandomKey key{20201209, Purpose::test, 5};

// Regularised lower incomplete gamma function P(a, x): series below a + 1, Lentz's continued fraction above.
double gamma_cdf(double a, double x) {
    if (x <= 0) return 0;
    const double front = std::exp(-x + a * std::log(x) - std::lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (double n = a + 1; term > sum * 1e-16; ++n) sum += term *= x / n;
        return front * sum;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int i = 1; i < 1000; ++i) {
        const double an = -i * (i - a);
        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        h *= d * c;
        if (std::abs(d * c - 1) < 1e-15) break;
    }
    return 1 - front * h;
}

// Largest distance between the samples' distribution and `cdf`, times sqrt(n): above 1.95 once in a thousand times.
double kolmogorov_smirnov(std::vector<double> samples, const std::function<double(double)>& cdf) {
    std::sort(samples.begin(), samples.end());
    const double n = static_cast<double>(samples.size());
    double worst = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
        const double p = cdf(samples[i]);
        worst = std::max({worst, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
    }
    return worst * std::sqrt(n);
}

constexpr double ks_bound = 1.95;

double mean_of(const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size()); }
double variance_of(const std::vector<double>& v) {
    const double m = mean_of(v);
    double sum = 0;
    for (double x : v) sum += (x - m) * (x - m);
    return sum / static_cast<double>(v.size() - 1);
}

double chi_squared(const std::vector<int64_t>& counts) {
    const double expected = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0})) / static_cast<double>(counts.size());
    double sum = 0;
    for (int64_t c : counts) sum += (static_cast<double>(c) - expected) * (static_cast<double>(c) - expected) / expected;
    return sum;
}

// Chi-squared of k degrees of freedom exceeds this about once in ten thousand times (Wilson and Hilferty).
double chi_squared_bound(double k) { return k * std::pow(1 - 2 / (9 * k) + 3.72 * std::sqrt(2 / (9 * k)), 3); }

}  // namespace

// Random123's published known answers (kat_vectors).
TEST(Philox, AgreesWithTheKnownAnswersOfRandom123) {
    EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              (Philox4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Philox4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
    // The tests' own generator, which other rooms' references draw from, is held to the same answers.
    EXPECT_EQ(reference::philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (reference::Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ADrawIsTheDocumentedFunctionOfKeyAndIndex) {
    for (const RandomKey& k : {RandomKey{0, Purpose::initialise, 0}, RandomKey{~uint64_t{0}, Purpose::loss_weights, (uint64_t{1} << 40) - 1},
                               RandomKey{0x123456789abcdef, Purpose::shift3d, 77}})
        for (uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, ~uint64_t{0}})
            EXPECT_EQ(philox(k, index), reference::draw(k.seed, static_cast<uint32_t>(k.purpose), k.step, index));
}

TEST(Philox, PurposesAndStepsDoNotShareASubsequence) {
    std::set<uint64_t> seen;
    for (uint32_t purpose = 1; purpose <= 11; ++purpose)
        for (uint64_t step : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, (uint64_t{1} << 40) - 1})
            EXPECT_TRUE(seen.insert(RandomKey{1, static_cast<Purpose>(purpose), step}.subsequence()).second);
}

TEST(Uniform, StaysInsideItsInterval) {
    EXPECT_GT(uniform_float(0), 0.0f);
    EXPECT_EQ(uniform_float(0xffffffff), 1.0f);
    EXPECT_GT(uniform_double(0, 0), 0.0);
    EXPECT_LT(uniform_double(0xffffffff, 0xffffffff), 1.0);
    EXPECT_EQ(uniform_below(0, 7), 0u);
    EXPECT_EQ(uniform_below(0xffffffff, 7), 6u);
    EXPECT_EQ(uniform_below(0xffffffff, 1), 0u);
}

TEST(Uniform, IsUniform) {
    std::vector<double> singles, doubles;
    std::vector<int64_t> counts(7, 0);
    RandomStream stream(key, 1);
    for (uint64_t i = 0; i < 50000; ++i) {
        singles.push_back(static_cast<double>(uniform_float(philox(key, i)[i % 4])));
        doubles.push_back(stream.uniform());
        ++counts[stream.below(7)];
    }
    const auto cdf = [](double x) { return x; };
    EXPECT_LT(kolmogorov_smirnov(singles, cdf), ks_bound);
    EXPECT_LT(kolmogorov_smirnov(doubles, cdf), ks_bound);
    EXPECT_LT(chi_squared(counts), chi_squared_bound(6));
}

TEST(RandomStream, WordsAreThoseOfTheGeneratorInOrder) {
    for (uint64_t index : {uint64_t{0}, uint64_t{3}, uint64_t{123456}}) {
        RandomStream stream(key, index);
        for (uint64_t j = 0; j < 40; ++j) EXPECT_EQ(stream.word(), philox(key, (index << 32) + j / 4)[j % 4]) << j;
    }
}

TEST(Normal, HasTheNormalDistribution) {
    std::vector<double> samples;
    RandomStream stream(key, 2);
    for (int i = 0; i < 50000; ++i) samples.push_back(stream.normal());
    EXPECT_LT(kolmogorov_smirnov(samples, [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }), ks_bound);
    EXPECT_NEAR(mean_of(samples), 0, 5 / std::sqrt(50000.0));
    EXPECT_NEAR(variance_of(samples), 1, 5 * std::sqrt(2 / 50000.0));
}

TEST(Gamma, TheTestsOwnDistributionIsRight) {
    // P(1, x) = 1 - exp(-x), P(1/2, x) = erf(sqrt x), P(3, 4) from tables.
    for (double x : {0.01, 0.5, 1.0, 3.0, 10.0}) {
        EXPECT_NEAR(gamma_cdf(1, x), 1 - std::exp(-x), 1e-13);
        EXPECT_NEAR(gamma_cdf(0.5, x), std::erf(std::sqrt(x)), 1e-13);
    }
    EXPECT_NEAR(gamma_cdf(3, 4), 0.7618966944464556, 1e-13);
}

TEST(Gamma, HasTheGammaDistribution) {
    const int count = 40000;
    for (double alpha : {0.05, 0.3, 1.0, 1.5, 4.0, 50.0}) {
        std::vector<double> samples;
        for (int i = 0; i < count; ++i) {
            RandomStream stream(key, static_cast<uint64_t>(i));  // a stream of its own for every draw, as the losses use it
            samples.push_back(stream.gamma(alpha));
            ASSERT_GE(samples.back(), 0);
        }
        EXPECT_LT(kolmogorov_smirnov(samples, [alpha](double x) { return gamma_cdf(alpha, x); }), ks_bound) << "alpha " << alpha;
        EXPECT_NEAR(mean_of(samples), alpha, 5 * std::sqrt(alpha / count)) << "alpha " << alpha;
        // Variance alpha; the fourth central moment is 3 alpha^2 + 6 alpha.
        EXPECT_NEAR(variance_of(samples), alpha, 5 * std::sqrt((2 * alpha * alpha + 6 * alpha) / count)) << "alpha " << alpha;
    }
}

TEST(Gamma, RefusesAlphasThatAreNotPositive) {
    RandomStream stream(key, 0);
    for (double alpha : {0.0, -1.0, std::nan("")}) EXPECT_THROW(stream.gamma(alpha), Error) << alpha;
}

TEST(Dirichlet, HasTheDirichletMomentsAndSumsToOne) {
    const int count = 40000;
    for (const std::vector<double>& alpha : {std::vector<double>{1, 1}, {1, 1, 1}, {0.5, 2, 3.5}, {0.1, 0.1, 0.1, 0.1}, {10}}) {
        const double total = std::accumulate(alpha.begin(), alpha.end(), 0.0);
        std::vector<std::vector<double>> samples(alpha.size());
        double product = 0;
        for (int i = 0; i < count; ++i) {
            RandomStream stream(key, static_cast<uint64_t>(i));
            std::vector<double> weights(alpha.size());
            stream.dirichlet(alpha, weights);
            double sum = 0;
            for (size_t k = 0; k < alpha.size(); ++k) {
                ASSERT_GE(weights[k], 0);
                sum += weights[k];
                samples[k].push_back(weights[k]);
            }
            ASSERT_NEAR(sum, 1, 1e-12);
            if (alpha.size() > 1) product += weights[0] * weights[1] / count;
        }
        for (size_t k = 0; k < alpha.size(); ++k) {
            const double m = alpha[k] / total, v = m * (1 - m) / (total + 1);
            EXPECT_NEAR(mean_of(samples[k]), m, 5 * std::sqrt(v / count) + 1e-12);
            EXPECT_NEAR(variance_of(samples[k]), v, 5 * std::sqrt(v * m / count) + 1e-12);  // E (w - m)^4 <= v for |w - m| <= 1
        }
        if (alpha.size() > 1) {
            EXPECT_NEAR(product, alpha[0] * alpha[1] / (total * (total + 1)), 5 * 0.5 / std::sqrt(count));
        }
    }
}

// With every alpha 1 a weight of K tasks is Beta(1, K - 1): P(w <= x) = 1 - (1 - x)^(K - 1).
TEST(Dirichlet, FlatWeightsHaveTheirMarginalDistribution) {
    for (size_t tasks : {2u, 3u, 5u}) {
        const std::vector<double> alpha(tasks, 1.0);
        std::vector<std::vector<double>> samples(tasks);
        for (uint64_t step = 0; step < 20000; ++step) {
            RandomStream stream({99, Purpose::loss_weights, step}, 0);
            std::vector<double> weights(tasks);
            stream.dirichlet(alpha, weights);
            for (size_t k = 0; k < tasks; ++k) samples[k].push_back(weights[k]);
        }
        for (const auto& s : samples)
            EXPECT_LT(kolmogorov_smirnov(s, [tasks](double x) { return 1 - std::pow(1 - x, static_cast<double>(tasks) - 1); }), ks_bound);
    }
}

TEST(Permutation, HoldsEveryNumberOnce) {
    for (int64_t count : {0, 1, 2, 3, 10, 1329}) {
        std::vector<int64_t> order = permutation(key, count);
        EXPECT_EQ(order, permutation(key, count));
        std::sort(order.begin(), order.end());
        for (int64_t i = 0; i < count; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
        EXPECT_EQ(static_cast<int64_t>(order.size()), count);
    }
    EXPECT_NE(permutation(key, 100), permutation({key.seed, key.purpose, key.step + 1}, 100));
    EXPECT_NE(permutation(key, 100), permutation({key.seed + 1, key.purpose, key.step}, 100));
}

TEST(Permutation, IsUniform) {
    std::map<std::vector<int64_t>, int64_t> orders;  // all 120 orders of five
    std::vector<int64_t> places(20, 0);              // where the first of twenty ends up
    for (uint64_t step = 0; step < 24000; ++step) {
        ++orders[permutation({7, Purpose::shuffle, step}, 5)];
        const std::vector<int64_t> order = permutation({8, Purpose::shuffle, step}, 20);
        ++places[static_cast<size_t>(std::find(order.begin(), order.end(), 0) - order.begin())];
    }
    ASSERT_EQ(orders.size(), 120u);
    std::vector<int64_t> counts;
    for (const auto& [order, count] : orders) counts.push_back(count);
    EXPECT_LT(chi_squared(counts), chi_squared_bound(119));
    EXPECT_LT(chi_squared(places), chi_squared_bound(19));
}

}  // namespace cmtl
