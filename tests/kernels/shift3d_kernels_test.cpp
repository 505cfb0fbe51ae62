// Shift3D's kernels: plans number by number as documented, gathers value by value.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "kernels/kernel_test.hpp"
#include "kernels/shift3d.hpp"
#include "reference/random.hpp"
#include "reference/shift3d.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class Shift3dKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(Shift3dKernels, Targets);

// engine/operators/shift3d.hpp's words as a loop.
std::vector<int32_t> plan_of(const Shift3dSizes& x, uint64_t seed, uint64_t step, double p, double max_shift, bool whole_batch) {
    std::vector<int32_t> plan(static_cast<size_t>(2 * x.n * x.channels), 0);
    const int64_t size[3] = {x.d, x.h, x.w};
    for (int64_t n = 0; n < x.n; ++n) {
        const float u = reference::unit(reference::draw(seed, 3, step, static_cast<uint64_t>(whole_batch ? 0 : n))[0]);
        if (!(p > 0 && static_cast<double>(u) <= p)) continue;
        for (int64_t c = 0; c < x.channels; ++c) {
            const reference::Words w = reference::draw(seed, 3, step, (uint64_t{1} << 32) + static_cast<uint64_t>(n * x.channels + c));
            const uint32_t axis = reference::below(w[0], 3);
            const auto most = static_cast<uint32_t>(std::floor(max_shift * static_cast<double>(size[axis])));
            const auto amount = static_cast<int32_t>(reference::below(w[1], most + 1));
            plan[static_cast<size_t>(2 * (n * x.channels + c))] = static_cast<int32_t>(axis);
            plan[static_cast<size_t>(2 * (n * x.channels + c) + 1)] = w[2] >= 0x80000000u ? -amount : amount;
        }
    }
    return plan;
}

TYPED_TEST(Shift3dKernels, PlansAreTheDocumentedDrawsOverManyKeys) {
    this->on_devices([](TestDevice& device) {
        const Shift3dSizes x{3, 100, 125, 63, 21};
        const auto plan = device.array<int32_t>(3 * 21 * 2, -77);
        int shifted = 0;
        for (uint64_t step = 0; step < 300; ++step) {
            const uint64_t seed = step * 0x9E3779B97F4A7C15u;
            const double p = step % 5 == 0 ? 1 : 0.25 * static_cast<double>(step % 4), max_shift = 0.1 * static_cast<double>(step % 11);
            shift3d_plan<TypeParam>(device.stream, x, {seed, 3, step, nullptr}, {p, max_shift, step % 3 == 0}, plan.data());
            const std::vector<int32_t> expected = plan_of(x, seed, step, p, max_shift, step % 3 == 0);
            ASSERT_EQ(plan.host(), expected) << "step " << step;
            for (size_t i = 1; i < expected.size(); i += 2) shifted += expected[i] != 0;
        }
        EXPECT_GT(shifted, 1000);
    });
}

TYPED_TEST(Shift3dKernels, PlansFitEveryShape) {
    this->on_devices([](TestDevice& device) {
        for (const Shift3dSizes& x : {Shift3dSizes{1, 1, 1, 1, 1}, {1, 2, 3, 4, 1}, {7, 9, 1, 300, 64}, {2, 1000000, 5, 2, 600}, {0, 4, 4, 4, 4}}) {
            const auto plan = device.array<int32_t>(static_cast<size_t>(2 * x.n * x.channels), -77);
            shift3d_plan<TypeParam>(device.stream, x, {5, 3, 6, nullptr}, {1, 1, false}, plan.data());
            EXPECT_EQ(plan.host(), plan_of(x, 5, 6, 1, 1, false));
        }
    });
}

TYPED_TEST(Shift3dKernels, AProbabilityEqualToTheDrawShifts) {
    this->on_devices([](TestDevice& device) {
        const Shift3dSizes x{1, 50, 50, 50, 16};
        const auto plan = device.array<int32_t>(16 * 2, -77);
        for (uint64_t step = 0; step < 20; ++step) {
            const double u = static_cast<double>(reference::unit(reference::draw(5, 3, step, 0)[0]));
            shift3d_plan<TypeParam>(device.stream, x, {5, 3, step, nullptr}, {u, 0.5, false}, plan.data());
            EXPECT_NE(plan.host(), std::vector<int32_t>(32, 0));
            shift3d_plan<TypeParam>(device.stream, x, {5, 3, step, nullptr}, {std::nextafter(u, 0.0), 0.5, false}, plan.data());
            EXPECT_EQ(plan.host(), std::vector<int32_t>(32, 0));
        }
    });
}

// The probability and the step of a replayed training step come from device memory; the arguments are those of the recording.
TYPED_TEST(Shift3dKernels, PlansReadStepAndProbabilityFromTheDevice) {
    this->on_devices([](TestDevice& device) {
        const Shift3dSizes x{8, 20, 20, 20, 5};
        const auto plan = device.array<int32_t>(8 * 5 * 2, -77);
        for (double p : {0.0, 0.5, 1.0}) {
            const auto state = device.array<StepState>({{123, p, 0.1}});
            shift3d_plan<TypeParam>(device.stream, x, {5, 3, 6, state.data()}, {0.25, 0.2, false}, plan.data());
            EXPECT_EQ(plan.host(), plan_of(x, 5, 123, p, 0.2, false)) << p;
        }
    });
}

struct Drawn {
    Shift3dSizes x;
    std::vector<int32_t> plan;
    std::vector<float> values;
};

// Plans beyond what is drawn in training: whole sizes and more, unmoved samples and channels between moved ones.
Drawn drawn(const Shift3dSizes& x, uint64_t seed) {
    Drawn out{x, std::vector<int32_t>(static_cast<size_t>(2 * x.n * x.channels)), {}};
    const int64_t size[3] = {x.d, x.h, x.w};
    for (int64_t i = 0; i < x.n * x.channels; ++i) {
        const reference::Words w = reference::draw(seed, 11, 0, static_cast<uint64_t>(i));
        const auto axis = reference::below(w[0], 3);
        const auto most = static_cast<uint32_t>(size[axis] + 2);
        int32_t shift = static_cast<int32_t>(reference::below(w[1], 2 * most + 1)) - static_cast<int32_t>(most);
        if (w[3] % 5 == 0) shift = static_cast<int32_t>(w[3] % 2 ? size[axis] : -size[axis]);
        if (w[2] % 7 == 0 || (i / x.channels) % 3 == 1) shift = 0;
        out.plan[static_cast<size_t>(2 * i)] = static_cast<int32_t>(axis);
        out.plan[static_cast<size_t>(2 * i + 1)] = shift;
    }
    for (int64_t i = 0; i < x.n * x.d * x.h * x.w * x.channels; ++i) out.values.push_back(static_cast<float>(i % (1 << 24)) - 1000);
    return out;
}

std::vector<float> expected(const Drawn& c, std::optional<double> fill, bool inverse) {
    const reference::Array x({c.x.n, c.x.d, c.x.h, c.x.w, c.x.channels}, std::vector<double>(c.values.begin(), c.values.end()));
    std::vector<int32_t> plan = c.plan;
    if (inverse)
        for (size_t i = 1; i < plan.size(); i += 2) plan[i] = -plan[i];
    const reference::Array y = reference::shift3d(x, plan, fill);
    return {y.values.begin(), y.values.end()};
}

const std::vector<Shift3dSizes> shapes{{1, 1, 1, 1, 1}, {1, 2, 3, 4, 5},  {3, 3, 5, 7, 1},   {2, 5, 4, 3, 2},   {4, 4, 6, 9, 64},
                                       {2, 3, 2, 40, 24}, {3, 1, 1, 67, 17}, {2, 9, 11, 1, 16}, {4, 7, 3, 5, 33}, {2, 6, 5, 17, 3}, {2, 5, 7, 3, 20}};

TYPED_TEST(Shift3dKernels, GatherIsTheReferenceForEveryShapeAndDirection) {
    this->on_devices([](TestDevice& device) {
        for (const Shift3dSizes& shape : shapes)
            for (const std::optional<float> fill : {std::optional<float>{}, std::optional<float>{-3.5f}})
                for (bool inverse : {false, true})
                    for (size_t offset : {0u, 1u}) {  // the second breaks the alignment of 16-byte accesses
                        const Drawn c = drawn(shape, 17);
                        const auto x = device.array(c.values, offset), y = device.array<float>(c.values.size(), -1, offset);
                        const auto plan = device.array(c.plan);
                        shift3d_gather<TypeParam>(device.stream, shape, fill ? &*fill : nullptr, inverse, x.data(), plan.data(), y.data());
                        ASSERT_EQ(y.host(), expected(c, fill, inverse)) << shape.n << "x" << shape.d << "x" << shape.h << "x" << shape.w << "x"
                                                                        << shape.channels << (fill ? " filled" : "") << (inverse ? " inverse" : "");
                        ASSERT_EQ(x.host(), c.values);
                    }
    });
}

TYPED_TEST(Shift3dKernels, EverySingleShiftOfEveryAxis) {
    this->on_devices([](TestDevice& device) {
        const Shift3dSizes shape{1, 4, 5, 6, 18};
        for (int32_t axis = 0; axis < 3; ++axis)
            for (int32_t shift = -7; shift <= 7; ++shift)
                for (const std::optional<float> fill : {std::optional<float>{}, std::optional<float>{0.0f}}) {
                    Drawn c = drawn(shape, 3);
                    for (size_t i = 0; i < c.plan.size(); i += 2) c.plan[i] = axis, c.plan[i + 1] = shift;
                    const auto x = device.array(c.values), y = device.array<float>(c.values.size(), -1);
                    const auto plan = device.array(c.plan);
                    shift3d_gather<TypeParam>(device.stream, shape, fill ? &*fill : nullptr, false, x.data(), plan.data(), y.data());
                    ASSERT_EQ(y.host(), expected(c, fill, false)) << "axis " << axis << ", shift " << shift;
                }
    });
}

TYPED_TEST(Shift3dKernels, OneChannelThatMovesIsSeen) {
    this->on_devices([](TestDevice& device) {
        for (int64_t channels : {5, 40, 300})
            for (int64_t moving : {int64_t{0}, channels / 2, channels - 1}) {
                Drawn c = drawn({2, 2, 3, 2, channels}, 3);
                std::fill(c.plan.begin(), c.plan.end(), 0);
                c.plan[static_cast<size_t>(2 * (channels + moving) + 1)] = 1;
                const auto x = device.array(c.values), y = device.array<float>(c.values.size(), -1);
                const auto plan = device.array(c.plan);
                shift3d_gather<TypeParam>(device.stream, c.x, nullptr, false, x.data(), plan.data(), y.data());
                ASSERT_EQ(y.host(), expected(c, {}, false)) << "channel " << moving << " of " << channels;
            }
    });
}

TYPED_TEST(Shift3dKernels, ThereAndBackIsTheBeginning) {
    this->on_devices([](TestDevice& device) {
        const Shift3dSizes shape{5, 5, 7, 6, 20};
        const Drawn c = drawn(shape, 8);
        const auto x = device.array(c.values), y = device.array<float>(c.values.size(), -1), back = device.array<float>(c.values.size(), -1);
        const auto plan = device.array(c.plan);
        shift3d_gather<TypeParam>(device.stream, shape, nullptr, false, x.data(), plan.data(), y.data());
        shift3d_gather<TypeParam>(device.stream, shape, nullptr, true, y.data(), plan.data(), back.data());
        EXPECT_NE(y.host(), c.values);
        EXPECT_EQ(back.host(), c.values);
    });
}

TYPED_TEST(Shift3dKernels, ValuesThatAreNoNumbersPass) {
    this->on_devices([](TestDevice& device) {
        const Shift3dSizes shape{2, 3, 3, 3, 4};
        Drawn c = drawn(shape, 8);
        for (size_t i = 0; i < c.values.size(); ++i)
            c.values[i] = i % 3 == 0 ? std::numeric_limits<float>::quiet_NaN() : i % 3 == 1 ? -INFINITY : 1.0f;
        const auto x = device.array(c.values), y = device.array<float>(c.values.size(), 0);
        const auto plan = device.array(c.plan);
        const float fill = std::numeric_limits<float>::infinity();
        for (const float* f : {static_cast<const float*>(nullptr), &fill}) {
            shift3d_gather<TypeParam>(device.stream, shape, f, false, x.data(), plan.data(), y.data());
            const std::vector<float> got = y.host(), want = expected(c, f ? std::optional<double>(fill) : std::nullopt, false);
            for (size_t i = 0; i < got.size(); ++i) ASSERT_TRUE(got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) << i;
        }
    });
}

TYPED_TEST(Shift3dKernels, NothingToDoIsDone) {
    this->on_devices([](TestDevice& device) {
        const auto some = device.array<float>(4, 1);
        const auto plan = device.array<int32_t>(4, 0);
        for (const Shift3dSizes& shape : {Shift3dSizes{0, 2, 2, 2, 2}, {1, 0, 2, 2, 2}, {1, 2, 2, 0, 2}, {1, 2, 2, 2, 0}})
            shift3d_gather<TypeParam>(device.stream, shape, nullptr, false, some.data(), plan.data(), some.data());
        EXPECT_EQ(some.host(), std::vector<float>(4, 1));
    });
}

}  // namespace
}  // namespace cmtl::kernels
