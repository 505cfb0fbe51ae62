#include "engine/operators/linear.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/linear.hpp"

namespace cmtl::testing {

namespace {

struct LinearShape {
    int64_t n, in, out;
    bool bias = true;
};

std::vector<OperatorCase> linear_cases() {
    std::vector<OperatorCase> cases;
    for (const LinearShape s : {LinearShape{1, 1, 1}, {1, 1, 1, false}, {3, 2, 1}, {1, 375, 256}, {2, 64, 3}, {17, 5, 7}, {17, 5, 7, false},
                                {10, 128, 64}, {3, 33, 17}}) {
        OperatorCase c;
        c.name = fmt::format("{}x{}_to_{}{}", s.n, s.in, s.out, s.bias ? "" : "_no_bias");
        c.inputs = {{s.n, s.in}, {s.out, s.in}};
        if (s.bias) c.inputs.push_back({s.out});
        c.run = [s](Context& context, const std::vector<Tensor>& in) { return linear(context, in[0], in[1], s.bias ? in[2] : Tensor()); };
        c.define = [s](const std::vector<Array>& in) { return reference::linear(in[0], in[1], s.bias ? in[2] : Array()); };
        c.step = 1e-2;
        c.exact_on_integers = true;
        cases.push_back(c);
    }
    return cases;
}

}  // namespace

INSTANTIATE_OPERATOR(Linear, linear_cases());

TEST(Linear, NotANumberStaysInItsRow) {
    Context context(on_test_device());
    Array x({3, 5}, 1.0);
    x(1, 2) = std::numeric_limits<double>::quiet_NaN();
    const Array y = to_array(context, linear(context, to_tensor(context, x), context.full({4, 5}, 2), context.full({4}, 1)));
    for (int64_t n = 0; n < 3; ++n)
        for (int64_t o = 0; o < 4; ++o) {
            if (n == 1) EXPECT_TRUE(std::isnan(y(n, o)));
            else EXPECT_EQ(y(n, o), 11);
        }
}

TEST(Linear, RefusesShapesThatDoNotFit) {
    Context context(on_test_device());
    const auto refused = [&](const Shape& x, const Shape& weight, const Shape& bias) {
        try {
            linear(context, context.zeros(x), context.zeros(weight), context.zeros(bias));
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::internal);
            EXPECT_TRUE(std::string_view(e.what()).starts_with("[linear] ")) << e.what();
            return;
        }
        ADD_FAILURE() << "accepted " << x.text() << " with " << weight.text();
    };
    refused({2, 3}, {4, 5}, {4});
    refused({2, 3}, {4, 3}, {3});
    refused({2, 3, 1}, {4, 3}, {4});
    refused({2, 3}, {4, 3, 1}, {4});
}

}  // namespace cmtl::testing
