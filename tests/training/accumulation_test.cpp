// Optimiser steps in several micro-batches, and the settings of the optimiser as a learner takes them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "engine/gpu/step_graph.hpp"
#include "oracles/golden.hpp"
#include "training/learner.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

struct Inputs {
    Tensor volume, features;
    std::vector<std::vector<int64_t>> labels;
};

// Features alone, nothing random, nothing that looks at the whole batch.
Config plain_config() {
    Config config = preset_config("features");
    config.model.feature_dropout = 0;
    config.loss.name = "equal";
    config.train.lr = 0.05;
    return config;
}

Inputs cases(Context& context, const std::string& name, int64_t count) {
    Inputs in;
    in.features = golden::uniform_tensor(context, name, {count, 375}, 0.5f, 0.5f);
    in.labels.resize(3);
    for (int64_t n = 0; n < count; ++n)
        for (int64_t k = 0; k < 3; ++k) in.labels[static_cast<size_t>(k)].push_back((n * 7 + k) % (k == 2 ? 3 : 2));
    return in;
}

// Rows [begin, end).
Inputs part(Context& context, const Inputs& all, int64_t begin, int64_t end) {
    const std::vector<float> rows = context.to_vector<float>(all.features);
    Inputs in;
    in.features = context.from<float>({end - begin, 375},
                                      std::vector<float>(rows.begin() + begin * 375, rows.begin() + end * 375));
    for (const auto& labels : all.labels) in.labels.emplace_back(labels.begin() + begin, labels.begin() + end);
    return in;
}

void take(Learner& learner, const Inputs& in, int64_t step, double rate, const MicroBatch& micro = {}) {
    learner.step(in.volume, in.features, learner.labels_of(in.labels), step, rate, micro);
}

ContextOptions on(const char* device) { return {.device = parse_device(device)}; }

class Accumulation : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Devices, Accumulation, testing::Values("cpu", "simt"),
                         [](const auto& info) { return std::string(info.param); });

// k micro-batches of n cases are one batch of k n cases, to rounding.
TEST_P(Accumulation, IsOneLargeBatch) {
    for (const char* optimiser : {"sgd", "adamw"})
        for (const double clip : {0.0, 0.5}) {
            SCOPED_TRACE(fmt::format("{}, norm up to {}", optimiser, clip));
            Context context(on(GetParam()));
            Config config = plain_config();
            config.train.optimiser = optimiser;
            config.train.eps = 1e-3;  // where gradients vanish Adam's step is all rounding
            config.train.clip_norm = clip;
            Learner whole(context, config, 5);
            config.train.accumulate = 3;
            Learner parts(context, config, 5);
            for (Learner* learner : {&whole, &parts}) learner->begin_sums(0);
            for (int64_t step = 0; step < 2; ++step) {
                const Inputs all = cases(context, "batch" + std::to_string(step), 12);
                take(whole, all, step, 0.02);
                for (int64_t i = 0; i < 3; ++i) take(parts, part(context, all, 4 * i, 4 * i + 4), step, 0.02, {i, 3});
            }
            const NamedTensors a = whole.state(), b = parts.state();
            ASSERT_EQ(a.size(), b.size());
            for (size_t i = 0; i < a.size(); ++i) {
                ASSERT_EQ(a[i].first, b[i].first);
                if (a[i].first == "optimiser.step") continue;
                const auto x = context.host().to_vector<float>(a[i].second),
                           y = context.host().to_vector<float>(b[i].second);
                EXPECT_LE(golden::largest_difference(y, {x.begin(), x.end()}), 2e-6) << a[i].first;
            }
            const LossSums one = whole.sums(), several = parts.sums();
            EXPECT_EQ(one.batches, 2);
            EXPECT_EQ(several.batches, 6);
            EXPECT_NEAR(one.total, several.total / 3, 1e-6);
            EXPECT_NEAR(one.gradient_norms, several.gradient_norms, 1e-5 * one.gradient_norms);
            EXPECT_EQ(clip > 0, one.gradient_norms > 0);
        }
}

// The last step of an epoch may have fewer micro-batches: their mean counts.
TEST_P(Accumulation, AShortStepTakesTheMeanOfWhatThereIs) {
    Context context(on(GetParam()));
    Config config = plain_config();
    Learner whole(context, config, 5);
    config.train.accumulate = 4;
    Learner parts(context, config, 5);
    const Inputs all = cases(context, "batch", 6);
    take(whole, all, 0, 0.02);
    for (int64_t i = 0; i < 2; ++i) take(parts, part(context, all, 3 * i, 3 * i + 3), 0, 0.02, {i, 2});
    const NamedTensors a = whole.state(), b = parts.state();
    for (size_t i = 0; i < a.size(); ++i) {
        const auto x = context.host().to_vector<float>(a[i].second), y = context.host().to_vector<float>(b[i].second);
        EXPECT_LE(golden::largest_difference(y, {x.begin(), x.end()}), 2e-6) << a[i].first;
    }
}

TEST_P(Accumulation, WeightsMoveWithTheLastMicroBatchOnly) {
    Context context(on(GetParam()));
    Config config = plain_config();
    config.train.accumulate = 2;
    Learner learner(context, config, 5);
    const auto first_weight = [&] {
        return context.host().to_vector<float>(weights_of(context, learner.net())[0].second);
    };
    const Inputs in = cases(context, "batch", 4);
    const auto before = first_weight();
    take(learner, in, 0, 0.02, {0, 2});
    EXPECT_EQ(first_weight(), before);
    take(learner, in, 0, 0.02, {1, 2});
    EXPECT_NE(first_weight(), before);
    EXPECT_THROW(take(learner, in, 1, 0.02, {2, 3}), Error);
}

// The same cases twice in one step: with dropout the two losses differ, without they do not.
TEST_P(Accumulation, MicroBatchesDropOutDifferently) {
    for (const double p : {0.0, 0.5}) {
        Context context(on(GetParam()));
        Config config = plain_config();
        config.model.feature_dropout = p;
        config.train.accumulate = 2;
        Learner learner(context, config, 5);
        learner.begin_sums(0);
        const Inputs in = cases(context, "batch", 8);
        take(learner, in, 0, 0.02, {0, 2});
        const double first = learner.sums().total;
        take(learner, in, 0, 0.02, {1, 2});
        const double second = learner.sums().total - first;
        if (p > 0) {
            EXPECT_GT(std::abs(second - first), 1e-4);
        } else {
            EXPECT_EQ(second, first);
        }
    }
}

// With accumulate = 1 nothing changes by a bit; Dirichlet weights are drawn once a step.
TEST_P(Accumulation, OneRandomDrawServesAStep) {
    Context context(on(GetParam()));
    Config config = plain_config();
    config.loss.name = "random";
    config.train.accumulate = 3;
    Learner parts(context, config, 5);
    config.train.accumulate = 1;
    Learner whole(context, config, 5);
    parts.begin_sums(0);
    whole.begin_sums(0);
    const Inputs in = cases(context, "batch", 4);
    for (int64_t step = 0; step < 2; ++step) {
        take(whole, in, step, 0.02);
        for (int64_t i = 0; i < 3; ++i) take(parts, in, step, 0.02, {i, 3});
    }
    const LossSums a = whole.sums(), b = parts.sums();
    for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(3 * a.weights[k], b.weights[k], 1e-12);
}

TEST_P(Accumulation, ALossThatIsNotFiniteStopsTheWholeStep) {
    Context context(on(GetParam()));
    Config config = plain_config();
    config.train.accumulate = 2;
    config.train.optimiser = "adamw";
    Learner learner(context, config, 5);
    learner.begin_sums(10);
    NamedTensors before;
    for (int64_t step = 10; step < 14; ++step) {
        if (step == 12) before = learner.state();
        for (int64_t i = 0; i < 2; ++i) {
            Inputs in = cases(context, fmt::format("batch{}", step), 4);
            if (step == 12 && i == 1) in.features = context.full({4, 375}, std::numeric_limits<float>::infinity());
            take(learner, in, step, 0.02, {i, 2});
        }
    }
    test::expect_error(ErrorKind::input, {"in step 13"}, [&] { learner.sums(); });
    const NamedTensors after = learner.state();
    ASSERT_EQ(after.size(), before.size());
    for (size_t i = 0; i < after.size(); ++i) {
        if (after[i].first == "optimiser.step") {
            EXPECT_EQ(context.host().to_vector<int64_t>(after[i].second), std::vector<int64_t>{2});
            continue;
        }
        EXPECT_EQ(context.host().to_vector<float>(after[i].second), context.host().to_vector<float>(before[i].second))
            << after[i].first;
    }
}

// One recording serves all micro-batches: volumes with Shift3D, dropout and random weights.
TEST(AccumulationOnSimt, AReplayedMicroBatchIsAPlainOne) {
    const auto run = [](bool recorded) {
        if (!recorded) ::setenv("CMTL_NO_GRAPHS", "1", 1);
        Context context(on("simt"));
        EXPECT_EQ(StepGraph::supported(context), recorded);
        Config config = preset_config("small");
        config.model.shift3d.p = 0.5;
        config.train.accumulate = 2;
        config.train.optimiser = "adamw";
        config.train.clip_norm = 1;
        Learner learner(context, config, 5);
        learner.begin_sums(0);
        for (int64_t step = 0; step < 3; ++step)
            for (int64_t i = 0; i < 2; ++i) {
                Inputs in = cases(context, fmt::format("batch{}.{}", step, i), 2);
                in.volume = golden::volume(context, fmt::format("volume{}.{}", step, i), {2, 33, 36, 34});
                take(learner, in, step, 0.002, {i, 2});
            }
        std::vector<std::vector<float>> out;
        for (const auto& [name, value] : learner.state())
            if (value.dtype() == Dtype::f32) out.push_back(context.host().to_vector<float>(value));
        const LossSums sums = learner.sums();
        out.push_back({static_cast<float>(sums.total), static_cast<float>(sums.gradient_norms)});
        ::unsetenv("CMTL_NO_GRAPHS");
        return out;
    };
    EXPECT_EQ(run(true), run(false));
}

// AdamW with clipping on a device and on the CPU: the same steps within rounding.
TEST(AccumulationOnSimt, AdamWIsTheCpus) {
    const auto run = [](const char* device) {
        Context context(on(device));
        Config config = plain_config();
        config.train.optimiser = "adamw";
        config.train.eps = 1e-3;
        config.train.clip_norm = 0.5;
        config.loss.class_weights = "[[1,2],[1,1],[3,1,1]]";
        Learner learner(context, config, 5, {{1, 2}, {1, 1}, {3, 1, 1}});
        for (int64_t step = 0; step < 4; ++step)
            take(learner, cases(context, "batch" + std::to_string(step), 6), step, 0.02);
        std::vector<std::pair<std::string, std::vector<float>>> out;
        for (const auto& [name, value] : learner.state())
            if (value.dtype() == Dtype::f32) out.emplace_back(name, context.host().to_vector<float>(value));
        return out;
    };
    const auto a = run("cpu"), b = run("simt");
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i)
        EXPECT_LE(golden::largest_difference(b[i].second, {a[i].second.begin(), a[i].second.end()}), 2e-6)
            << a[i].first;
}

}  // namespace
}  // namespace cmtl
