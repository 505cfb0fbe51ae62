// SGD against its definition (torch.optim.SGD's documentation) in double precision.
#include "engine/optimiser.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

// Puts `values` into leaf.grad(), as a backward pass would.
void give_gradient(Context& context, Tensor leaf, const std::vector<float>& values) {
    leaf.clear_grad();
    Tape tape(context);
    tape.backward(golden::dot(context, leaf, context.from<float>(leaf.shape(), values)));
}

struct Definition {
    SgdOptions options;
    std::vector<double> w, v;
    void step(const std::vector<float>& gradient, double lr, bool first) {
        if (first) v.assign(w.size(), 0.0);
        for (size_t i = 0; i < w.size(); ++i) {
            double g = static_cast<double>(gradient[i]) + options.weight_decay * w[i];
            v[i] = first ? g : options.momentum * v[i] + g;
            g = options.nesterov ? g + options.momentum * v[i] : v[i];
            w[i] -= lr * g;
        }
    }
};

TEST(Sgd, FollowsItsDefinition) {
    for (const SgdOptions options :
         {SgdOptions{}, SgdOptions{.nesterov = false}, SgdOptions{.momentum = 0.5, .weight_decay = 0.1},
          SgdOptions{.momentum = 0.0, .weight_decay = 0.0, .nesterov = false}}) {
        Context context;
        const std::vector<float> start = golden::uniform("w", 1000);
        Tensor w = context.from<float>({10, 100}, start);
        w.set_requires_grad();
        Sgd sgd(context, {{"w", w}}, options);
        EXPECT_TRUE(sgd.state().empty());
        Definition definition{options, {start.begin(), start.end()}, {}};
        for (int step = 0; step < 5; ++step) {
            const std::vector<float> gradient = golden::uniform("g" + std::to_string(step), 1000);
            give_gradient(context, w, gradient);
            sgd.step(0.1 / (1 + step));
            definition.step(gradient, 0.1 / (1 + step), step == 0);
            EXPECT_LE(golden::largest_difference(context.to_vector<float>(w), definition.w), 1e-6);
            EXPECT_EQ(context.to_vector<float>(w.grad()), gradient);  // kept
        }
        ASSERT_EQ(sgd.state().size(), 1u);
        EXPECT_EQ(sgd.state()[0].first, "momentum/w");
        EXPECT_LE(golden::largest_difference(context.to_vector<float>(sgd.state()[0].second), definition.v), 1e-5);
        sgd.clear_gradients();
        EXPECT_FALSE(w.grad().defined());
    }
}

TEST(Sgd, ParametersWithoutGradientStay) {
    Context context;
    Tensor a = context.full({3}, 1.0f), b = context.full({2}, 2.0f);
    a.set_requires_grad();
    b.set_requires_grad();
    Sgd sgd(context, {{"a", a}, {"b", b}}, {.weight_decay = 0.5});
    give_gradient(context, a, {1, 1, 1});
    sgd.step(0.1);
    EXPECT_EQ(context.to_vector<float>(b), (std::vector<float>{2, 2}));
    EXPECT_NE(a.data<float>()[0], 1.0f);
    EXPECT_EQ(sgd.state().size(), 2u);
}

TEST(Sgd, ResumesBitForBit) {
    const auto run = [](bool interrupted) {
        Context context;
        Tensor w = context.from<float>({5000}, golden::uniform("w", 5000));
        w.set_requires_grad();
        auto sgd = std::make_unique<Sgd>(context, NamedTensors{{"w", w}}, SgdOptions{});
        for (int step = 0; step < 6; ++step) {
            if (interrupted && step == 3) {
                NamedTensors saved;
                for (const auto& [name, value] : sgd->state()) saved.emplace_back(name, context.copy(value));
                sgd = std::make_unique<Sgd>(context, NamedTensors{{"w", w}}, SgdOptions{});
                sgd->restore(saved);
            }
            give_gradient(context, w, golden::uniform("g" + std::to_string(step), 5000));
            sgd->step(0.01);
        }
        return context.to_vector<float>(w);
    };
    EXPECT_EQ(run(true), run(false));
}

TEST(Sgd, SameBitsForAnyNumberOfThreads) {
    const int before = omp_get_max_threads();
    const auto run = [](int threads) {
        set_threads(threads);
        Context context;
        Tensor w = context.from<float>({200'003}, golden::uniform("w", 200'003));
        w.set_requires_grad();
        Sgd sgd(context, {{"w", w}}, {});
        for (int step = 0; step < 2; ++step) {
            give_gradient(context, w, golden::uniform("g", 200'003));
            sgd.step(0.01);
        }
        return context.to_vector<float>(w);
    };
    const std::vector<float> one = run(1);
    EXPECT_EQ(run(2), one);
    EXPECT_EQ(run(5), one);
    set_threads(before);
}

TEST(Sgd, RefusesAnotherModelsState) {
    Context context;
    Tensor w = context.zeros({4});
    w.set_requires_grad();
    Sgd sgd(context, {{"w", w}}, {});
    const auto refusal = [&](const NamedTensors& state) -> std::string {
        try {
            sgd.restore(state);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input);
            return error.what();
        }
        return "";
    };
    EXPECT_NE(refusal({{"momentum/v", context.zeros({4})}}).find("lacks momentum/w"), std::string::npos);
    EXPECT_NE(refusal({{"momentum/w", context.zeros({5})}}).find("momentum/w is f32 5"), std::string::npos);
    EXPECT_TRUE(sgd.state().empty());
    EXPECT_EQ(refusal({{"momentum/w", context.full({4}, 2.0f)}, {"weights/other", context.zeros({1})}}), "");
    EXPECT_EQ(sgd.state()[0].second.data<float>()[3], 2.0f);
    EXPECT_EQ(refusal({}), "");  // back in front of the first step
    EXPECT_TRUE(sgd.state().empty());
}

TEST(CosineSchedule, FallsFromBaseToZero) {
    EXPECT_DOUBLE_EQ(cosine_schedule(0.005, 0, 100), 0.005);
    EXPECT_NEAR(cosine_schedule(0.005, 50, 100), 0.0025, 1e-15);
    EXPECT_NEAR(cosine_schedule(0.005, 25, 100), 0.005 * (2 + std::sqrt(2.0)) / 4, 1e-15);
    EXPECT_EQ(cosine_schedule(0.005, 100, 100), 0.0);
    EXPECT_EQ(cosine_schedule(0.005, 200, 100), 0.0);
}

}  // namespace
}  // namespace cmtl
