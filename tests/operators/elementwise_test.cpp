#include "engine/operators/elementwise.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/elementwise.hpp"

namespace cmtl::testing {

namespace {

const std::vector<Sizes> shapes{{1}, {7}, {2, 5}, {1, 1, 1, 1, 1}, {2, 3, 5, 4, 3}, {1, 2, 3, 3, 16}, {3, 1, 2, 5, 17}, {1, 33, 16, 17, 5}};

std::vector<OperatorCase> relu_cases() {
    std::vector<OperatorCase> cases;
    for (const Sizes& sizes : shapes) {
        OperatorCase c;
        c.name = fmt::format("{}", fmt::join(sizes, "x"));
        c.inputs = {sizes};
        c.run = [](Context& context, const std::vector<Tensor>& in) { return relu(context, in[0]); };
        c.define = [](const std::vector<Array>& in) { return reference::relu(in[0]); };
        c.step = 1e-6;
        c.tolerance = 1e-6;
        c.same_bits_over_threads = true;
        cases.push_back(c);
    }
    return cases;
}

std::vector<OperatorCase> add_cases() {
    std::vector<OperatorCase> cases;
    for (const Sizes& sizes : shapes) {
        OperatorCase c;
        c.name = fmt::format("{}", fmt::join(sizes, "x"));
        c.inputs = {sizes, sizes};
        c.run = [](Context& context, const std::vector<Tensor>& in) { return add(context, in[0], in[1]); };
        c.define = [](const std::vector<Array>& in) { return reference::add(in[0], in[1]); };
        c.step = 1e-2;
        c.tolerance = 1e-6;
        c.exact_on_integers = c.same_bits_over_threads = true;
        cases.push_back(c);
    }
    return cases;
}

std::vector<OperatorCase> concat_cases() {
    std::vector<OperatorCase> cases;
    for (const std::vector<Sizes>& parts :
         {std::vector<Sizes>{{2, 3}}, {{1, 1}, {1, 1}}, {{3, 5}, {3, 2}, {3, 1}}, {{2, 32}, {2, 32}}, {{2, 1, 3, 2, 4}, {2, 1, 3, 2, 7}},
          {{1, 3, 4, 5, 64}, {1, 3, 4, 5, 64}}, {{1, 7, 8, 9, 3}, {1, 7, 8, 9, 1}, {1, 7, 8, 9, 17}}}) {
        OperatorCase c;
        for (const Sizes& part : parts) c.name += fmt::format("{}{}", c.name.empty() ? "" : "_", fmt::join(part, "x"));
        c.inputs = parts;
        c.run = [](Context& context, const std::vector<Tensor>& in) { return concat(context, in); };
        c.define = [](const std::vector<Array>& in) { return reference::concat(in); };
        c.step = 1e-2;
        c.tolerance = 1e-6;
        c.exact_on_integers = c.same_bits_over_threads = true;
        cases.push_back(c);
    }
    return cases;
}

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();

}  // namespace

INSTANTIATE_OPERATOR(Relu, relu_cases());
INSTANTIATE_OPERATOR(Add, add_cases());
INSTANTIATE_OPERATOR(Concat, concat_cases());

// As torch.relu: NaN stays and lets its gradient through, 0 gives 0 and no gradient.
TEST(Relu, ZeroNotANumberAndInfinity) {
    Context context(on_test_device());
    Tensor x = context.from<float>({6}, std::vector<float>{nan, inf, -inf, 0.0f, -1.0f, 2.0f});
    x.set_requires_grad();
    Tape tape(context);
    const Tensor y = relu(context, x);
    const std::vector<float> values = context.to_vector<float>(y);
    EXPECT_TRUE(std::isnan(values[0]));
    EXPECT_EQ(std::vector<float>(values.begin() + 1, values.end()), (std::vector<float>{inf, 0, 0, 0, 2}));
    tape.backward(probe(context, y, Array({6}, 3.0)));
    EXPECT_EQ(context.to_vector<float>(x.grad()), (std::vector<float>{3, 3, 0, 0, 0, 3}));
}

TEST(Add, NotANumberAndInfinity) {
    Context context(on_test_device());
    const Tensor a = context.from<float>({4}, std::vector<float>{nan, inf, inf, 1}), b = context.from<float>({4}, std::vector<float>{1, 1, -inf, nan});
    const std::vector<float> sum = context.to_vector<float>(add(context, a, b));
    EXPECT_TRUE(std::isnan(sum[0]));
    EXPECT_EQ(sum[1], inf);
    EXPECT_TRUE(std::isnan(sum[2]));
    EXPECT_TRUE(std::isnan(sum[3]));
}

// Both sides of a + a are the same leaf, and two leaves may not end up sharing one gradient.
TEST(Add, OneTensorTwice) {
    Context context(on_test_device());
    Tensor x = context.full({3}, 2);
    x.set_requires_grad();
    Tensor z = context.full({3}, 1);
    z.set_requires_grad();
    {
        Tape tape(context);
        tape.backward(probe(context, add(context, add(context, x, x), z), Array({3}, 5.0)));
    }
    EXPECT_EQ(context.to_vector<float>(x.grad()), (std::vector<float>(3, 10)));
    EXPECT_EQ(context.to_vector<float>(z.grad()), (std::vector<float>(3, 5)));
    {
        Tape tape(context);
        tape.backward(probe(context, x, Array({3}, 1.0)));
    }
    EXPECT_EQ(context.to_vector<float>(x.grad()), (std::vector<float>(3, 11)));
    EXPECT_EQ(context.to_vector<float>(z.grad()), (std::vector<float>(3, 5)));
}

TEST(Elementwise, RefusesWhatDoesNotFit) {
    Context context(on_test_device());
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
    refused("add", [&] { add(context, context.zeros({2, 3}), context.zeros({3, 2})); });
    refused("add", [&] { add(context, context.zeros({2, 3}), context.zeros({6})); });
    refused("concat", [&] { concat(context, {}); });
    refused("concat", [&] { concat(context, {context.zeros({2, 3}), context.zeros({3, 3})}); });
    refused("concat", [&] { concat(context, {context.zeros({2, 3}), context.zeros({2, 1, 3})}); });
}

}  // namespace cmtl::testing
