// AdamW against its definition in double, and what all optimisers share: clipping, the mean of micro-batches, their
// state.
#include <gtest/gtest.h>
#include <omp.h>

#include <limits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "engine/optimiser.hpp"
#include "kernels/optimiser_control.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

std::vector<float> numbers(const std::string& name, int64_t count = 1000) { return golden::uniform(name, count); }

void give_gradient(Context& context, Tensor leaf, const std::vector<float>& values) {
    leaf.slot()->gradient = context.from<float>(leaf.shape(), values);
}

Tensor leaf(Context& context, const std::vector<float>& values) {
    Tensor t = context.from<float>({static_cast<int64_t>(values.size())}, values);
    return t.set_requires_grad();
}

// torch.optim.AdamW's documentation.
struct Definition {
    AdamWOptions options;
    std::vector<double> w, m, s;
    int t = 0;
    void step(const std::vector<float>& gradient, double lr, double scale = 1) {
        m.resize(w.size()), s.resize(w.size()), ++t;
        const auto [beta1, beta2] = options.betas;
        for (size_t i = 0; i < w.size(); ++i) {
            const double g = scale * static_cast<double>(gradient[i]);
            w[i] -= lr * options.weight_decay * w[i];
            m[i] = beta1 * m[i] + (1 - beta1) * g;
            s[i] = beta2 * s[i] + (1 - beta2) * g * g;
            w[i] -=
                lr * (m[i] / (1 - std::pow(beta1, t))) / (std::sqrt(s[i] / (1 - std::pow(beta2, t))) + options.epsilon);
        }
    }
};

TEST(AdamW, FollowsItsDefinition) {
    for (const AdamWOptions& options :
         {AdamWOptions{}, AdamWOptions{.betas = {0.5, 0.9}, .epsilon = 1e-2, .weight_decay = 0.3},
          AdamWOptions{.betas = {0, 0}, .weight_decay = 0}}) {
        Context context;
        Tensor w = leaf(context, numbers("w"));
        AdamW adamw(context, {{"w", w}}, options);
        EXPECT_TRUE(adamw.state().empty());
        const std::vector<float> start = numbers("w");
        Definition definition{options, {start.begin(), start.end()}, {}, {}};
        for (int step = 0; step < 5; ++step) {
            const std::vector<float> gradient = numbers("g" + std::to_string(step));
            give_gradient(context, w, gradient);
            adamw.step(0.1 / (1 + step));
            definition.step(gradient, 0.1 / (1 + step));
            EXPECT_LE(golden::largest_difference(context.to_vector<float>(w), definition.w), 2e-6);
            EXPECT_EQ(context.to_vector<float>(w.grad()), gradient);  // kept
        }
        const NamedTensors state = adamw.state();
        ASSERT_EQ(state.size(), 3u);
        EXPECT_EQ(state[0].first, "exp_avg/w");
        EXPECT_EQ(state[1].first, "exp_avg_sq/w");
        EXPECT_EQ(state[2].first, "optimiser.step");
        EXPECT_LE(golden::largest_difference(context.to_vector<float>(state[0].second), definition.m), 1e-6);
        EXPECT_LE(golden::largest_difference(context.to_vector<float>(state[1].second), definition.s), 1e-6);
        EXPECT_EQ(context.to_vector<int64_t>(state[2].second), std::vector<int64_t>{5});
    }
}

TEST(AdamW, ResumesBitForBit) {
    const auto run = [](bool interrupted) {
        Context context;
        Tensor w = leaf(context, numbers("w", 5000));
        auto adamw = std::make_unique<AdamW>(context, NamedTensors{{"w", w}}, AdamWOptions{});
        for (int step = 0; step < 6; ++step) {
            if (interrupted && step == 3) {
                NamedTensors saved;
                for (const auto& [name, value] : adamw->state()) saved.emplace_back(name, context.copy(value));
                adamw = std::make_unique<AdamW>(context, NamedTensors{{"w", w}}, AdamWOptions{});
                adamw->restore(saved);
            }
            give_gradient(context, w, numbers("g" + std::to_string(step), 5000));
            adamw->step(0.01);
        }
        return context.to_vector<float>(w);
    };
    EXPECT_EQ(run(true), run(false));
}

TEST(AdamW, RefusesAnotherModelsState) {
    Context context;
    Tensor w = leaf(context, {1, 2, 3, 4});
    AdamW adamw(context, {{"w", w}}, {});
    const Tensor steps = context.from<int64_t>({1}, std::vector<int64_t>{3}), four = context.zeros({4});
    const auto refusal = [&](const NamedTensors& state) -> std::string {
        try {
            adamw.restore(state);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input);
            return error.what();
        }
        return "";
    };
    EXPECT_NE(refusal({{"exp_avg/w", four}, {"exp_avg_sq/w", four}}).find("lacks optimiser.step"), std::string::npos);
    EXPECT_NE(refusal({{"exp_avg/w", four}, {"optimiser.step", steps}}).find("lacks exp_avg_sq/w"), std::string::npos);
    EXPECT_NE(refusal({{"exp_avg/w", context.zeros({5})}, {"exp_avg_sq/w", four}, {"optimiser.step", steps}})
                  .find("exp_avg/w is f32 5"),
              std::string::npos);
    EXPECT_EQ(refusal({{"exp_avg/w", four}, {"exp_avg_sq/w", four}, {"optimiser.step", steps}}), "");
    EXPECT_EQ(adamw.state().size(), 3u);
    EXPECT_EQ(refusal({{"momentum/w", four}}), "");  // nothing of its own: in front of the first step
    EXPECT_TRUE(adamw.state().empty());
}

TEST(WholePower, IsThePower) {
    for (double base : {0.0, 0.5, 0.9, 0.999, 0.99999})
        for (int64_t t : {0, 1, 2, 3, 7, 100, 1000, 123457}) {
            const double power = std::pow(base, static_cast<double>(t));
            EXPECT_NEAR(kernels::whole_power(base, t), power, static_cast<double>(t) * 2.3e-16 * power)
                << base << "^" << t;
        }
}

// What every optimiser shares.
template <class Make>
void on_every_optimiser(Make&& test) {
    test("sgd", [](Context& context, const NamedTensors& p) -> std::unique_ptr<Optimiser> {
        return std::make_unique<Sgd>(context, p, SgdOptions{});
    });
    test("adamw", [](Context& context, const NamedTensors& p) -> std::unique_ptr<Optimiser> {
        return std::make_unique<AdamW>(context, p, AdamWOptions{});
    });
}

double norm_of(const std::vector<std::vector<float>>& gradients) {
    double sum = 0;
    for (const auto& gradient : gradients)
        for (const float g : gradient) sum += static_cast<double>(g) * static_cast<double>(g);
    return std::sqrt(sum);
}

// Three parameters, one of them without a gradient; gives back what they are after two steps.
template <class Make, class Scale>
std::vector<std::vector<float>> moved(Make&& make, double clip_norm, int64_t micro_batches, Scale&& scale,
                                      double* norms = nullptr) {
    Context context;
    NamedTensors parameters;
    for (const char* name : {"a", "b", "c"}) parameters.emplace_back(name, leaf(context, numbers(name, 9000)));
    const auto optimiser = make(context, parameters);
    optimiser->set_clip_norm(clip_norm);
    for (int step = 0; step < 2; ++step) {
        std::vector<std::vector<float>> gradients{numbers("x" + std::to_string(step), 9000), numbers("y", 9000)};
        const float factor = scale(norm_of(gradients));
        for (size_t i = 0; i < 2; ++i) {
            for (float& g : gradients[i]) g *= factor;
            give_gradient(context, parameters[i].second, gradients[i]);
        }
        optimiser->step(0.1, {}, micro_batches);
    }
    if (norms) *norms = optimiser->norm_sum();
    std::vector<std::vector<float>> out;
    for (const auto& [name, parameter] : parameters) out.push_back(context.to_vector<float>(parameter));
    return out;
}

void expect_near(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
    for (size_t i = 0; i < a.size(); ++i)
        ASSERT_LE(golden::largest_difference(a[i], {b[i].begin(), b[i].end()}), 2e-6) << i;
}

constexpr auto as_it_is = [](double) { return 1.0f; };

TEST(Optimisers, LongGradientsAreScaledDownToTheNorm) {
    on_every_optimiser([](const char* name, auto make) {
        SCOPED_TRACE(name);
        double norms = 0;
        const auto clipped = moved(make, 3.0, 1, as_it_is, &norms);
        expect_near(clipped, moved(make, 0, 1, [](double norm) { return static_cast<float>(3.0 / norm); }));
        EXPECT_NEAR(
            norms,
            norm_of({numbers("x0", 9000), numbers("y", 9000)}) + norm_of({numbers("x1", 9000), numbers("y", 9000)}),
            1e-9 * norms);
        EXPECT_NE(clipped[0], moved(make, 0, 1, as_it_is)[0]);
        EXPECT_EQ(clipped[2], numbers("c", 9000));
        // A bound above the norm changes no bit.
        EXPECT_EQ(moved(make, 1e3, 1, as_it_is), moved(make, 0, 1, as_it_is));
    });
}

TEST(Optimisers, MicroBatchesAreAveraged) {
    on_every_optimiser([](const char* name, auto make) {
        SCOPED_TRACE(name);
        const auto plain = moved(make, 0, 1, as_it_is);
        expect_near(moved(make, 0, 4, [](double) { return 4.0f; }), plain);
        expect_near(moved(make, 0, 3, [](double) { return 3.0f; }), plain);
        // The norm that is clipped is that of the mean.
        expect_near(moved(make, 3.0, 4, [](double) { return 4.0f; }), moved(make, 3.0, 1, as_it_is));
    });
}

TEST(Optimisers, AGuardStopsTheStepCountAndTheNormsToo) {
    on_every_optimiser([](const char* name, auto make) {
        SCOPED_TRACE(name);
        const auto run = [&](bool stopped_between) {
            Context context;
            Tensor w = leaf(context, numbers("w"));
            const auto optimiser = make(context, NamedTensors{{"w", w}});
            optimiser->set_clip_norm(2);
            const Tensor stop =
                context.from<double>({2}, std::vector<double>{0, std::numeric_limits<double>::quiet_NaN()});
            for (int step = 0; step < 4; ++step) {
                give_gradient(context, w, numbers("g" + std::to_string(step)));
                optimiser->step(0.05);
                if (stopped_between) {
                    const auto before = context.to_vector<float>(w);
                    optimiser->step(0.05, stop);
                    EXPECT_EQ(context.to_vector<float>(w), before);
                }
            }
            return std::pair(context.to_vector<float>(w), optimiser->norm_sum());
        };
        EXPECT_EQ(run(true), run(false));
    });
}

TEST(Optimisers, NormSumsStartWhereTheyAreSet) {
    Context context;
    Tensor w = leaf(context, {3, 4});
    Sgd sgd(context, {{"w", w}}, {});
    EXPECT_EQ(sgd.norm_sum(), 0);
    sgd.set_norm_sum(0);
    sgd.set_clip_norm(1);
    give_gradient(context, w, {3, 4});
    sgd.step(0.1);
    EXPECT_DOUBLE_EQ(sgd.norm_sum(), 5);
    sgd.set_norm_sum(2);
    sgd.step(0.1);
    EXPECT_DOUBLE_EQ(sgd.norm_sum(), 7);
}

TEST(Optimisers, ZeroGradientsStayWhereTheyAre) {
    Context context;
    Tensor w = leaf(context, {1, 2, 3});
    Sgd sgd(context, {{"w", w}}, {});
    sgd.zero_gradients();
    EXPECT_EQ(context.to_vector<float>(w.grad()), (std::vector<float>{0, 0, 0}));
    const auto* place = w.grad().raw();
    for (int pass = 0; pass < 2; ++pass) {
        Tape tape(context);
        tape.backward(golden::dot(context, w, context.from<float>({3}, std::vector<float>{1, 2, 3})));
    }
    EXPECT_EQ(context.to_vector<float>(w.grad()), (std::vector<float>{2, 4, 6}));
    EXPECT_EQ(w.grad().raw(), place);
    sgd.zero_gradients();
    EXPECT_EQ(context.to_vector<float>(w.grad()), (std::vector<float>{0, 0, 0}));
    EXPECT_EQ(w.grad().raw(), place);
}

TEST(Optimisers, SameBitsForAnyNumberOfThreads) {
    const int before = omp_get_max_threads();
    on_every_optimiser([](const char* name, auto make) {
        SCOPED_TRACE(name);
        const auto run = [&](int threads) {
            set_threads(threads);
            Context context;
            Tensor w = leaf(context, numbers("w", 200'003));
            const auto optimiser = make(context, NamedTensors{{"w", w}});
            optimiser->set_clip_norm(7);
            for (int step = 0; step < 2; ++step) {
                give_gradient(context, w, numbers("g", 200'003));
                optimiser->step(0.01);
            }
            return context.to_vector<float>(w);
        };
        const std::vector<float> one = run(1);
        EXPECT_EQ(run(2), one);
        EXPECT_EQ(run(5), one);
    });
    set_threads(before);
}

}  // namespace
}  // namespace cmtl
