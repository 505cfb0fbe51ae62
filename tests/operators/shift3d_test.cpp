#include "engine/operators/shift3d.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/shift3d.hpp"

namespace cmtl::testing {

namespace {

// Any shift of up to a whole size, both ways: more than the plan ever draws.
std::vector<int32_t> any_plan(const Sizes& x, uint64_t seed) {
    std::mt19937_64 engine(seed);
    std::vector<int32_t> plan;
    for (int64_t i = 0; i < x[0] * x[4]; ++i) {
        const auto axis = static_cast<int32_t>(engine() % 3);
        const auto size = static_cast<int32_t>(x[static_cast<size_t>(axis) + 1]);
        plan.push_back(axis);
        plan.push_back(static_cast<int32_t>(engine() % static_cast<uint64_t>(2 * size + 1)) - size);
    }
    plan[1] = 1;  // something always moves
    return plan;
}

std::vector<OperatorCase> shift3d_cases() {
    std::vector<OperatorCase> cases;
    for (const Sizes& sizes : {Sizes{1, 1, 1, 1, 1}, {1, 2, 3, 4, 1}, {2, 5, 4, 7, 3}, {3, 3, 3, 3, 16}, {2, 4, 5, 3, 17}, {1, 5, 6, 7, 64}})
        for (bool fill : {false, true}) {
            const std::optional<float> value = fill ? std::optional<float>(1.5f) : std::nullopt;
            OperatorCase c;
            c.name = fmt::format("{}{}", fmt::join(sizes, "x"), fill ? "_filled" : "_circular");
            c.inputs = {sizes};
            const std::vector<int32_t> plan = any_plan(sizes, 7);
            c.run = [plan, value](Context& context, const std::vector<Tensor>& in) { return shift3d(context, in[0], plan, value); };
            c.define = [plan, value](const std::vector<Array>& in) { return reference::shift3d(in[0], plan, value); };
            c.step = 1e-2;
            c.tolerance = 1e-6;
            c.exact_on_integers = c.same_bits_over_threads = true;
            cases.push_back(c);
        }
    return cases;
}

RandomKey key_at(uint64_t step, uint64_t seed = 42) { return {seed, Purpose::shift3d, step}; }

}  // namespace

INSTANTIATE_OPERATOR(Shift3d, shift3d_cases());

// A volume with one bright voxel: where it goes is written here by hand.
TEST(Shift3d, MovesForwardsByTheShift) {
    Context context(on_test_device());
    Array x({1, 4, 5, 6, 2});
    x(0, 1, 1, 1, 0) = 1;
    x(0, 3, 4, 5, 1) = 2;
    const Array y = to_array(context, shift3d(context, to_tensor(context, x), {0, 2, 2, 1}));
    Array expected(x.sizes);
    expected(0, 3, 1, 1, 0) = 1;  // two on along D
    expected(0, 3, 4, 0, 1) = 2;  // one on along W, round the end
    expect_same_bits(y, expected, "circular");
    const Array filled = to_array(context, shift3d(context, to_tensor(context, x), {0, 2, 2, 1}, -1.0f));
    EXPECT_EQ(filled(0, 3, 1, 1, 0), 1);
    EXPECT_EQ(filled(0, 0, 0, 0, 0), -1);
    EXPECT_EQ(filled(0, 1, 4, 5, 0), -1);
    EXPECT_EQ(filled(0, 2, 0, 0, 0), 0);
    EXPECT_EQ(filled(0, 3, 4, 0, 1), -1);
    EXPECT_EQ(filled(0, 3, 4, 5, 1), 0);
}

TEST(Shift3d, BackwardIsTheInverseShift) {
    Context context(on_test_device());
    const Sizes sizes{2, 5, 6, 7, 19};
    for (uint64_t seed = 0; seed < 5; ++seed) {
        const std::vector<int32_t> plan = any_plan(sizes, seed);
        Tensor x = to_tensor(context, spread_values(sizes, 1));
        x.set_requires_grad();
        Tape tape(context);
        const Tensor y = shift3d(context, x, plan);
        // With the shifted values themselves as gradient, what comes back is x.
        const Array shifted = to_array(context, y);
        tape.backward(probe(context, y, shifted));
        expect_same_bits(to_array(context, x.grad()), to_array(context, x), "gradient");
    }
}

TEST(Shift3d, NotANumberMovesLikeAnyOtherValue) {
    Context context(on_test_device());
    Array x({1, 3, 3, 3, 1}, 1.0);
    x(0, 0, 1, 2, 0) = std::numeric_limits<double>::quiet_NaN();
    const Array y = to_array(context, shift3d(context, to_tensor(context, x), {1, -2}));
    const int64_t target = &y(0, 0, 2, 2, 0) - y.values.data();
    for (int64_t i = 0; i < y.count(); ++i) EXPECT_EQ(std::isnan(y[i]), i == target) << i;
}

// The draws, written out from their documentation on a generator of its own.
TEST(Shift3dPlan, IsTheDocumentedFunctionOfTheKey) {
    for (bool whole_batch : {false, true})
        for (double p : {0.25, 0.5, 1.0})
            for (double max_shift : {0.0, 0.2, 1.0})
                for (uint64_t step : {uint64_t{0}, uint64_t{9}, (uint64_t{1} << 40) - 1}) {
                    const int64_t N = 7, C = 5, size[3] = {10, 13, 4};
                    const uint64_t seed = 0xfeedfacecafef00d;
                    const auto purpose = static_cast<uint32_t>(Purpose::shift3d);
                    std::vector<int32_t> expected;
                    for (int64_t n = 0; n < N; ++n) {
                        const uint64_t decides = whole_batch ? 0 : static_cast<uint64_t>(n);
                        const bool shifted = static_cast<double>(reference::unit(reference::draw(seed, purpose, step, decides)[0])) <= p;
                        for (int64_t c = 0; c < C; ++c) {
                            const reference::Words words =
                                reference::draw(seed, purpose, step, (uint64_t{1} << 32) + static_cast<uint64_t>(n * C + c));
                            const uint32_t axis = reference::below(words[0], 3);
                            const auto most = static_cast<uint32_t>(std::floor(max_shift * static_cast<double>(size[axis])));
                            const auto amount = static_cast<int32_t>(reference::below(words[1], most + 1));
                            expected.push_back(shifted ? static_cast<int32_t>(axis) : 0);
                            expected.push_back(!shifted ? 0 : words[2] >= 0x80000000u ? -amount : amount);
                        }
                    }
                    EXPECT_EQ(shift3d_plan(key_at(step, seed), {N, size[0], size[1], size[2], C},
                                           {.p = p, .max_shift = max_shift, .whole_batch = whole_batch}),
                              expected)
                        << "p " << p << ", max_shift " << max_shift << ", step " << step << ", whole batch " << whole_batch;
                }
}

TEST(Shift3dPlan, TheProbabilityIsAProbability) {
    // 64 channels of up to 20 positions: a shifted sample without a single moved channel is out of the question.
    const Shape x{1, 100, 100, 100, 64};
    const auto moved = [&](const Shift3dOptions& options, uint64_t step) {
        const std::vector<int32_t> plan = shift3d_plan(key_at(step), x, options);
        for (size_t i = 1; i < plan.size(); i += 2)
            if (plan[i] != 0) return true;
        return false;
    };
    const int steps = 4000;
    for (double p : {0.0, 0.25, 0.5, 1.0}) {
        int shifted = 0;
        for (int step = 0; step < steps; ++step) shifted += moved({.p = p}, static_cast<uint64_t>(step));
        if (p == 0 || p == 1) EXPECT_EQ(shifted, p * steps);
        else EXPECT_NEAR(shifted, p * steps, 5 * std::sqrt(p * (1 - p) * steps));
    }
}

TEST(Shift3dPlan, AxesAmountsAndDirectionsAreUniform) {
    const int64_t channels = 60000, size[3] = {50, 20, 4};
    const std::vector<int32_t> plan = shift3d_plan(key_at(3), {1, size[0], size[1], size[2], channels}, {.p = 1, .max_shift = 0.2});
    int64_t axes[3] = {}, negative = 0, positive = 0;
    std::vector<int64_t> amounts[3];
    const int64_t most[3] = {10, 4, 0};  // floor(0.2 * size)
    for (int a = 0; a < 3; ++a) amounts[a].assign(static_cast<size_t>(most[a]) + 1, 0);
    for (size_t i = 0; i < plan.size(); i += 2) {
        const int32_t axis = plan[i], shift = plan[i + 1];
        ASSERT_LE(std::abs(shift), most[axis]);
        ++axes[axis];
        ++amounts[axis][static_cast<size_t>(std::abs(shift))];
        negative += shift < 0;
        positive += shift > 0;
    }
    const auto fair = [](int64_t count, int64_t of, double p) {
        const double n = static_cast<double>(of);
        EXPECT_NEAR(static_cast<double>(count), n * p, 5 * std::sqrt(n * p * (1 - p)));
    };
    for (int64_t a : axes) fair(a, channels, 1.0 / 3);
    for (int a = 0; a < 2; ++a)
        for (int64_t count : amounts[a]) fair(count, axes[a], 1.0 / static_cast<double>(most[a] + 1));
    fair(negative, negative + positive, 0.5);
}

TEST(Shift3dPlan, OneDrawForTheWholeBatchMovesAllSamplesOrNone) {
    const Shape x{6, 50, 50, 50, 32};
    int all = 0, none = 0;
    for (uint64_t step = 0; step < 200; ++step) {
        const std::vector<int32_t> plan = shift3d_plan(key_at(step), x, {.p = 0.5, .whole_batch = true});
        int shifted = 0;
        for (int64_t n = 0; n < 6; ++n) {
            bool any = false;
            for (int64_t c = 0; c < 32; ++c) any |= plan[static_cast<size_t>(2 * (n * 32 + c) + 1)] != 0;
            shifted += any;
        }
        all += shifted == 6;
        none += shifted == 0;
    }
    EXPECT_EQ(all + none, 200);
    EXPECT_GT(all, 60);
    EXPECT_GT(none, 60);
    // Samples still move each in its own way.
    const std::vector<int32_t> plan = shift3d_plan(key_at(0), x, {.p = 1, .whole_batch = true});
    EXPECT_FALSE(std::equal(plan.begin(), plan.begin() + 64, plan.begin() + 64));
}

TEST(Shift3dPlan, StepsSeedsAndSamplesDrawDifferently) {
    const Shape x{2, 50, 50, 50, 64};
    const Shift3dOptions options{.p = 1};
    const auto a = shift3d_plan(key_at(1), x, options);
    EXPECT_EQ(a, shift3d_plan(key_at(1), x, options));
    EXPECT_NE(a, shift3d_plan(key_at(2), x, options));
    EXPECT_NE(a, shift3d_plan(key_at(1, 43), x, options));
    EXPECT_FALSE(std::equal(a.begin(), a.begin() + 128, a.begin() + 128));
}

TEST(Shift3dProbability, FallsAlongHalfACosineAndStaysZero) {
    for (uint64_t step : {uint64_t{0}, uint64_t{5}, uint64_t{1000000}}) EXPECT_EQ(shift3d_probability({.p = 0.25}, step), 0.25);
    const Shift3dOptions decaying{.p = 0.4, .decay_steps = 100};
    for (uint64_t step = 0; step < 130; ++step)
        EXPECT_NEAR(shift3d_probability(decaying, step), reference::shift3d_probability(0.4, 100, step), 1e-15) << step;
    EXPECT_EQ(shift3d_probability(decaying, 0), 0.4);
    EXPECT_NEAR(shift3d_probability(decaying, 50), 0.2, 1e-15);
    for (uint64_t step : {100, 101, 100000}) EXPECT_EQ(shift3d_probability(decaying, step), 0);
    // The plan follows: p = 1 decayed to 0 never shifts.
    const std::vector<int32_t> plan = shift3d_plan(key_at(100), {2, 50, 50, 50, 8}, {.p = 1, .decay_steps = 100});
    for (int32_t v : plan) EXPECT_EQ(v, 0);
}

TEST(Shift3d, RefusesOptionsAndPlansOutOfRange) {
    const auto refused = [](ErrorKind kind, auto&& call) {
        try {
            call();
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), kind);
            EXPECT_TRUE(std::string_view(e.what()).starts_with("[shift3d] ")) << e.what();
            return;
        }
        ADD_FAILURE() << "accepted";
    };
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (double bad : {-0.01, 1.2, nan}) {
        refused(ErrorKind::usage, [&] { shift3d_plan(key_at(0), {1, 4, 4, 4, 1}, {.p = bad}); });
        refused(ErrorKind::usage, [&] { shift3d_plan(key_at(0), {1, 4, 4, 4, 1}, {.max_shift = bad}); });
    }
    Context context(on_test_device());
    const Tensor x = context.zeros({1, 4, 4, 4, 2});
    refused(ErrorKind::internal, [&] { shift3d(context, x, {0, 1}); });
    refused(ErrorKind::internal, [&] { shift3d(context, x, {0, 1, 3, 1}); });
    refused(ErrorKind::internal, [&] { shift3d(context, x, {0, 1, -1, 1}); });
    refused(ErrorKind::internal, [&] { shift3d(context, context.zeros({4, 4, 4, 2}), {0, 1, 0, 1}); });
}

}  // namespace cmtl::testing
