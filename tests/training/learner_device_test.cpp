// One learner on the CPU and one on a device: the same steps.
#include <cmath>
#include <cstdlib>

#include "device.hpp"
#include "engine/gpu/step_graph.hpp"
#include "nets/covid_mtl.hpp"
#include "oracles/golden.hpp"
#include "training/learner.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

struct Inputs {
    Tensor volume, features;
    std::vector<Tensor> labels;
};

Config config_of(bool volume) {
    Config config = preset_config("small");
    config.model.volume = volume;
    config.model.shift3d.p = 1;
    return config;
}

Inputs inputs_of(Context& context, Learner& learner, bool volume, int64_t step, int64_t cases = 2) {
    Inputs in;
    const std::string name = "step" + std::to_string(step);
    if (volume) in.volume = golden::volume(context, name, {cases, 33, 36, 34});  // smaller ones leave batch norms two values
    in.features = golden::uniform_tensor(context, name, {cases, 375}, 0.5f, 0.5f);
    std::vector<std::vector<int64_t>> labels(3);
    for (int64_t n = 0; n < cases; ++n)
        for (int64_t k = 0; k < 3; ++k) labels[static_cast<size_t>(k)].push_back(n + k == 2 ? -1 : (n + k + step) % (k == 2 ? 3 : 2));
    in.labels = learner.labels_of(labels);
    return in;
}

ContextOptions simt() { return {.device = parse_device("simt")}; }

// Runs steps [0, count) with inputs and learning rates that change; the state in the end, and the sums.
struct Outcome {
    NamedTensors state;
    LossSums sums;
};
Outcome run(Context& context, bool volume, int64_t count) {
    Learner learner(context, config_of(volume), 5);
    learner.begin_sums(0);
    for (int64_t step = 0; step < count; ++step) {
        // One batch in between has another size, as the last one of an epoch.
        const Inputs in = inputs_of(context, learner, volume, step, step == 3 ? 3 : 2);
        learner.step(in.volume, in.features, in.labels, step, 0.002 * static_cast<double>(step + 1));
    }
    return {learner.state(), learner.sums()};
}

struct WithoutGraphs {
    WithoutGraphs() { ::setenv("CMTL_NO_GRAPHS", "1", 1); }
    ~WithoutGraphs() { ::unsetenv("CMTL_NO_GRAPHS"); }
};

TEST(LearnerOnSimt, OneStepIsTheCpus) {
    Context host, device(simt());
    const Outcome a = run(host, true, 1), b = run(device, true, 1);
    EXPECT_NEAR(a.sums.total, b.sums.total, 1e-5 * a.sums.total);
    EXPECT_EQ(a.sums.weights, b.sums.weights);  // the same Dirichlet draws, bit by bit
    ASSERT_EQ(a.state.size(), b.state.size());
    const Learner fresh(host, config_of(true), 5);
    const NamedTensors start = fresh.state();
    std::vector<double> errors;
    for (size_t i = 0; i < start.size(); ++i) {
        ASSERT_EQ(a.state[i].first, b.state[i].first);
        const auto x = host.to_vector<float>(a.state[i].second), y = host.to_vector<float>(b.state[i].second),
                   from = host.to_vector<float>(start[i].second);
        double difference = 0, moved = 0;
        for (size_t k = 0; k < x.size(); ++k) {
            difference += std::pow(double(x[k]) - double(y[k]), 2);
            moved += std::pow(double(x[k]) - double(from[k]), 2);
        }
        // A bias in front of a batch norm has no gradient: what it moves is rounding.
        const double error = std::sqrt(difference) / std::max(std::sqrt(moved), 1e-4 * std::sqrt(double(x.size())));
        EXPECT_LE(error, 3e-2) << a.state[i].first;
        errors.push_back(error);
    }
    EXPECT_LE(golden::median(errors), 1e-4);
}

void expect_same_state(Context& context, const Outcome& a, const Outcome& b) {
    ASSERT_EQ(a.state.size(), b.state.size());
    for (size_t i = 0; i < a.state.size(); ++i)
        ASSERT_EQ(context.host().to_vector<float>(a.state[i].second), context.host().to_vector<float>(b.state[i].second)) << a.state[i].first;
    EXPECT_EQ(a.sums.total, b.sums.total);
    EXPECT_EQ(a.sums.tasks, b.sums.tasks);
    EXPECT_EQ(a.sums.weights, b.sums.weights);
    EXPECT_EQ(a.sums.batches, b.sums.batches);
}

TEST(LearnerOnSimt, AReplayedStepIsAPlainOne) {
    for (const bool volume : {false, true}) {
        SCOPED_TRACE(volume ? "volume and features" : "features");
        Context recorded(simt()), plain(simt());
        ASSERT_TRUE(StepGraph::supported(recorded));
        const Outcome a = run(recorded, volume, 6);
        const WithoutGraphs off;
        ASSERT_FALSE(StepGraph::supported(plain));
        expect_same_state(recorded, a, run(plain, volume, 6));
    }
}

TEST(LearnerOnSimt, TwoRunsHaveTheSameBits) {
    Context one(simt()), other(simt());
    expect_same_state(one, run(one, true, 2), run(other, true, 2));
}

// A loss that is not finite stops the updates on the device, and whoever reads the sums hears of it.
TEST(LearnerOnSimt, StandsStillAfterALossThatIsNotFinite) {
    Context context(simt());
    Learner learner(context, config_of(false), 5);
    learner.begin_sums(10);
    NamedTensors before;
    for (int64_t step = 10; step < 16; ++step) {
        Inputs in = inputs_of(context, learner, false, step);
        if (step == 13) {
            before = learner.state();
            in.features = context.full({2, 375}, std::numeric_limits<float>::infinity());
        }
        learner.step(in.volume, in.features, in.labels, step, 0.01);
    }
    try {
        learner.sums();
        ADD_FAILURE() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input);
        EXPECT_NE(std::string(error.what()).find("in step 14"), std::string::npos) << error.what();
    }
    const NamedTensors after = learner.state();
    for (size_t i = 0; i < after.size(); ++i)
        EXPECT_EQ(context.to_vector<float>(after[i].second), context.to_vector<float>(before[i].second)) << after[i].first;
}

TEST(LearnerOnSimt, ASteadyStepAllocatesNothing) {
    Context context(simt());
    Learner learner(context, config_of(true), 5);
    size_t allocations = 0, high_water = 0;
    for (int64_t step = 0; step < 6; ++step) {
        const Inputs in = inputs_of(context, learner, true, 0);
        learner.step(in.volume, in.features, in.labels, step, 0.001);
        if (step == 3) {
            allocations = context.allocator().system_allocations();
            high_water = context.allocator().high_water();
        }
    }
    context.synchronize();
    EXPECT_EQ(context.allocator().system_allocations(), allocations);
    EXPECT_EQ(context.allocator().high_water(), high_water);
}

}  // namespace
}  // namespace cmtl
