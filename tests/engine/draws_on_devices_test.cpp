// What training draws is the same on every device, bit by bit and step by step; the optimiser's steps are the same within rounding.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/context.hpp"
#include "engine/gpu/step_graph.hpp"
#include "engine/operators/dropout.hpp"
#include "engine/operators/multitask_loss.hpp"
#include "engine/operators/shift3d.hpp"
#include "engine/optimiser.hpp"
#include "kernels/runtime.hpp"

namespace cmtl {
namespace {

// Calls test(cpu, device) for simt, and for a GPU where one answers.
template <class Test>
void beside_the_cpu(Test&& test) {
    Context cpu;
    std::vector<Device> devices{parse_device("simt")};
    if (kernels::cuda_device_count() > 0) devices.push_back(parse_device("cuda:0"));
    for (const Device& device : devices) {
        SCOPED_TRACE(to_string(device));
        Context context({.device = device});
        test(cpu, context);
    }
}

TEST(DrawsOnDevices, Shift3dPlansAreEqual) {
    beside_the_cpu([](Context& cpu, Context& device) {
        const Shape x{3, 50, 63, 62, 64};
        for (uint64_t step = 0; step < 200; ++step) {
            const Shift3dOptions options{.p = 0.1 * static_cast<double>(step % 11), .max_shift = 0.2, .whole_batch = step % 2 == 0, .decay_steps = 150};
            const RandomKey key{42, Purpose::shift3d, step};
            ASSERT_EQ(cpu.to_vector<int32_t>(shift3d_plan(cpu, key, x, options)), device.to_vector<int32_t>(shift3d_plan(device, key, x, options)))
                << "step " << step;
        }
    });
}

TEST(DrawsOnDevices, LossWeightsAreEqual) {
    beside_the_cpu([](Context& cpu, Context& device) {
        for (const std::vector<double>& alpha : {std::vector<double>{1, 1, 1}, {1, 1}, {0.01, 10, 0.5}})
            for (uint64_t step = 0; step < 1000; ++step) {
                const RandomKey key{42, Purpose::loss_weights, step};
                ASSERT_EQ(cpu.to_vector<double>(dirichlet_weights(cpu, key, alpha, 2)), device.to_vector<double>(dirichlet_weights(device, key, alpha, 2)))
                    << "step " << step;
            }
    });
}

TEST(DrawsOnDevices, DropoutMasksAreEqual) {
    beside_the_cpu([](Context& cpu, Context& device) {
        const std::vector<float> ones(2 * 3 * 5 * 3 * 37, 1.0f);
        const Shape shape{2, 3, 5, 3, 37};
        const Tensor x = cpu.from<float>(shape, ones), y = device.from<float>(shape, ones);
        for (uint64_t step = 0; step < 100; ++step) {
            const RandomKey key{42, Purpose::dropout, step};
            ASSERT_EQ(cpu.to_vector<float>(dropout(cpu, x, 0.3, key)), device.to_vector<float>(dropout(device, y, 0.3, key))) << "step " << step;
        }
    });
}

// A step that was recorded once draws for the step that is replayed, and learns at that step's rate.
TEST(DrawsOnDevices, ARecordedStepDrawsAnewWhenReplayed) {
    beside_the_cpu([](Context& cpu, Context& device) {
        if (!StepGraph::supported(device)) GTEST_SKIP() << "this device records nothing";
        const Shape shape{4, 9, 8, 7, 5};
        const Shift3dOptions options{.p = 0.5, .max_shift = 0.4, .decay_steps = 40};
        const std::vector<double> alpha{1, 2, 0.5};
        const std::vector<float> ones(static_cast<size_t>(shape.count()), 1.0f);
        const auto key = [](Purpose purpose, uint64_t step) { return RandomKey{42, purpose, step}; };

        const Tensor x = device.from<float>(shape, ones);
        Tensor weight = device.from<float>({1}, std::vector<float>{1});
        weight.set_requires_grad();
        weight.slot()->gradient = device.from<float>({1}, std::vector<float>{1});
        Sgd sgd(device, {{"w", weight}}, {.momentum = 0, .weight_decay = 0, .nesterov = false});
        sgd.step(0);  // makes the momentum outside of the recording
        const Tensor plan = device.zeros({4, 5, 2}, Dtype::i32), weights = device.zeros({3}, Dtype::f64), masked = device.zeros(shape);
        StepGraph graph(device, {x}, [&](const std::vector<Tensor>& in) {
            device.copy_into(shift3d_plan(device, key(Purpose::shift3d, 0), shape, options), plan);
            device.copy_into(dirichlet_weights(device, key(Purpose::loss_weights, 0), alpha, 2), weights);
            device.copy_into(dropout(device, in[0], 0.3, key(Purpose::dropout, 0)), masked);
            sgd.step(7);
        });
        const Tensor host = cpu.from<float>(shape, ones);
        float expected = 1;
        for (uint64_t step : {uint64_t{0}, uint64_t{1}, uint64_t{17}, uint64_t{39}, uint64_t{40}, uint64_t{41},
                              micro_step(17, 3), micro_step(41, 255)}) {
            const double rate = 0.0625 * static_cast<double>(step % 8);
            graph.replay({x}, {step, shift3d_probability(options, step), rate});
            expected -= static_cast<float>(rate);
            EXPECT_EQ(device.to_vector<int32_t>(plan), shift3d_plan(key(Purpose::shift3d, step), shape, options)) << "step " << step;
            EXPECT_EQ(
                device.to_vector<double>(weights),
                cpu.to_vector<double>(dirichlet_weights(cpu, key(Purpose::loss_weights, whole_step(step)), alpha, 2)));
            EXPECT_EQ(device.to_vector<float>(masked), cpu.to_vector<float>(dropout(cpu, host, 0.3, key(Purpose::dropout, step))));
            EXPECT_EQ(device.to_vector<float>(weight)[0], expected);
        }
    });
}

// The micro-batches of a step draw differently; p, and all of the first, are the step's.
TEST(DrawsOnDevices, MicroBatchesHaveMasksAndShiftsOfTheirOwn) {
    Context cpu;
    const Shape shape{2, 8, 8, 8, 4};
    const Tensor x = cpu.full(shape, 1.0f);
    const Shift3dOptions options{.p = 1, .max_shift = 0.4, .decay_steps = 100};
    const auto mask = [&](uint64_t step) {
        return cpu.to_vector<float>(dropout(cpu, x, 0.5, {42, Purpose::dropout, step}));
    };
    const auto plan = [&](uint64_t step) { return shift3d_plan({42, Purpose::shift3d, step}, shape, options); };
    EXPECT_EQ(micro_step(17, 0), 17u);
    EXPECT_NE(mask(micro_step(17, 1)), mask(17));
    EXPECT_NE(mask(micro_step(17, 1)), mask(micro_step(17, 2)));
    EXPECT_NE(plan(micro_step(1, 1)), plan(1));
    EXPECT_EQ(shift3d_probability(options, micro_step(17, 200)), shift3d_probability(options, 17));
    EXPECT_GT(shift3d_probability(options, 17), 0.5);
}

// Bias corrections count the steps on the device: a recorded step goes on counting.
TEST(AdamWOnDevices, ARecordedStepCountsOnAndClips) {
    beside_the_cpu([](Context& cpu, Context& device) {
        if (!StepGraph::supported(device)) GTEST_SKIP() << "this device records nothing";
        const auto prepared = [](Context& context) {
            Tensor w = context.from<float>({3}, std::vector<float>{1, -2, 3});
            w.set_requires_grad();
            w.slot()->gradient = context.from<float>({3}, std::vector<float>{3, 4, 12});
            return w;
        };
        Tensor a = prepared(cpu), b = prepared(device);
        AdamW here(cpu, {{"w", a}}, {.weight_decay = 0.1}), there(device, {{"w", b}}, {.weight_decay = 0.1});
        here.set_clip_norm(6.5);
        there.set_clip_norm(6.5);
        there.step(0.5);  // makes the moments outside of the recording
        here.step(0.5);
        StepGraph graph(device, {}, [&](const std::vector<Tensor>&) { there.step(7); });
        for (int step = 1; step < 6; ++step) {
            const double rate = 0.5 / (1 + step);
            graph.replay({}, {static_cast<uint64_t>(step), 0, rate});
            here.step(rate);
            const auto x = cpu.to_vector<float>(a), y = device.to_vector<float>(b);
            for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(x[i], y[i], 5e-7f) << "step " << step;
        }
        EXPECT_EQ(device.host().to_vector<int64_t>(there.state().back().second), std::vector<int64_t>{6});
        EXPECT_DOUBLE_EQ(there.norm_sum(), 6 * 13.0);
        EXPECT_DOUBLE_EQ(here.norm_sum(), 6 * 13.0);
    });
}

Tensor leaf(Context& context, const Shape& shape, uint64_t seed) {
    std::vector<float> values;
    for (int64_t i = 0; i < shape.count(); ++i)
        values.push_back(uniform_float(philox({seed, Purpose::test, 0}, static_cast<uint64_t>(i))[0]) - 0.5f);
    return context.from<float>(shape, values);
}

TEST(SgdOnDevices, StepsAreThoseOfTheCpuUntilTheGuardStopsThem) {
    beside_the_cpu([](Context& cpu, Context& device) {
        for (bool nesterov : {true, false}) {
            const auto run = [&](Context& context) {
                NamedTensors parameters;
                for (uint64_t t = 0; t < 80; ++t) {
                    Tensor p = leaf(context, {static_cast<int64_t>(1 + t * t), 3}, t);
                    p.set_requires_grad();
                    p.slot()->gradient = leaf(context, p.shape(), 1000 + t);
                    parameters.emplace_back(std::to_string(t), p);
                }
                Sgd sgd(context, parameters, {.momentum = 0.9, .weight_decay = 0.01, .nesterov = nesterov});
                const Tensor go = context.zeros({3}, Dtype::f64);
                const Tensor stop = context.from<double>({3}, std::vector<double>{0, 0, std::numeric_limits<double>::quiet_NaN()});
                sgd.step(0.1);
                sgd.step(0.05, go);
                sgd.step(1e6, stop);
                std::vector<std::vector<float>> weights;
                for (const auto& [name, p] : parameters) weights.push_back(context.to_vector<float>(p));
                for (const auto& [name, v] : sgd.state()) weights.push_back({v.values<float>().begin(), v.values<float>().end()});
                return weights;
            };
            const auto expected = run(cpu), got = run(device);
            ASSERT_EQ(expected.size(), got.size());
            for (size_t t = 0; t < expected.size(); ++t)
                for (size_t i = 0; i < expected[t].size(); ++i) ASSERT_NEAR(got[t][i], expected[t][i], 2e-7f) << "tensor " << t << ", element " << i;
        }
    });
}

}  // namespace
}  // namespace cmtl
