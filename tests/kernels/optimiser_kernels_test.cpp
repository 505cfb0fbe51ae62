// The optimisers' kernels: torch.optim's formulas in double, tensor by tensor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernel_test.hpp"
#include "kernels/optimiser.hpp"
#include "reference/random.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class SgdKernel : public KernelTest<Target> {};
TYPED_TEST_SUITE(SgdKernel, Targets);

struct Parameters {
    std::vector<DeviceArray<float>> weight, velocity, gradient;
    std::vector<std::vector<double>> w, v, g;

    Parameters(TestDevice& device, const std::vector<size_t>& sizes, size_t offset = 0) {
        for (size_t t = 0; t < sizes.size(); ++t) {
            std::vector<float> a, b, c;
            for (size_t i = 0; i < sizes[t]; ++i) {
                const reference::Words words = reference::draw(t, 11, 0, i);
                a.push_back(reference::unit(words[0]) - 0.5f), b.push_back(reference::unit(words[1]) - 0.5f), c.push_back(reference::unit(words[2]) - 0.5f);
            }
            weight.push_back(device.array(a, offset)), velocity.push_back(device.array(b, offset)), gradient.push_back(device.array(c, offset));
            w.emplace_back(a.begin(), a.end()), v.emplace_back(b.begin(), b.end()), g.emplace_back(c.begin(), c.end());
        }
    }
    std::vector<SgdTensor> table() const {
        std::vector<SgdTensor> out;
        for (size_t t = 0; t < weight.size(); ++t)
            out.push_back({weight[t].data(), velocity[t].data(), gradient[t].data(), static_cast<int64_t>(w[t].size())});
        return out;
    }
    void step(double learning_rate, double momentum, double decay, bool nesterov) {
        for (size_t t = 0; t < w.size(); ++t)
            for (size_t i = 0; i < w[t].size(); ++i) {
                const double slope = g[t][i] + decay * w[t][i];
                v[t][i] = momentum * v[t][i] + slope;
                w[t][i] -= learning_rate * (nesterov ? slope + momentum * v[t][i] : v[t][i]);
            }
    }
    void compare() const {
        for (size_t t = 0; t < w.size(); ++t) {
            const std::vector<float> a = weight[t].host(), b = velocity[t].host(), c = gradient[t].host();
            for (size_t i = 0; i < w[t].size(); ++i) {
                ASSERT_NEAR(static_cast<double>(a[i]), w[t][i], 5e-7) << "tensor " << t << ", element " << i;
                ASSERT_NEAR(static_cast<double>(b[i]), v[t][i], 5e-7) << "tensor " << t << ", element " << i;
                ASSERT_EQ(static_cast<double>(c[i]), g[t][i]);
            }
        }
    }
};

const std::vector<size_t> sizes{1, 0, 2, 3, 4, 5, 1023, 4095, 4096, 4097, 8192, 9999};

TYPED_TEST(SgdKernel, IsTheFormulaForEverySize) {
    this->on_devices([](TestDevice& device) {
        for (bool nesterov : {true, false})
            for (size_t offset : {0u, 1u}) {  // the second breaks the alignment of 16-byte accesses
                Parameters p(device, sizes, offset);
                const auto table = p.table();
                for (int step = 0; step < 2; ++step) {
                    sgd_step<TypeParam>(device.stream, {0.1f, nullptr, 0.9f, 0.01f, nesterov, nullptr}, table.data(), static_cast<int64_t>(table.size()));
                    p.step(0.1f, 0.9f, 0.01f, nesterov);
                }
                p.compare();
            }
    });
}

TYPED_TEST(SgdKernel, ManyTensorsAreOneStep) {
    this->on_devices([](TestDevice& device) {
        for (size_t count : {0u, 1u, 59u, 60u, 61u, 150u}) {
            std::vector<size_t> many;
            for (size_t t = 0; t < count; ++t) many.push_back((t * 37) % 11 == 0 ? 0 : (t * 7919) % 5000);
            Parameters p(device, many);
            const auto table = p.table();
            sgd_step<TypeParam>(device.stream, {0.1f, nullptr, 0.9f, 0, true, nullptr}, table.data(), static_cast<int64_t>(table.size()));
            p.step(0.1f, 0.9f, 0, true);
            p.compare();
        }
    });
}

TYPED_TEST(SgdKernel, AGuardThatIsNotZeroStopsEverything) {
    this->on_devices([](TestDevice& device) {
        const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
        Parameters p(device, sizes);
        const auto table = p.table();
        for (double value : {nan, infinity, -infinity, 1e-300}) {
            const auto guard = device.array<double>(1, value);
            sgd_step<TypeParam>(device.stream, {0.1f, nullptr, 0.9f, 0.01f, true, guard.data()}, table.data(), static_cast<int64_t>(table.size()));
            p.compare();
        }
        const auto guard = device.array<double>(1, 0);
        sgd_step<TypeParam>(device.stream, {0.1f, nullptr, 0.9f, 0.01f, true, guard.data()}, table.data(), static_cast<int64_t>(table.size()));
        p.step(0.1f, 0.9f, 0.01f, true);
        p.compare();
    });
}

TYPED_TEST(SgdKernel, ReadsTheLearningRateFromTheDevice) {
    this->on_devices([](TestDevice& device) {
        Parameters p(device, sizes);
        const auto table = p.table();
        const auto state = device.array<StepState>({{7, 0.5, 0.03125}});
        sgd_step<TypeParam>(device.stream, {0.1f, state.data(), 0.9f, 0.01f, true, nullptr}, table.data(), static_cast<int64_t>(table.size()));
        p.step(0.03125, 0.9f, 0.01f, true);
        p.compare();
    });
}

TYPED_TEST(SgdKernel, ScalesGradientsByANumberOnTheDevice) {
    this->on_devices([](TestDevice& device) {
        Parameters p(device, sizes);
        const auto table = p.table();
        const auto scale = device.array<double>(1, 0.375);
        sgd_step<TypeParam>(device.stream, {0.1f, nullptr, 0.9f, 0.01f, true, nullptr, scale.data()}, table.data(),
                            static_cast<int64_t>(table.size()));
        const auto unscaled = p.g;
        for (auto& tensor : p.g)
            for (double& g : tensor) g *= 0.375;
        p.step(0.1f, 0.9f, 0.01f, true);
        p.g = unscaled;
        p.compare();
    });
}

TYPED_TEST(SgdKernel, GradientsThatAreNoNumbersSpoilTheirElementsOnly) {
    this->on_devices([](TestDevice& device) {
        const auto weight = device.array<float>(9, 1), velocity = device.array<float>(9, 1);
        const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
        const auto gradient = device.array<float>({1, nan, 1, infinity, 1, 1, 1, 1, -infinity});
        const SgdTensor table{weight.data(), velocity.data(), gradient.data(), 9};
        sgd_step<TypeParam>(device.stream, {0.5f, nullptr, 0.5f, 0, false, nullptr}, &table, 1);
        const std::vector<float> w = weight.host(), v = velocity.host();
        for (size_t i = 0; i < 9; ++i) {
            if (i == 1) EXPECT_TRUE(std::isnan(w[i]) && std::isnan(v[i]));
            else EXPECT_EQ(w[i], i == 3 ? -infinity : i == 8 ? infinity : 0.25f);
        }
    });
}

template <class Target>
class AdamWKernel : public KernelTest<Target> {};
TYPED_TEST_SUITE(AdamWKernel, Targets);

struct Moments {
    std::vector<DeviceArray<float>> weight, mean, square, gradient;
    std::vector<std::vector<double>> w, m, s, g;

    Moments(TestDevice& device, const std::vector<size_t>& counts, size_t offset = 0) {
        for (size_t t = 0; t < counts.size(); ++t) {
            std::vector<float> values[4];
            for (size_t i = 0; i < counts[t]; ++i) {
                const reference::Words words = reference::draw(t, 12, 0, i);
                for (size_t k = 0; k < 4; ++k) values[k].push_back(reference::unit(words[k]) - (k == 2 ? 0.0f : 0.5f));
            }
            weight.push_back(device.array(values[0], offset)), mean.push_back(device.array(values[1], offset));
            square.push_back(device.array(values[2], offset)), gradient.push_back(device.array(values[3], offset));
            w.emplace_back(values[0].begin(), values[0].end()), m.emplace_back(values[1].begin(), values[1].end());
            s.emplace_back(values[2].begin(), values[2].end()), g.emplace_back(values[3].begin(), values[3].end());
        }
    }
    std::vector<AdamWTensor> table() const {
        std::vector<AdamWTensor> out;
        for (size_t t = 0; t < weight.size(); ++t)
            out.push_back({weight[t].data(), mean[t].data(), square[t].data(), gradient[t].data(),
                           static_cast<int64_t>(w[t].size())});
        return out;
    }
    void step(double rate, double decay, double beta1, double beta2, double epsilon, int64_t number, double scale) {
        for (size_t t = 0; t < w.size(); ++t)
            for (size_t i = 0; i < w[t].size(); ++i) {
                const double slope = scale * g[t][i];
                m[t][i] = beta1 * m[t][i] + (1 - beta1) * slope;
                s[t][i] = beta2 * s[t][i] + (1 - beta2) * slope * slope;
                const double up = m[t][i] / (1 - std::pow(beta1, number)),
                             down = std::sqrt(s[t][i] / (1 - std::pow(beta2, number))) + epsilon;
                w[t][i] = w[t][i] * (1 - rate * decay) - rate * up / down;
            }
    }
    void compare() const {
        for (size_t t = 0; t < w.size(); ++t) {
            const std::vector<float> a = weight[t].host(), b = mean[t].host(), c = square[t].host(),
                                     d = gradient[t].host();
            for (size_t i = 0; i < w[t].size(); ++i) {
                ASSERT_NEAR(static_cast<double>(a[i]), w[t][i], 1e-6) << "tensor " << t << ", element " << i;
                ASSERT_NEAR(static_cast<double>(b[i]), m[t][i], 5e-7) << "tensor " << t << ", element " << i;
                ASSERT_NEAR(static_cast<double>(c[i]), s[t][i], 5e-7) << "tensor " << t << ", element " << i;
                ASSERT_EQ(static_cast<double>(d[i]), g[t][i]);
            }
        }
    }
};

constexpr double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-3;
UpdateRules rules(double rate) { return {rate, nullptr, 0, 1, beta1, beta2, 0.1, nullptr}; }
AdamWUpdate adamw(const UpdateControl* control, const double* guard = nullptr) {
    return {static_cast<float>(1 - beta1),
            static_cast<float>(beta2),
            static_cast<float>(1 - beta2),
            static_cast<float>(epsilon),
            guard,
            control};
}

TYPED_TEST(AdamWKernel, IsTheFormulaForEverySize) {
    this->on_devices([](TestDevice& device) {
        for (size_t offset : {0u, 1u}) {  // the second breaks the alignment of 16-byte accesses
            Moments p(device, sizes, offset);
            const auto table = p.table();
            const auto control = device.array<UpdateControl>({{3, 0, 0, 0, 0, 0, 0}});
            for (int64_t step : {4, 5}) {
                prepare_update<TypeParam>(device.stream, rules(0.02), nullptr, 0, control.data());
                adamw_step<TypeParam>(device.stream, adamw(control.data()), table.data(),
                                      static_cast<int64_t>(table.size()));
                p.step(0.02, 0.1, beta1, beta2, epsilon, step, 1);
                p.compare();
            }
            EXPECT_EQ(control.host()[0].steps, 5);
        }
    });
}

TYPED_TEST(AdamWKernel, ManyTensorsAreOneStep) {
    this->on_devices([](TestDevice& device) {
        std::vector<size_t> many;
        for (size_t t = 0; t < 150; ++t) many.push_back((t * 37) % 11 == 0 ? 0 : (t * 7919) % 5000);
        Moments p(device, many);
        const auto table = p.table();
        const auto control = device.array<UpdateControl>({{0, 0, 0, 0, 0, 0, 0}});
        prepare_update<TypeParam>(device.stream, rules(0.02), nullptr, 0, control.data());
        adamw_step<TypeParam>(device.stream, adamw(control.data()), table.data(), static_cast<int64_t>(table.size()));
        p.step(0.02, 0.1, beta1, beta2, epsilon, 1, 1);
        p.compare();
    });
}

TYPED_TEST(AdamWKernel, AGuardThatIsNotZeroStopsEverything) {
    this->on_devices([](TestDevice& device) {
        Moments p(device, sizes);
        const auto table = p.table();
        const auto control = device.array<UpdateControl>({{3, 7, 0, 1, 1, 1, 1}});
        for (double value : {std::numeric_limits<double>::quiet_NaN(), -1.0}) {
            const auto guard = device.array<double>(1, value), sums = device.array<double>(1, 4);
            UpdateRules stopped = rules(0.02);
            stopped.guard = guard.data();
            stopped.clip_norm = 1;
            prepare_update<TypeParam>(device.stream, stopped, sums.data(), 1, control.data());
            adamw_step<TypeParam>(device.stream, adamw(control.data(), guard.data()), table.data(),
                                  static_cast<int64_t>(table.size()));
            p.compare();
            EXPECT_EQ(control.host()[0].steps, 3);
            EXPECT_EQ(control.host()[0].norm_sum, 7);
        }
    });
}

// Norm, scale and AdamW's numbers, from partial sums that a launch before left.
TYPED_TEST(AdamWKernel, PreparesItsNumbers) {
    this->on_devices([](TestDevice& device) {
        for (size_t offset : {0u, 1u}) {
            Moments p(device, sizes, offset);
            std::vector<GradientTensor> table;
            int64_t blocks = 0;
            double squares = 0;
            for (size_t t = 0; t < sizes.size(); ++t) {
                table.push_back({p.gradient[t].data(), static_cast<int64_t>(sizes[t])});
                blocks += update_blocks(static_cast<int64_t>(sizes[t]));
                for (const double g : p.g[t]) squares += g * g;
            }
            const auto sums = device.array<double>(static_cast<size_t>(blocks), -7);
            const auto state = device.array<StepState>({{7, 0.5, 0.03125}});
            const double norm = std::sqrt(squares);
            for (double clip : {0.125 * norm, 2 * norm}) {
                const auto control = device.array<UpdateControl>({{9, 100, 0, 0, 0, 0, 0}});
                for (int call = 0; call < 2; ++call) {
                    sum_squares<TypeParam>(device.stream, table.data(), static_cast<int64_t>(table.size()),
                                           sums.data());
                    prepare_update<TypeParam>(device.stream, {1.0, state.data(), clip, 4, beta1, beta2, 0.1, nullptr},
                                              sums.data(), blocks, control.data());
                }
                const UpdateControl c = control.host()[0];
                EXPECT_EQ(c.steps, 11);
                EXPECT_NEAR(c.norm, norm / 4, 1e-12 * norm);
                EXPECT_NEAR(c.norm_sum, 100 + norm / 2, 1e-10);
                EXPECT_NEAR(c.scale, 0.25 * std::min(1.0, clip / (norm / 4 + 1e-6)), 1e-9);
                EXPECT_NEAR(c.decay, 1 - 0.03125 * 0.1, 1e-15);
                EXPECT_NEAR(c.step_size, 0.03125 / (1 - std::pow(beta1, 11)), 1e-14);
                EXPECT_NEAR(c.root, std::sqrt(1 - std::pow(beta2, 11)), 1e-14);
            }
        }
    });
}

TYPED_TEST(AdamWKernel, ANormThatIsNoNumberGoesOnIntoTheGradients) {
    this->on_devices([](TestDevice& device) {
        const auto sums = device.array<double>({1, std::numeric_limits<double>::quiet_NaN()});
        const auto control = device.array<UpdateControl>({{0, 0, 0, 0, 0, 0, 0}});
        prepare_update<TypeParam>(device.stream, {1.0, nullptr, 1.0, 1, beta1, beta2, 0, nullptr}, sums.data(), 2,
                                  control.data());
        EXPECT_TRUE(std::isnan(control.host()[0].scale));
    });
}

}  // namespace
}  // namespace cmtl::kernels
