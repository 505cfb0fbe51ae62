// Dropout's kernel: the documented mask, bit by bit.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/dropout.hpp"
#include "kernels/kernel_test.hpp"
#include "reference/dropout.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class DropoutKernel : public KernelTest<Target> {};
TYPED_TEST_SUITE(DropoutKernel, Targets);

std::vector<float> expected(const std::vector<float>& x, double p, uint64_t seed, uint64_t step) {
    const reference::Array mask = reference::dropout_mask({static_cast<int64_t>(x.size())}, p, seed, 4, step);
    const float scale = static_cast<float>(1 / (1 - p));
    std::vector<float> y;
    for (size_t i = 0; i < x.size(); ++i) y.push_back(mask[static_cast<int64_t>(i)] != 0 ? x[i] * scale : 0.0f);
    return y;
}

std::vector<float> values(size_t count) {
    std::vector<float> x;
    for (size_t i = 0; i < count; ++i) x.push_back(static_cast<float>(i) / 7 + 1);
    return x;
}

TYPED_TEST(DropoutKernel, MaskIsTheDocumentedOneForEveryCount) {
    this->on_devices([](TestDevice& device) {
        for (size_t count : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 1021u, 4096u, 30003u})
            for (double p : {0.0, 0.1, 0.3, 0.5, 0.999})
                for (size_t offset : {0u, 1u}) {  // the second breaks the alignment of 16-byte accesses
                    const auto x = device.array(values(count), offset), y = device.array<float>(count, -1, offset);
                    dropout<TypeParam>(device.stream, static_cast<int64_t>(count), p, {count, 4, 17, nullptr}, x.data(), y.data());
                    ASSERT_EQ(y.host(), expected(values(count), p, count, 17)) << count << " elements, p " << p;
                }
    });
}

TYPED_TEST(DropoutKernel, MasksOfManyStepsInPlace) {
    this->on_devices([](TestDevice& device) {
        for (uint64_t step = 0; step < 200; ++step) {
            const auto x = device.array(values(999));
            dropout<TypeParam>(device.stream, 999, 0.3, {42, 4, step, nullptr}, x.data(), x.data());
            ASSERT_EQ(x.host(), expected(values(999), 0.3, 42, step)) << "step " << step;
        }
    });
}

TYPED_TEST(DropoutKernel, ReadsTheStepFromTheDevice) {
    this->on_devices([](TestDevice& device) {
        const auto state = device.array<StepState>({{1234567, 0.5, 0.1}});
        const auto x = device.array(values(999)), y = device.array<float>(999, -1);
        dropout<TypeParam>(device.stream, 999, 0.3, {42, 4, 5, state.data()}, x.data(), y.data());
        EXPECT_EQ(y.host(), expected(values(999), 0.3, 42, 1234567));
    });
}

TYPED_TEST(DropoutKernel, WhatIsNoNumberIsDroppedOrKept) {
    this->on_devices([](TestDevice& device) {
        const auto x = device.array<float>(1000, std::numeric_limits<float>::quiet_NaN()), y = device.array<float>(1000, -1);
        dropout<TypeParam>(device.stream, 1000, 0.5, {42, 4, 5, nullptr}, x.data(), y.data());
        const reference::Array mask = reference::dropout_mask({1000}, 0.5, 42, 4, 5);
        const std::vector<float> got = y.host();
        for (size_t i = 0; i < 1000; ++i) ASSERT_TRUE(mask[static_cast<int64_t>(i)] != 0 ? std::isnan(got[i]) : got[i] == 0) << i;
    });
}

TYPED_TEST(DropoutKernel, DropsWholeChannels) {
    this->on_devices([](TestDevice& device) {
        const int64_t samples = 3, rows = 50, channels = 17, count = samples * rows * channels;
        const auto x = device.array(values(static_cast<size_t>(count))), y = device.array<float>(static_cast<size_t>(count), -1);
        channel_dropout<TypeParam>(device.stream, count, rows * channels, channels, 0.5, {42, 4, 5, nullptr}, x.data(), y.data());
        const reference::Array mask = reference::dropout_mask({samples, channels}, 0.5, 42, 4, 5);
        const std::vector<float> from = x.host(), got = y.host();
        for (int64_t i = 0; i < count; ++i) {
            const auto at = static_cast<size_t>(i);
            ASSERT_EQ(got[at], mask(i / rows / channels, i % channels) != 0 ? 2 * from[at] : 0.0f) << i;
        }
    });
}

}  // namespace
}  // namespace cmtl::kernels
