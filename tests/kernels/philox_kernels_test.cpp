// The generator and the distributions, on the host and inside kernels: the same bits, and the functions they stand on.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numbers>

#include "kernels/multitask_loss.hpp"
#include "kernels/primitives/draws.hpp"
#include "kernels/kernel_test.hpp"
#include "reference/random.hpp"

namespace cmtl::kernels {
namespace {

using namespace draws;

constexpr double pi = std::numbers::pi;

// |value - exact| in units of the last place of `exact`.
double ulps(double value, long double exact) {
    const double near = std::abs(static_cast<double>(exact));
    return static_cast<double>(std::abs(static_cast<long double>(value) - exact) / static_cast<long double>(std::nextafter(near, INFINITY) - near));
}

TEST(ExactMath, LogarithmIsGoodToOneUnit) {
    const reference::Words origin = reference::draw(1, 11, 0, 0);
    double worst = 0;
    for (uint64_t i = 0; i < 300000; ++i) {
        const reference::Words w = reference::draw(1, 11, origin[0], i);
        const double u = uniform_double(w[0], w[1]);
        for (double x : {u, 1 + (u - 0.5) * 0.9, std::exp((u - 0.5) * 1400), std::nextafter(1.0, u)})
            worst = std::max(worst, ulps(exact_log(x), std::log(static_cast<long double>(x))));
    }
    EXPECT_LT(worst, 1.1);
    EXPECT_EQ(exact_log(1), 0);
    EXPECT_EQ(exact_log(0x1p-52), -52 * std::numbers::ln2);
}

TEST(ExactMath, ExponentialIsGoodToTwoUnits) {
    double worst = 0;
    for (uint64_t i = 0; i < 300000; ++i) {
        const reference::Words w = reference::draw(2, 11, 0, i);
        const double u = uniform_double(w[0], w[1]);
        for (double x : {u - 0.5, (u - 0.5) * 1400, -50 * u})
            worst = std::max(worst, ulps(exact_exp(x), std::exp(static_cast<long double>(x))));
    }
    EXPECT_LT(worst, 1.5);
    EXPECT_EQ(exact_exp(0), 1);
    // Below the normal numbers, and below everything.
    for (double x : {-709.0, -720.0, -740.0, -745.1, -745.2, -746.5, -1e300, -static_cast<double>(INFINITY)})
        EXPECT_NEAR(exact_exp(x), std::exp(x), 0x1p-1074) << x;
}

TEST(ExactMath, SineAndCosineAreGoodToTwoUnits) {
    double worst = 0;
    for (uint64_t i = 0; i < 300000; ++i) {
        const reference::Words w = reference::draw(3, 11, 0, i);
        double v = uniform_double(w[0], w[1]);
        if (i % 4 == 0) v = 0.25 * static_cast<double>(i / 4 % 5) + (v - 0.5) * 1e-8;  // where one of them passes 0
        if (v < 0 || v > 1) continue;
        const auto [cosine, sine] = exact_turn(v);
        const double quarter = std::round(4 * v);
        const long double angle = 2 * std::numbers::pi_v<long double> * static_cast<long double>(v - quarter / 4);
        const int q = static_cast<int>(quarter) % 4;
        const long double c = std::cos(angle), s = std::sin(angle);
        worst = std::max(worst, ulps(cosine, q == 0 ? c : q == 1 ? -s : q == 2 ? -c : s));
        worst = std::max(worst, ulps(sine, q == 0 ? s : q == 1 ? c : q == 2 ? -s : -c));
    }
    EXPECT_LT(worst, 2);
    EXPECT_EQ(exact_turn(0.25).sine, 1);
    EXPECT_EQ(exact_turn(0.5).cosine, -1);
    EXPECT_EQ(exact_turn(1).cosine, 1);
}

TEST(Draws, WordsAreThoseOfTheReference) {
    for (uint64_t seed : {uint64_t{0}, uint64_t{0x123456789abcdef}})
        for (uint32_t purpose : {1u, 5u, 11u})
            for (uint64_t index : {uint64_t{0}, uint64_t{1} << 32, ~uint64_t{0}}) {
                const Words w = philox({seed, subsequence(purpose, 77)}, index);
                EXPECT_EQ((reference::Words{w.x, w.y, w.z, w.w}), reference::draw(seed, purpose, 77, index));
            }
    for (uint32_t word : {0u, 1u, 127u, 128u, 0x80000000u, 0xffffff7fu, 0xffffffffu}) EXPECT_EQ(uniform_float(word), reference::unit(word));
}

// Marsaglia and Tsang's method in the C library's functions: the same decisions, and values that differ by rounding alone.
double plain_gamma(DrawStream& stream, double alpha) {
    const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double a = stream.uniform();
        const double b = stream.uniform();
        const double x = std::sqrt(-2 * std::log(a)) * std::cos(2 * pi * b), v = std::pow(1 + c * x, 3);
        if (v <= 0) continue;
        const double u = stream.uniform();
        if (std::log(u) >= 0.5 * x * x + d - d * v + d * std::log(v)) continue;
        return alpha < 1 ? d * v * std::pow(stream.uniform(), 1 / alpha) : d * v;
    }
}

TEST(Draws, GammasAreThoseOfTheLibrarysFunctions) {
    for (double alpha : {0.01, 0.1, 0.5, 1.0, 1.5, 3.0, 10.0, 1e4})
        for (uint64_t i = 0; i < 5000; ++i) {
            const Key key{20201209, subsequence(5, 3)};
            DrawStream stream(key, i), plain(key, i);
            const double expected = plain_gamma(plain, alpha);
            ASSERT_NEAR(stream.gamma(alpha), expected, 1e-12 * expected) << "alpha " << alpha << ", draw " << i;
            ASSERT_EQ(stream.used, plain.used);
        }
}

TEST(Draws, AnAlphaThatIsNoNumberEnds) {
    const double nan = NAN, infinity = INFINITY;
    for (double alpha : {nan, infinity, 0.0, -2.0}) {
        DrawStream stream({1, 2}, 3);
        stream.gamma(alpha);
        EXPECT_LT(stream.used, 1000u);
    }
}

// Every device, compiler and processor has to come to these bits.
TEST(Draws, BitsArePinned) {
    uint64_t digest = 1469598103934665603u;
    for (double alpha : {0.01, 0.7, 1.0, 2.5, 10.0})
        for (uint64_t i = 0; i < 1000; ++i) {
            DrawStream stream({42, subsequence(5, i)}, 0);
            digest = (digest ^ std::bit_cast<uint64_t>(stream.gamma(alpha))) * 1099511628211u;
        }
    EXPECT_EQ(digest, 12860003935651465097u);
}

template <class Target>
class DirichletWeights : public KernelTest<Target> {};
TYPED_TEST_SUITE(DirichletWeights, Targets);

std::vector<double> host_weights(const std::vector<double>& alpha, int draws, uint64_t seed, uint32_t purpose, uint64_t step) {
    std::vector<double> mean(alpha.size(), 0.0), draw(alpha.size());
    for (int i = 0; i < draws; ++i) {
        DrawStream({seed, subsequence(purpose, step)}, static_cast<uint64_t>(i)).dirichlet(alpha.data(), draw.data(), static_cast<int>(alpha.size()));
        for (size_t k = 0; k < alpha.size(); ++k) mean[k] += draw[k] / draws;
    }
    return mean;
}

DirichletAlphas alphas_of(const std::vector<double>& alpha) {
    DirichletAlphas out{static_cast<int>(alpha.size()), {}};
    std::copy(alpha.begin(), alpha.end(), out.alpha);
    return out;
}

TYPED_TEST(DirichletWeights, AreTheHostsBitByBitOverAThousandSteps) {
    this->on_devices([](TestDevice& device) {
        const std::vector<double> alpha{1, 1, 1};
        const auto weights = device.array<double>(3, 0);
        for (uint64_t step = 0; step < 1000; ++step) {
            dirichlet_weights<TypeParam>(device.stream, alphas_of(alpha), 2, {42, 5, step, nullptr}, weights.data());
            ASSERT_EQ(weights.host(), host_weights(alpha, 2, 42, 5, step)) << "step " << step;
        }
    });
}

TYPED_TEST(DirichletWeights, AreTheHostsForAllAlphasTasksAndDraws) {
    this->on_devices([](TestDevice& device) {
        // Other alphas in each launch: a lane that reads the last launch's shows.
        for (int draws : {1, 2, 31, 32, 33, 100})
            for (const std::vector<double>& alpha : {std::vector<double>{1}, {0.01, 10}, {0.01, 0.01, 0.01}, {0.5, 1, 1.5, 2, 4, 8, 10, 0.1}}) {
                const auto weights = device.array<double>(alpha.size(), 0);
                dirichlet_weights<TypeParam>(device.stream, alphas_of(alpha), draws, {7, 5, 9, nullptr}, weights.data());
                ASSERT_EQ(weights.host(), host_weights(alpha, draws, 7, 5, 9)) << alpha.size() << " tasks, " << draws << " draws";
            }
    });
}

TYPED_TEST(DirichletWeights, ReadTheStepFromTheDevice) {
    this->on_devices([](TestDevice& device) {
        const std::vector<double> alpha{2, 1};
        const auto state = device.array<StepState>({{draws::micro_step(4123456789, 3), 0.5, 0.1}});
        const auto weights = device.array<double>(2, 0);
        dirichlet_weights<TypeParam>(device.stream, alphas_of(alpha), 2, {7, 5, 3, state.data()}, weights.data());
        EXPECT_EQ(weights.host(), host_weights(alpha, 2, 7, 5, 4123456789));  // of the step, whatever the micro-batch
    });
}

TYPED_TEST(DirichletWeights, HaveTheMomentsOfTheirMean) {
    this->on_devices([](TestDevice& device) {
        const std::vector<double> alpha{0.5, 2, 3.5};
        const int steps = 2000;
        const auto weights = device.array<double>(3, 0);
        double mean[3] = {}, square[3] = {};
        for (int step = 0; step < steps; ++step) {
            dirichlet_weights<TypeParam>(device.stream, alphas_of(alpha), 2, {99, 5, static_cast<uint64_t>(step), nullptr}, weights.data());
            const std::vector<double> w = weights.host();
            EXPECT_NEAR(w[0] + w[1] + w[2], 1, 1e-12);
            for (size_t k = 0; k < 3; ++k) mean[k] += w[k] / steps, square[k] += w[k] * w[k] / steps;
        }
        for (size_t k = 0; k < 3; ++k) {
            const double m = alpha[k] / 6, variance = m * (1 - m) / 7 / 2;  // of the mean of two draws
            EXPECT_NEAR(mean[k], m, 5 * std::sqrt(variance / steps));
            EXPECT_NEAR(square[k] - mean[k] * mean[k], variance, 0.15 * variance);
        }
    });
}

}  // namespace
}  // namespace cmtl::kernels
