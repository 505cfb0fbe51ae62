// The optimiser's kernel: torch.optim.SGD's formulas in double, tensor by tensor.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace cmtl::kernels
