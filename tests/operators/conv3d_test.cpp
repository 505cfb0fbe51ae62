#include "engine/operators/conv3d.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "engine/operators/conv3d_problem.hpp"
#include "operators/operator_case.hpp"
#include "reference/conv3d.hpp"

namespace cmtl::testing {

namespace {

struct ConvShape {
    int64_t n, d, h, w, in, out;
    Axes kernel, stride, padding;
    bool bias = true;
};

std::string name_of(const ConvShape& s) {
    return fmt::format("{}x{}x{}x{}x{}_to_{}_k{}_s{}_p{}{}", s.n, s.d, s.h, s.w, s.in, s.out, s.kernel.text(), s.stride.text(),
                       s.padding.text(), s.bias ? "" : "_no_bias");
}

const std::vector<ConvShape> shapes{
    {1, 1, 1, 1, 1, 1, 1, 1, 0},        // one element
    {1, 1, 1, 1, 1, 1, 3, 1, 1},        // nothing but padding around it
    {2, 1, 1, 1, 5, 3, 1, 1, 0},
    {1, 4, 3, 5, 1, 2, 3, 1, 1},
    {1, 3, 3, 3, 2, 3, 3, 1, 0},        // one window
    {2, 5, 4, 7, 3, 5, 3, 1, 1},        // odd everything
    {2, 5, 4, 7, 3, 5, 3, 1, 1, false},
    {1, 5, 6, 7, 2, 3, 3, 2, 1},        // last windows ragged
    {1, 7, 5, 6, 2, 3, 3, 3, 2},        // padding beyond the centre
    {1, 7, 6, 5, 2, 3, 5, 1, 2},
    {1, 5, 7, 6, 3, 2, 5, 2, 2},
    {3, 4, 5, 3, 3, 4, 1, 2, 0},        // 1x1x1 that skips positions
    {1, 3, 4, 2, 2, 3, 1, 1, 0, false},
    {1, 4, 3, 2, 3, 2, 1, 1, 0},
    {1, 9, 8, 7, 1, 64, 3, 2, 1},       // the network's stem
    {1, 9, 9, 11, 1, 64, 5, 2, 2},      // ResNet3D's stem
    {2, 5, 4, 6, 16, 16, 3, 1, 1},      // whole vectors of channels
    {1, 4, 5, 6, 32, 64, 3, 1, 1},      // a fire module's 3x3x3
    {2, 3, 5, 4, 64, 32, 1, 1, 0},      // and its squeeze
    {1, 3, 4, 5, 17, 33, 3, 1, 1},      // one more than whole vectors
    {2, 3, 3, 4, 20, 12, 3, 2, 1},
    {1, 2, 2, 2, 96, 192, 3, 1, 1},     // smaller than the kernel
    {1, 11, 12, 13, 3, 5, 3, 1, 1},     // more than one block of positions
    {1, 17, 16, 17, 3, 5, 1, 1, 0},
    {1, 6, 9, 11, 1, 16, {5, 7, 7}, {1, 2, 2}, {2, 3, 3}, false},  // DeCoVNet's stem
    {2, 5, 4, 6, 16, 16, {3, 1, 1}, 1, {1, 0, 0}, false},          // its residual blocks: along D,
    {1, 4, 7, 9, 32, 32, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, false},  // in planes,
    {1, 4, 5, 7, 64, 128, 1, {1, 2, 2}, 0, false},                 // and their shortcut
    {2, 5, 4, 7, 3, 5, {1, 3, 5}, {2, 1, 3}, {0, 2, 1}},           // every axis another
    {1, 7, 6, 8, 4, 3, {7, 1, 3}, {3, 2, 1}, {5, 0, 2}},
};

Tensor run(Context& context, const ConvShape& s, const std::vector<Tensor>& in) {
    return conv3d(context, in[0], in[1], s.bias ? in[2] : Tensor(), {.stride = s.stride, .padding = s.padding});
}

Array define(const ConvShape& s, const std::vector<Array>& in) {
    return reference::conv3d(in[0], in[1], s.bias ? in[2] : Array(), s.stride, s.padding);
}

std::vector<OperatorCase> conv3d_cases() {
    std::vector<OperatorCase> cases;
    for (const ConvShape& s : shapes) {
        OperatorCase c;
        c.name = name_of(s);
        c.inputs = {{s.n, s.d, s.h, s.w, s.in}, {s.out, s.kernel.d, s.kernel.h, s.kernel.w, s.in}};
        if (s.bias) c.inputs.push_back({s.out});
        c.run = [s](Context& context, const std::vector<Tensor>& in) { return run(context, s, in); };
        c.define = [s](const std::vector<Array>& in) { return define(s, in); };
        c.exact_on_integers = true;
        c.step = 1e-2;  // affine in each input: no error of truncation at any step
        cases.push_back(c);
    }
    return cases;
}

Conv3dProblem problem_of(const ConvShape& s, Dtype compute = Dtype::f32) {
    return {s.n, s.d, s.h, s.w, s.in, s.out, s.kernel, s.stride, s.padding, compute};
}

// (sum over weight) gradients by definition, for one direction: through the reference on integers.
double exact_slope(const ConvShape& s, const std::vector<Array>& in, const Array& weight, size_t which, const Array& direction) {
    OperatorCase c;
    c.define = [s](const std::vector<Array>& v) { return define(s, v); };
    return finite_difference(c, in, weight, which, direction, 1);
}

}  // namespace

INSTANTIATE_OPERATOR(Conv3d, conv3d_cases());

// Not only the preferred implementation: every one that takes the problem, on integers, where all must agree exactly.
TEST(Conv3d, EveryImplementationIsExactOnIntegers) {
    std::vector<std::string> seen;
    for (const ConvShape& s : shapes) {
        SCOPED_TRACE(name_of(s));
        Context context(on_test_device());
        const Conv3dProblem p = problem_of(s);
        const std::vector<Array> in{integer_values({s.n, s.d, s.h, s.w, s.in}, 1),
                                    integer_values({s.out, s.kernel.d, s.kernel.h, s.kernel.w, s.in}, 2), integer_values({s.out}, 3)};
        const ConvShape with_bias{s.n, s.d, s.h, s.w, s.in, s.out, s.kernel, s.stride, s.padding};
        const Array y = define(with_bias, in), dy = integer_values(y.sizes, 4);
        const Tensor tx = to_tensor(context, in[0]), tw = to_tensor(context, in[1]), tb = to_tensor(context, in[2]),
                     tdy = to_tensor(context, dy);
        const auto dirty = [&](const Shape& shape) { return context.full(shape, std::numeric_limits<float>::quiet_NaN()); };
        int forward = 0, data = 0, weights = 0;
        for (const auto& implementation : conv3d_forward_implementations()) {
            if (!implementation.supports(context, p).empty()) continue;
            SCOPED_TRACE(std::string(implementation.name) + " forward");
            const Tensor result = dirty(p.y_shape());
            implementation.run(context, p, tx, tw, tb, result);
            expect_same_bits(to_array(context, result), y, "y");
            ++forward;
        }
        for (const auto& implementation : conv3d_backward_data_implementations()) {
            if (!implementation.supports(context, p).empty()) continue;
            SCOPED_TRACE(std::string(implementation.name) + " data gradient");
            const Tensor result = dirty(p.x_shape());
            implementation.run(context, p, tdy, tw, result);
            const Array dx = to_array(context, result);
            for (uint64_t d = 0; d < 3; ++d) {
                const Array direction = integer_values(in[0].sizes, 10 + d);
                EXPECT_EQ(dot(dx, direction), exact_slope(with_bias, in, dy, 0, direction));
            }
            ++data;
        }
        for (const auto& implementation : conv3d_backward_weights_implementations()) {
            if (!implementation.supports(context, p).empty()) continue;
            SCOPED_TRACE(std::string(implementation.name) + " weight gradient");
            const Tensor dw = dirty(p.weight_shape()), db = dirty({s.out});
            implementation.run(context, p, tx, tdy, dw, db);
            const Array dweight = to_array(context, dw), dbias = to_array(context, db);
            for (uint64_t d = 0; d < 3; ++d) {
                const Array direction = integer_values(in[1].sizes, 20 + d);
                EXPECT_EQ(dot(dweight, direction), exact_slope(with_bias, in, dy, 1, direction));
            }
            for (int64_t o = 0; o < s.out; ++o) {
                Array unit({s.out});
                unit[o] = 1;
                ASSERT_EQ(dbias[o], exact_slope(with_bias, in, dy, 2, unit)) << "bias " << o;
            }
            ++weights;
        }
        EXPECT_GE(forward, 1);
        EXPECT_GE(data, 1);
        EXPECT_GE(weights, 1);
    }
}

TEST(Conv3d, NotANumberStaysInItsWindows) {
    Context context(on_test_device());
    for (const ConvShape& s : {ConvShape{1, 5, 5, 5, 3, 4, 3, 1, 1}, {1, 5, 5, 5, 16, 32, 3, 1, 1}, {1, 5, 5, 5, 3, 4, 1, 1, 0}}) {
        SCOPED_TRACE(name_of(s));
        Array x({s.n, s.d, s.h, s.w, s.in}, 1.0);
        x(0, 2, 2, 2, 1) = std::numeric_limits<double>::quiet_NaN();
        x(0, 0, 0, 0, 0) = std::numeric_limits<double>::infinity();
        const std::vector<Array> in{x, Array({s.out, s.kernel.d, s.kernel.h, s.kernel.w, s.in}, 1.0), Array({s.out})};
        const Array y = to_array(context, run(context, s, {to_tensor(context, in[0]), to_tensor(context, in[1]), to_tensor(context, in[2])}));
        const Array expected = define(s, in);
        for (int64_t i = 0; i < y.count(); ++i) {
            if (std::isnan(expected[i])) EXPECT_TRUE(std::isnan(y[i])) << i;
            else EXPECT_EQ(y[i], expected[i]) << i;
        }
    }
}

// bf16 multiplies, f32 adds: on small integers nothing rounds.
TEST(Conv3d, ComputesInBf16WhereTheProcessorCan) {
    const ConvShape s{1, 4, 5, 6, 32, 64, 3, 1, 1};
    Context context(on_test_device(Dtype::bf16));
    const Conv3dProblem p = problem_of(s, Dtype::bf16);
    bool supported = false;
    for (const auto& implementation : conv3d_forward_implementations()) supported |= implementation.supports(context, p).empty();
    if (!supported) GTEST_SKIP() << "oneDNN has no bf16 convolution for this processor";
    const std::vector<Array> in{integer_values({s.n, s.d, s.h, s.w, s.in}, 1), integer_values({s.out, 3, 3, 3, s.in}, 2),
                                integer_values({s.out}, 3)};
    const Array y = to_array(context, run(context, s, {to_tensor(context, in[0]), to_tensor(context, in[1]), to_tensor(context, in[2])}));
    const Array expected = define(s, in);
    // The result itself is rounded to bf16: half a unit in the last of 8 places.
    for (int64_t i = 0; i < y.count(); ++i) ASSERT_LE(std::abs(y[i] - expected[i]), std::abs(expected[i]) / 256) << i;
}

TEST(Conv3d, RefusesShapesThatDoNotFit) {
    Context context(on_test_device());
    const Tensor x = context.zeros({1, 4, 4, 4, 3}), weight = context.zeros({2, 3, 3, 3, 3}), bias = context.zeros({2});
    const auto refused = [&](const Tensor& a, const Tensor& b, const Tensor& c, const Conv3dOptions& options) {
        try {
            conv3d(context, a, b, c, options);
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::internal);
            EXPECT_EQ(std::string_view(e.what()).substr(0, 9), "[conv3d] ") << e.what();
            return;
        }
        ADD_FAILURE() << "accepted x " << a.shape().text() << ", weight " << b.shape().text();
    };
    refused(context.zeros({4, 4, 4, 3}), weight, bias, {});
    refused(x, context.zeros({2, 3, 3, 3, 4}), bias, {});           // channels
    refused(x, context.zeros({2, 3, 3, 2, 3}), bias, {});           // even along one axis
    refused(x, context.zeros({2, 2, 2, 2, 3}), bias, {});           // even kernel
    refused(x, weight, context.zeros({3}), {});                     // bias
    refused(x, weight, bias, {.stride = 0});
    refused(x, weight, bias, {.padding = -1});
    refused(x, weight, bias, {.stride = {1, 1, 0}});
    refused(x, weight, bias, {.padding = {0, 3, 0}});
    refused(context.zeros({1, 2, 4, 4, 3}), weight, bias, {});      // smaller than the kernel
}

}  // namespace cmtl::testing
