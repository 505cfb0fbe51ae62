// The losses' kernels against the references, and what they do with what is no number and no label.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/kernel_test.hpp"
#include "kernels/multitask_loss.hpp"
#include "kernels/softmax_cross_entropy.hpp"
#include "reference/multitask_loss.hpp"
#include "reference/random.hpp"
#include "reference/softmax_cross_entropy.hpp"

namespace cmtl::kernels {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();

template <class Target>
class CrossEntropyKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(CrossEntropyKernels, Targets);

struct Batch {
    int64_t n, classes;
    std::vector<float> logits;
    std::vector<int64_t> labels;
    std::vector<float> weights{};  // of the classes; empty: none
    reference::Array array() const { return {{n, classes}, std::vector<double>(logits.begin(), logits.end())}; }
};

// About every fourth label unknown.
Batch batch(int64_t n, int64_t classes, float scale) {
    Batch b{n, classes, {}, {}, {}};
    for (int64_t i = 0; i < n; ++i) {
        const reference::Words w = reference::draw(3, 11, static_cast<uint64_t>(classes), static_cast<uint64_t>(i));
        b.labels.push_back(w[0] % 4 == 0 ? -1 : static_cast<int64_t>(w[1] % static_cast<uint32_t>(classes)));
        for (int64_t k = 0; k < classes; ++k)
            b.logits.push_back(scale * (reference::unit(reference::draw(4, 11, 0, static_cast<uint64_t>(i * classes + k))[0]) - 0.5f));
    }
    return b;
}

template <class Target>
struct Results {
    float loss;
    std::vector<float> probabilities, dlogits;
};

// Forward and backward, then both once more: what a launch leaves behind must not change the next.
template <class Target>
Results<Target> results(TestDevice& device, const Batch& b, float dloss_value) {
    const auto logits = device.array(b.logits), probabilities = device.array<float>(b.logits.size(), -1), dlogits = device.array<float>(b.logits.size(), -1);
    const auto labels = device.array(b.labels);
    const auto class_weights = device.array(b.weights);
    const float* const weights = b.weights.empty() ? nullptr : class_weights.data();
    const auto loss = device.array<float>(1, -1), dloss = device.array<float>(1, dloss_value);
    const auto run = [&]() -> Results<Target> {
        softmax_cross_entropy_forward<Target>(device.stream, b.n, b.classes, logits.data(), labels.data(), weights,
                                              loss.data(), probabilities.data());
        softmax_cross_entropy_backward<Target>(device.stream, b.n, b.classes, probabilities.data(), labels.data(),
                                               weights, dloss.data(), dlogits.data());
        return {loss.host()[0], probabilities.host(), dlogits.host()};
    };
    const Results<Target> first = run(), second = run();
    EXPECT_EQ(std::memcmp(&first.loss, &second.loss, sizeof(float)), 0);
    for (size_t i = 0; i < first.dlogits.size(); ++i) EXPECT_EQ(std::memcmp(&first.dlogits[i], &second.dlogits[i], sizeof(float)), 0) << i;
    return first;
}

TYPED_TEST(CrossEntropyKernels, AreTheReference) {
    this->on_devices([](TestDevice& device) {
        for (int64_t n : {1, 2, 10, 255, 256, 257, 700})
            for (int64_t classes : {1, 2, 3, 7})
                for (float scale : {0.0f, 4.0f, 200.0f}) {
                    const Batch b = batch(n, classes, scale);
                    const Results<TypeParam> r = results<TypeParam>(device, b, 0.7f);
                    const double expected = reference::softmax_cross_entropy(b.array(), b.labels)[0];
                    ASSERT_NEAR(static_cast<double>(r.loss), expected, 1e-6 * (1 + expected)) << n << "x" << classes;
                    const reference::Array p = reference::softmax(b.array());
                    const double known = static_cast<double>(n - std::count(b.labels.begin(), b.labels.end(), -1));
                    for (int64_t at = 0; at < n * classes; ++at) {
                        const auto i = static_cast<size_t>(at);
                        ASSERT_NEAR(static_cast<double>(r.probabilities[i]), p[at], 1e-7);
                        const int64_t label = b.labels[static_cast<size_t>(at / classes)];
                        const double slope = label < 0 ? 0 : 0.7f / known * (p[at] - (at % classes == label ? 1.0 : 0.0));
                        ASSERT_NEAR(static_cast<double>(r.dlogits[i]), slope, 2e-7) << "sample " << at / classes << " of " << n;
                    }
                }
    });
}

TYPED_TEST(CrossEntropyKernels, ClassesHaveTheirWeights) {
    this->on_devices([](TestDevice& device) {
        for (int64_t n : {1, 10, 257})
            for (int64_t classes : {2, 3, 7}) {
                Batch b = batch(n, classes, 4.0f);
                std::vector<double> weights;
                for (int64_t k = 0; k < classes; ++k) {
                    b.weights.push_back(0.5f + static_cast<float>(k * k));
                    weights.push_back(static_cast<double>(b.weights.back()));
                }
                const Results<TypeParam> r = results<TypeParam>(device, b, 0.7f);
                const double expected = reference::softmax_cross_entropy(b.array(), b.labels, weights)[0];
                ASSERT_NEAR(static_cast<double>(r.loss), expected, 1e-6 * (1 + expected)) << n << "x" << classes;
                const reference::Array p = reference::softmax(b.array());
                double known = 0;
                for (const int64_t label : b.labels) known += label < 0 ? 0 : weights[static_cast<size_t>(label)];
                for (int64_t at = 0; at < n * classes; ++at) {
                    const int64_t label = b.labels[static_cast<size_t>(at / classes)];
                    const double share = label < 0 ? 0 : 0.7f * weights[static_cast<size_t>(label)] / known;
                    ASSERT_NEAR(static_cast<double>(r.dlogits[static_cast<size_t>(at)]),
                                share * (p[at] - (at % classes == label ? 1.0 : 0.0)), 3e-7);
                }
            }
        Batch none = batch(5, 2, 4);
        none.labels = {0, 0, -1, 0, 0};
        none.weights = {0, 1};
        const auto r = results<TypeParam>(device, none, 1);
        EXPECT_EQ(r.loss, 0);
        EXPECT_EQ(r.dlogits, std::vector<float>(10, 0));
    });
}

TYPED_TEST(CrossEntropyKernels, WithoutLabelsLossAndGradientAreZero) {
    this->on_devices([](TestDevice& device) {
        Batch b = batch(5, 3, 4);
        b.labels.assign(5, -1);
        const auto r = results<TypeParam>(device, b, 1);
        EXPECT_EQ(r.loss, 0);
        EXPECT_EQ(r.dlogits, std::vector<float>(15, 0));
        EXPECT_EQ(results<TypeParam>(device, {0, 3, {}, {}, {}}, 1).loss, 0);
    });
}

TYPED_TEST(CrossEntropyKernels, ALabelThatIsNoneMakesTheLossNoNumber) {
    this->on_devices([](TestDevice& device) {
        for (int64_t wrong : {int64_t{3}, int64_t{-2}, int64_t{1} << 40, std::numeric_limits<int64_t>::min()}) {
            Batch b = batch(300, 3, 4);
            b.labels[299] = wrong;
            const auto r = results<TypeParam>(device, b, 1);
            EXPECT_TRUE(std::isnan(r.loss));
            for (size_t i = 0; i < 897; ++i) ASSERT_FALSE(std::isnan(r.dlogits[i]));
            for (size_t i = 897; i < 900; ++i) EXPECT_TRUE(std::isnan(r.dlogits[i]));
        }
    });
}

TYPED_TEST(CrossEntropyKernels, LogitsThatAreNoNumbersAndHugeOnes) {
    this->on_devices([](TestDevice& device) {
        const auto loss_of = [&](float a, float b) {
            return results<TypeParam>(device, {2, 2, {a, b, 0, 1}, {0, 1}, {}}, 1).loss;
        };
        EXPECT_TRUE(std::isnan(loss_of(nan, 0)));
        EXPECT_TRUE(std::isnan(loss_of(0, nan)));
        EXPECT_TRUE(std::isnan(loss_of(infinity, 0)));
        EXPECT_EQ(loss_of(-infinity, 0), infinity);
        EXPECT_NEAR(loss_of(1e30f, -1e30f), std::log(1 + std::exp(-1.0)) / 2, 1e-6);
        EXPECT_EQ(loss_of(-1e30f, 1e30f), 1e30f);
        // An unknown label hides its sample's logits.
        EXPECT_NEAR((results<TypeParam>(device, {2, 2, {nan, nan, 0, 1}, {-1, 1}, {}}, 1).loss),
                    std::log(1 + std::exp(-1.0)), 1e-6);
    });
}

TYPED_TEST(CrossEntropyKernels, SoftmaxAloneIsTheReference) {
    this->on_devices([](TestDevice& device) {
        for (int64_t n : {0, 1, 65, 300}) {
            const Batch b = batch(n, 3, 8);
            const auto logits = device.array(b.logits), probabilities = device.array<float>(b.logits.size(), -1);
            softmax<TypeParam>(device.stream, n, 3, logits.data(), probabilities.data());
            const reference::Array expected = n ? reference::softmax(b.array()) : reference::Array({0, 3});
            const std::vector<float> got = probabilities.host();
            for (int64_t i = 0; i < n * 3; ++i) ASSERT_NEAR(static_cast<double>(got[static_cast<size_t>(i)]), expected[i], 1e-7);
        }
    });
}

template <class Target>
class MultitaskLossKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(MultitaskLossKernels, Targets);

// The losses and their gradients are tensors of one element each.
struct Scalars {
    std::vector<DeviceArray<float>> arrays;
    std::vector<float> values;
    Scalars(TestDevice& device, std::vector<float> v) : values(std::move(v)) {
        for (float value : values) arrays.push_back(device.array<float>(1, value));
    }
    TaskLosses losses() const {
        TaskLosses out{static_cast<int>(arrays.size()), {}};
        for (size_t k = 0; k < arrays.size(); ++k) out.loss[k] = arrays[k].data();
        return out;
    }
    TaskGradients gradients() const {
        TaskGradients out{};
        for (size_t k = 0; k < arrays.size(); ++k) out.loss[k] = arrays[k].data();
        return out;
    }
    std::vector<reference::Array> reference() const {
        std::vector<reference::Array> out;
        for (float value : values) out.push_back(reference::Array({1}, static_cast<double>(value)));
        return out;
    }
};

std::vector<float> numbers(size_t count, uint64_t seed) {
    std::vector<float> out;
    for (size_t k = 0; k < count; ++k) out.push_back(4 * reference::unit(reference::draw(seed, 11, 0, k)[0]) - 1);
    return out;
}

TYPED_TEST(MultitaskLossKernels, WeightedSumAndItsGradient) {
    this->on_devices([](TestDevice& device) {
        for (size_t tasks : {1u, 2u, 3u, 8u}) {
            const Scalars losses(device, numbers(tasks, 1)), gradients(device, std::vector<float>(tasks, -7));
            std::vector<double> weights;
            for (float w : numbers(tasks, 2)) weights.push_back(static_cast<double>(w) / 3);
            const auto w = device.array(weights);
            const auto total = device.array<float>(1, -7), dtotal = device.array<float>(1, 1.5f);
            weighted_sum_forward<TypeParam>(device.stream, losses.losses(), w.data(), total.data());
            EXPECT_NEAR(static_cast<double>(total.host()[0]), reference::weighted_sum(losses.reference(), weights)[0], 1e-6);
            TaskGradients asked = gradients.gradients();
            if (tasks > 2) asked.loss[1] = nullptr;
            weighted_sum_backward<TypeParam>(device.stream, static_cast<int>(tasks), w.data(), dtotal.data(), asked);
            for (size_t k = 0; k < tasks; ++k)
                EXPECT_EQ(gradients.arrays[k].host()[0], tasks > 2 && k == 1 ? -7.0f : static_cast<float>(weights[k] * 1.5));
        }
    });
}

TYPED_TEST(MultitaskLossKernels, UncertaintySumAndItsGradient) {
    this->on_devices([](TestDevice& device) {
        for (size_t tasks : {1u, 2u, 3u, 8u}) {
            const Scalars losses(device, numbers(tasks, 1)), gradients(device, std::vector<float>(tasks, -7));
            const std::vector<float> s = numbers(tasks, 3);
            const auto log_variances = device.array(s), ds = device.array<float>(tasks, -7);
            const auto total = device.array<float>(1, -7), dtotal = device.array<float>(1, 1.5f);
            const auto weights = device.array<double>(tasks, -7);
            uncertainty_sum_forward<TypeParam>(device.stream, losses.losses(), log_variances.data(), total.data());
            const reference::Array expected = reference::uncertainty_sum(
                losses.reference(), reference::Array({static_cast<int64_t>(tasks)}, std::vector<double>(s.begin(), s.end())));
            EXPECT_NEAR(static_cast<double>(total.host()[0]), expected[0], 1e-5);
            uncertainty_sum_backward<TypeParam>(device.stream, losses.losses(), log_variances.data(), dtotal.data(), gradients.gradients(), ds.data());
            uncertainty_weights<TypeParam>(device.stream, static_cast<int>(tasks), log_variances.data(), weights.data());
            for (size_t k = 0; k < tasks; ++k) {
                const double factor = std::exp(-static_cast<double>(s[k]));
                EXPECT_NEAR(static_cast<double>(gradients.arrays[k].host()[0]), 1.5 * factor, 1e-6 * factor);
                EXPECT_NEAR(static_cast<double>(ds.host()[k]), 1.5 * (0.5 - factor * static_cast<double>(losses.values[k])), 1e-5);
                EXPECT_NEAR(weights.host()[k], factor, 1e-14 * factor);
            }
        }
    });
}

TYPED_TEST(MultitaskLossKernels, ATrackerAddsUntilALossIsNotFinite) {
    this->on_devices([](TestDevice& device) {
        for (float broken : {nan, infinity, -infinity}) {
            const Scalars losses(device, {1.5f, 0.25f});
            const auto tracker = device.array<double>(7, 0), weights = device.array<double>({0.75, 0.125});
            const auto good = device.array<float>(1, 1.25f), bad = device.array<float>(1, broken);
            for (int step = 0; step < 2; ++step) track_losses<TypeParam>(device.stream, losses.losses(), good.data(), weights.data(), tracker.data());
            EXPECT_EQ(tracker.host(), (std::vector<double>{2.5, 3, 0.5, 1.5, 0.25, 2, 0}));
            track_losses<TypeParam>(device.stream, losses.losses(), bad.data(), weights.data(), tracker.data());
            track_losses<TypeParam>(device.stream, losses.losses(), good.data(), weights.data(), tracker.data());
            const std::vector<double> sums = tracker.host();
            EXPECT_EQ(std::vector<double>(sums.begin(), sums.end() - 1), (std::vector<double>{2.5, 3, 0.5, 1.5, 0.25, 2}));
            EXPECT_TRUE(std::isnan(broken) ? std::isnan(sums[6]) : sums[6] == static_cast<double>(broken));
        }
    });
}

}  // namespace
}  // namespace cmtl::kernels
