#include "engine/operators/pool3d.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/pool3d.hpp"

namespace cmtl::testing {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

struct Pooling {
    Sizes x;
    Pool3dOptions options;
};

const std::vector<Pooling> poolings{
    {{1, 1, 1, 1, 1}, {3, 2, 1}},   {{1, 2, 3, 4, 1}, {3, 2, 1}},  {{2, 5, 4, 7, 3}, {3, 2, 1}},   {{1, 5, 5, 6, 16}, {3, 2, 1}},
    {{1, 4, 7, 5, 17}, {3, 2, 1}},  {{1, 3, 4, 5, 64}, {3, 2, 1}}, {{3, 2, 2, 2, 5}, {2, 2, 0}},   {{1, 7, 6, 5, 2}, {2, 2, 0}},
    {{1, 4, 4, 4, 3}, {3, 1, 1}},   {{1, 5, 4, 3, 2}, {1, 1, 0}},  {{1, 7, 8, 6, 2}, {2, 3, 0}},   {{1, 6, 7, 5, 4}, {5, 2, 2}},
    {{1, 15, 16, 17, 3}, {3, 2, 1}},
    {{1, 4, 9, 7, 16}, {{1, 3, 3}, {1, 2, 2}, {0, 1, 1}}},  // DeCoVNet's
    {{2, 7, 4, 5, 3}, {{2, 1, 1}, {2, 1, 1}, 0}},
    {{1, 9, 8, 7, 5}, {{4, 2, 3}, {3, 2, 1}, {2, 0, 1}}},
};

std::string text(const Pooling& p) {
    return fmt::format("{}_k{}_s{}_p{}", fmt::join(p.x, "x"), p.options.kernel.text(), p.options.stride.text(),
                       p.options.padding.text());
}

std::vector<OperatorCase> max_pool3d_cases() {
    std::vector<OperatorCase> cases;
    for (const Pooling& p : poolings) {
        OperatorCase c;
        c.name = text(p);
        c.inputs = {p.x};
        c.run = [p](Context& context, const std::vector<Tensor>& in) { return max_pool3d(context, in[0], p.options); };
        c.define = [p](const std::vector<Array>& in) {
            return reference::max_pool3d(in[0], p.options.kernel, p.options.stride, p.options.padding);
        };
        c.step = 1e-6;  // far below the distance of any two values
        c.same_bits_over_threads = true;
        c.tolerance = 1e-6;
        cases.push_back(c);
    }
    return cases;
}

std::vector<OperatorCase> avg_pool3d_cases() {
    std::vector<OperatorCase> cases;
    for (const Pooling& p : poolings) {
        OperatorCase c;
        c.name = text(p);
        c.inputs = {p.x};
        c.run = [p](Context& context, const std::vector<Tensor>& in) { return avg_pool3d(context, in[0], p.options); };
        c.define = [p](const std::vector<Array>& in) {
            return reference::avg_pool3d(in[0], p.options.kernel, p.options.stride, p.options.padding);
        };
        c.step = 1e-2;
        c.same_bits_over_threads = true;
        c.exact_on_integers = p.options.kernel == 1 || p.options.kernel == 2;  // divided by a power of two
        cases.push_back(c);
    }
    return cases;
}

std::vector<OperatorCase> global_avg_pool3d_cases() {
    std::vector<OperatorCase> cases;
    for (const Sizes& x : {Sizes{1, 1, 1, 1, 1}, {2, 1, 1, 1, 5}, {1, 2, 3, 4, 1}, {3, 5, 4, 7, 3}, {2, 3, 3, 3, 32}, {1, 13, 16, 16, 17},
                           {1, 2, 4, 8, 33}}) {
        OperatorCase c;
        c.name = fmt::format("{}", fmt::join(x, "x"));
        c.inputs = {x};
        c.run = [](Context& context, const std::vector<Tensor>& in) { return global_avg_pool3d(context, in[0]); };
        c.define = [](const std::vector<Array>& in) { return reference::global_avg_pool3d(in[0]); };
        c.step = 1e-2;
        c.same_bits_over_threads = true;
        const int64_t grid = x[1] * x[2] * x[3];
        c.exact_on_integers = (grid & (grid - 1)) == 0;
        cases.push_back(c);
    }
    return cases;
}

}  // namespace

INSTANTIATE_OPERATOR(MaxPool3d, max_pool3d_cases());
INSTANTIATE_OPERATOR(AvgPool3d, avg_pool3d_cases());
INSTANTIATE_OPERATOR(GlobalAvgPool3d, global_avg_pool3d_cases());

// Integers from -3 to 3 tie in nearly every window: the whole gradient goes to the first of the equal values.
TEST(MaxPool3d, TheFirstOfEqualValuesTakesTheGradient) {
    for (const Pooling& p : poolings) {
        SCOPED_TRACE(text(p));
        Context context(on_test_device());
        const Array x = integer_values(p.x, 1);
        std::vector<int64_t> winners;
        const Array y = reference::max_pool3d(x, p.options.kernel, p.options.stride, p.options.padding, nullptr, &winners);
        const Array dy = integer_values(y.sizes, 2);
        Array dx(x.sizes);
        for (int64_t i = 0; i < y.count(); ++i) dx[winners[static_cast<size_t>(i)]] += dy[i];

        Tensor tx = to_tensor(context, x);
        tx.set_requires_grad();
        Tape tape(context);
        const Tensor ty = max_pool3d(context, tx, p.options);
        expect_same_bits(to_array(context, ty), y, "result");
        tape.backward(probe(context, ty, dy));
        expect_same_bits(to_array(context, tx.grad()), dx, "gradient");
    }
}

TEST(MaxPool3d, NotANumberWinsAndInfinitiesCount) {
    Context context(on_test_device());
    for (int64_t channels : {1, 3, 16, 17}) {
        Array x = spread_values({1, 5, 6, 7, channels}, 3);
        x(0, 2, 3, 3, 0) = nan;
        x(0, 0, 0, 0, channels - 1) = inf;
        for (int64_t d = 2; d < 5; ++d)
            for (int64_t h = 0; h < 3; ++h)
                for (int64_t w = 4; w < 7; ++w) x(0, d, h, w, channels / 2) = -inf;
        const Array y = to_array(context, max_pool3d(context, to_tensor(context, x)));
        const Array expected = reference::max_pool3d(x, 3, 2, 1);
        bool any = false;
        for (int64_t i = 0; i < y.count(); ++i) {
            any |= std::isnan(expected[i]);
            if (std::isnan(expected[i])) EXPECT_TRUE(std::isnan(y[i])) << i;
            else EXPECT_EQ(y[i], expected[i]) << i;
        }
        EXPECT_TRUE(any);
    }
}

// A window of nothing but -infinity still has a winner: its first element, and padding is none.
TEST(MaxPool3d, MinusInfinityEverywhere) {
    Context context(on_test_device());
    Tensor x = context.full({1, 3, 3, 3, 2}, -std::numeric_limits<float>::infinity());
    x.set_requires_grad();
    Tape tape(context);
    const Tensor y = max_pool3d(context, x);
    for (const float v : context.to_vector<float>(y)) EXPECT_EQ(v, -std::numeric_limits<float>::infinity());
    Array ones(sizes_of(y), 1.0);
    Tensor loss = context.zeros({1});
    record(context, "ones", {y}, {&loss}, [ones](Context& c, std::vector<Tensor>, const std::vector<bool>&) {
        return std::vector<Tensor>{to_tensor(c, ones)};
    });
    tape.backward(loss);
    std::vector<int64_t> winners;
    reference::max_pool3d(Array({1, 3, 3, 3, 2}, -inf), 3, 2, 1, nullptr, &winners);
    Array expected({1, 3, 3, 3, 2});
    for (int64_t w : winners) expected[w] += 1;
    expect_same_bits(to_array(context, x.grad()), expected, "gradient");
}

TEST(AvgPool3d, NotANumberStaysInItsWindows) {
    Context context(on_test_device());
    Array x({1, 5, 5, 5, 3}, 1.0);
    x(0, 2, 2, 2, 1) = nan;
    const Array y = to_array(context, avg_pool3d(context, to_tensor(context, x), {3, 1, 1}));
    const Array expected = reference::avg_pool3d(x, 3, 1, 1);
    for (int64_t i = 0; i < y.count(); ++i) EXPECT_EQ(std::isnan(y[i]), std::isnan(expected[i])) << i;
}

TEST(Pool3d, RefusesWhatDoesNotFit) {
    Context context(on_test_device());
    const Tensor x = context.zeros({1, 4, 4, 4, 2});
    const auto refused = [&](const char* tag, auto&& call) {
        try {
            call();
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::internal);
            EXPECT_TRUE(std::string_view(e.what()).starts_with(std::string("[") + tag + "]")) << e.what();
            return;
        }
        ADD_FAILURE() << tag << " accepted it";
    };
    refused("max_pool3d", [&] { max_pool3d(context, context.zeros({4, 4, 4, 2})); });
    refused("max_pool3d", [&] { max_pool3d(context, x, {3, 0, 1}); });
    refused("max_pool3d", [&] { max_pool3d(context, x, {3, 2, 2}); });  // a window of padding alone
    refused("max_pool3d", [&] { max_pool3d(context, x, {5, 1, 0}); });
    refused("avg_pool3d", [&] { avg_pool3d(context, context.zeros({4, 4, 4, 2}), {2, 2, 0}); });
    refused("avg_pool3d", [&] { avg_pool3d(context, x, {5, 1, 0}); });
    refused("global_avg_pool3d", [&] { global_avg_pool3d(context, context.zeros({4, 2})); });
}

}  // namespace cmtl::testing
