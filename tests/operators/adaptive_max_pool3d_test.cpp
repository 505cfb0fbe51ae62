#include "engine/operators/adaptive_max_pool3d.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/adaptive_max_pool3d.hpp"

namespace cmtl::testing {

namespace {

struct Pooling {
    Sizes x;
    Axes out;
};

const std::vector<Pooling> poolings{
    {{1, 1, 1, 1, 1}, 1},           {{2, 5, 4, 7, 3}, 1},  {{1, 6, 8, 9, 16}, {3, 4, 3}},   // sizes that divide
    {{2, 7, 5, 9, 5}, {4, 3, 2}},                                                           // windows that overlap
    {{1, 2, 3, 4, 17}, {5, 7, 4}},                                                          // more outputs than inputs
    {{1, 3, 8, 8, 4}, {4, 12, 18}}, {{1, 1, 6, 9, 32}, 1}, {{3, 4, 12, 18, 8}, {1, 6, 9}},  // DeCoVNet's
};

std::string text(const Pooling& p) { return fmt::format("{}_to_{}", fmt::join(p.x, "x"), p.out.text()); }

std::vector<OperatorCase> cases() {
    std::vector<OperatorCase> cases;
    for (const Pooling& p : poolings) {
        OperatorCase c;
        c.name = text(p);
        c.inputs = {p.x};
        c.run = [p](Context& context, const std::vector<Tensor>& in) {
            return adaptive_max_pool3d(context, in[0], p.out);
        };
        c.define = [p](const std::vector<Array>& in) { return reference::adaptive_max_pool3d(in[0], p.out); };
        c.step = 1e-6;  // far below the distance of any two values
        c.same_bits_over_threads = true;
        c.tolerance = 1e-6;
        cases.push_back(c);
    }
    return cases;
}

}  // namespace

INSTANTIATE_OPERATOR(AdaptiveMaxPool3d, cases());

// Integers from -3 to 3 tie in nearly every window, and NaN stands among them: the whole gradient goes to one winner.
TEST(AdaptiveMaxPool3d, OneWinnerTakesTheGradient) {
    for (const Pooling& p : poolings)
        for (const bool numbers : {true, false}) {
            SCOPED_TRACE(text(p));
            Context context(on_test_device());
            Array x = integer_values(p.x, 1);
            if (!numbers) x[x.count() / 2] = std::numeric_limits<double>::quiet_NaN();
            std::vector<int64_t> winners;
            const Array y = reference::adaptive_max_pool3d(x, p.out, nullptr, &winners);
            const Array dy = integer_values(y.sizes, 2);
            Array dx(x.sizes);
            for (int64_t i = 0; i < y.count(); ++i) dx[winners[static_cast<size_t>(i)]] += dy[i];

            Tensor tx = to_tensor(context, x);
            tx.set_requires_grad();
            Tape tape(context);
            const Tensor ty = adaptive_max_pool3d(context, tx, p.out);
            const Array got = to_array(context, ty);
            for (int64_t i = 0; i < y.count(); ++i)
                ASSERT_TRUE(std::isnan(y[i]) ? std::isnan(got[i]) : got[i] == y[i]) << i;
            tape.backward(probe(context, ty, dy));
            expect_same_bits(to_array(context, tx.grad()), dx, "gradient");
        }
}

TEST(AdaptiveMaxPool3d, RefusesWhatHasNoWindows) {
    Context context(on_test_device());
    const auto refused = [&](const Tensor& x, const Axes& out) {
        try {
            adaptive_max_pool3d(context, x, out);
            ADD_FAILURE() << "accepted " << x.shape().text();
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::internal);
            EXPECT_TRUE(std::string_view(e.what()).starts_with("[adaptive_max_pool3d] ")) << e.what();
        }
    };
    refused(context.zeros({1, 4, 4, 4}), 1);
    refused(context.zeros({1, 4, 0, 4, 2}), 1);
    refused(context.zeros({1, 4, 4, 4, 2}), {1, 0, 1});
}

}  // namespace cmtl::testing
