// The convolutions' launchers against plain loops in double.
#include "kernels/conv3d.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "engine/dtype.hpp"
#include "kernels/conv3d_plan.hpp"
#include "kernels/kernel_test.hpp"
#include "reference/conv3d.hpp"

namespace cmtl::kernels {

namespace {

using reference::Array;
using reference::Sizes;

struct Case {
    int64_t n, d, h, w, in, out;
    Axes kernel, stride, padding;

    Conv3dSizes sizes(bool bf16 = false) const { return {n, d, h, w, in, out, kernel, stride, padding, bf16}; }
    std::string text() const {
        std::string s;
        for (int64_t v : {n, d, h, w, in}) s += std::to_string(v) + "x";
        return s + " to " + std::to_string(out) + ", k" + kernel.text() + " s" + stride.text() + " p" +
               padding.text();
    }
};

const std::vector<Case> cases{
    {1, 1, 1, 1, 1, 1, 1, 1, 0},      // one element
    {1, 1, 1, 1, 1, 1, 3, 1, 1},      // nothing but padding around it
    {2, 1, 1, 1, 5, 3, 1, 1, 0},      //
    {1, 3, 3, 3, 2, 3, 3, 1, 0},      // one window
    {2, 5, 4, 7, 3, 5, 3, 1, 1},      // odd everything
    {1, 5, 6, 7, 2, 3, 3, 2, 1},      // last windows ragged
    {1, 7, 5, 6, 2, 3, 3, 3, 2},      // padding beyond the centre, three classes of inputs an axis
    {1, 7, 6, 5, 2, 3, 5, 1, 2},      //
    {1, 5, 7, 6, 3, 2, 5, 2, 2},      //
    {3, 4, 5, 3, 3, 4, 1, 2, 0},      // 1x1x1 that skips positions: inputs without a tap
    {2, 6, 5, 7, 8, 4, 1, 3, 0},      // the same in vectors
    {1, 9, 8, 11, 1, 64, 3, 2, 1},    // the network's stem
    {1, 9, 9, 11, 1, 64, 5, 2, 2},    // ResNet3D's stem
    {2, 3, 19, 70, 1, 70, 3, 2, 1},   // one channel, two tiles each way and of outputs
    {1, 4, 9, 33, 1, 17, 3, 1, 0},    //
    {1, 3, 6, 40, 1, 32, 1, 3, 0},    //
    {1, 6, 12, 9, 1, 20, 5, 3, 4},    // one channel, too much for a block's shared memory
    {1, 4, 5, 6, 32, 64, 3, 1, 1},    // a fire module's 3x3x3
    {2, 3, 5, 4, 64, 32, 1, 1, 0},    // its squeeze
    {1, 3, 5, 4, 32, 64, 1, 1, 0},    // and its 1x1x1
    {1, 2, 3, 3, 128, 32, 1, 1, 0},   //
    {1, 2, 2, 2, 96, 192, 3, 1, 1},   // smaller than the kernel, columns of three widths
    {2, 5, 6, 5, 16, 128, 3, 1, 1},   //
    {1, 3, 3, 4, 128, 256, 3, 1, 1},  //
    {1, 3, 4, 5, 17, 33, 3, 1, 1},    // one more than whole vectors
    {1, 3, 4, 5, 20, 33, 3, 1, 1},    // vectors in, none out
    {1, 3, 4, 5, 33, 20, 3, 1, 1},    // vectors out, none in
    {2, 3, 3, 4, 20, 12, 3, 2, 1},    // channels that do not divide a step
    {2, 4, 3, 3, 4, 8, 3, 1, 1},      // several taps in one step
    {2, 5, 6, 7, 12, 36, 5, 2, 2},    //
    {1, 12, 13, 11, 4, 4, 3, 1, 1},   // more than one block of positions, more than one share
    {2, 13, 11, 9, 4, 8, 1, 1, 0},    //
    {150, 1, 1, 1, 4, 8, 1, 1, 0},    // more samples than rows of a tile
    {70, 1, 2, 1, 4, 4, 3, 1, 1},     //
    {1, 6, 9, 11, 1, 16, {5, 7, 7}, {1, 2, 2}, {2, 3, 3}},    // DeCoVNet's stem
    {2, 5, 19, 35, 1, 20, {5, 7, 3}, {1, 2, 3}, {2, 3, 0}},   // one channel, more outputs: the tiles in shared memory
    {2, 5, 4, 6, 16, 16, {3, 1, 1}, 1, {1, 0, 0}},            // its residual blocks: along D,
    {1, 4, 7, 9, 32, 32, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}},    // in planes,
    {1, 4, 5, 7, 64, 128, 1, {1, 2, 2}, 0},                   // and their shortcut
    {2, 5, 4, 7, 3, 5, {1, 3, 5}, {2, 1, 3}, {0, 2, 1}},      // every axis another
    {1, 7, 6, 8, 4, 3, {7, 1, 3}, {3, 2, 1}, {5, 0, 2}},      //
};

Array integers(const Sizes& sizes, uint64_t seed) {
    Array a(sizes);
    std::mt19937_64 random(seed);
    for (double& v : a.values) v = static_cast<double>(random() % 7) - 3;
    return a;
}
Array reals(const Sizes& sizes, uint64_t seed) {
    Array a(sizes);
    std::mt19937_64 random(seed);
    for (double& v : a.values) v = static_cast<float>(std::uniform_real_distribution<double>(-1, 1)(random));
    return a;
}
Array rounded_to_bf16(Array a) {
    for (double& v : a.values) v = static_cast<float>(Bf16(static_cast<float>(v)));
    return a;
}

struct Gradients {
    Array x, weight, bias;
};

// The chain rule on every product of the definition.
Gradients gradients(const Case& c, const Array& x, const Array& weight, const Array& dy) {
    Gradients g{Array(x.sizes), Array(weight.sizes), Array({c.out})};
    for (int64_t n = 0; n < dy.size(0); ++n)
        for (int64_t d = 0; d < dy.size(1); ++d)
            for (int64_t h = 0; h < dy.size(2); ++h)
                for (int64_t w = 0; w < dy.size(3); ++w)
                    for (int64_t o = 0; o < c.out; ++o) {
                        const double v = dy(n, d, h, w, o);
                        g.bias[o] += v;
                        for (int64_t a = 0; a < c.kernel.d; ++a)
                            for (int64_t b = 0; b < c.kernel.h; ++b)
                                for (int64_t e = 0; e < c.kernel.w; ++e) {
                                    const int64_t z = d * c.stride.d - c.padding.d + a, y = h * c.stride.h - c.padding.h + b,
                                                  u = w * c.stride.w - c.padding.w + e;
                                    if (z < 0 || z >= c.d || y < 0 || y >= c.h || u < 0 || u >= c.w) continue;
                                    for (int64_t i = 0; i < c.in; ++i) {
                                        g.x(n, z, y, u, i) += v * weight(o, a, b, e, i);
                                        g.weight(o, a, b, e, i) += v * x(n, z, y, u, i);
                                    }
                                }
                    }
    return g;
}

// The convolutions of a target. Results and workspaces begin as NaN: what is not written shows.
template <class Target>
struct Convolution {
    TestDevice& device;
    Conv3dSizes s;

    auto copy(const Array& a) const { return device.array(std::vector<float>(a.values.begin(), a.values.end())); }
    auto unwritten(int64_t count) const {
        return device.array(static_cast<size_t>(count), std::numeric_limits<float>::quiet_NaN());
    }
    auto workspace(Conv3dDirection direction) const { return unwritten(conv3d_workspace_bytes(s, direction) / 4); }

    std::vector<float> forward(const Array& x, const Array& weight, const Array& bias) const {
        const auto px = copy(x), pw = copy(weight), pb = copy(bias), space = workspace(Conv3dDirection::forward),
                   y = unwritten(s.positions() * s.out);
        conv3d_forward<Target>(device.stream, s, px.data(), pw.data(), bias.empty() ? nullptr : pb.data(), y.data(),
                               space.data());
        space.host();  // its margins
        return y.host();
    }
    std::vector<float> backward_data(const Array& dy, const Array& weight) const {
        const auto pdy = copy(dy), pw = copy(weight), space = workspace(Conv3dDirection::backward_data),
                   dx = unwritten(s.n * s.d * s.h * s.w * s.in);
        conv3d_backward_data<Target>(device.stream, s, pdy.data(), pw.data(), dx.data(), space.data());
        space.host();
        return dx.host();
    }
    // Weights, then biases.
    std::vector<float> backward_weights(const Array& x, const Array& dy, bool bias = true) const {
        const auto px = copy(x), pdy = copy(dy), space = workspace(Conv3dDirection::backward_weights),
                   dw = unwritten(s.weights()), db = unwritten(s.out);
        conv3d_backward_weights<Target>(device.stream, s, px.data(), pdy.data(), dw.data(), bias ? db.data() : nullptr,
                                        space.data());
        space.host();
        std::vector<float> all = dw.host();
        for (float v : db.host()) all.push_back(v);
        return all;
    }
};

void expect_equal(const std::vector<float>& actual, const std::vector<double>& expected, const char* what) {
    ASSERT_EQ(actual.size(), expected.size()) << what;
    for (size_t i = 0; i < actual.size(); ++i)
        ASSERT_EQ(actual[i], static_cast<float>(expected[i])) << what << " " << i;
}

void expect_near(const std::vector<float>& actual, const std::vector<double>& expected, double tolerance,
                 const char* what) {
    ASSERT_EQ(actual.size(), expected.size()) << what;
    double scale = 0;
    for (double v : expected) scale = std::max(scale, std::abs(v));
    for (size_t i = 0; i < actual.size(); ++i)
        ASSERT_LE(std::abs(actual[i] - expected[i]), tolerance * scale) << what << " " << i;
}

std::vector<double> joined(const Array& a, const Array& b) {
    std::vector<double> all = a.values;
    all.insert(all.end(), b.values.begin(), b.values.end());
    return all;
}

struct Inputs {
    Array x, weight, bias, dy;
    template <class Make>
    Inputs(const Case& c, const Make& make)
        : x(make({c.n, c.d, c.h, c.w, c.in}, 1)),
          weight(make({c.out, c.kernel.d, c.kernel.h, c.kernel.w, c.in}, 2)),
          bias(make({c.out}, 3)) {
        const Conv3dSizes s = c.sizes();
        dy = make({c.n, s.out_size(0), s.out_size(1), s.out_size(2), c.out}, 4);
    }
};

template <class Target>
class Conv3dKernels : public KernelTest<Target> {
  protected:
    bool older_than_sm80() const {
        return std::is_same_v<Target, Cuda> && cuda_runtime(0)->properties().capability < 80;
    }
    // Calls `test` with the convolutions of each device.
    template <class Test>
    void on_each(const Conv3dSizes& s, const Test& test) {
        this->on_devices([&](TestDevice& device) { test(Convolution<Target>{device, s}); });
    }
};
TYPED_TEST_SUITE(Conv3dKernels, Targets);

}  // namespace

// Integers of this size make every sum exact in f32, in any order: bits must be equal. Every launch runs twice.
TYPED_TEST(Conv3dKernels, AreExactOnIntegers) {
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text());
        const Conv3dSizes s = c.sizes();
        ASSERT_TRUE(conv3d_fits(s));
        const Inputs in(c, integers);
        const Array y = reference::conv3d(in.x, in.weight, in.bias, c.stride, c.padding);
        const Gradients g = gradients(c, in.x, in.weight, in.dy);
        this->on_each(s, [&](const auto& conv) {
            for (int round = 0; round < 2; ++round) {
                expect_equal(conv.forward(in.x, in.weight, in.bias), y.values, "y");
                expect_equal(conv.backward_data(in.dy, in.weight), g.x.values, "dx");
                expect_equal(conv.backward_weights(in.x, in.dy), joined(g.weight, g.bias), "dweight, dbias");
            }
        });
    }
}

TYPED_TEST(Conv3dKernels, WorkWithoutBias) {
    const Case c{2, 5, 4, 7, 4, 5, 3, 1, 1};
    const Conv3dSizes s = c.sizes();
    const Inputs in(c, integers);
    this->on_each(s, [&](const auto& conv) {
        expect_equal(conv.forward(in.x, in.weight, {}),
                     reference::conv3d(in.x, in.weight, {}, c.stride, c.padding).values, "y");
        std::vector<float> dw = conv.backward_weights(in.x, in.dy, false);
        for (int64_t o = 0; o < c.out; ++o)
            EXPECT_TRUE(std::isnan(dw[static_cast<size_t>(s.weights() + o)])) << "untouched";
        dw.resize(static_cast<size_t>(s.weights()));
        expect_equal(dw, gradients(c, in.x, in.weight, in.dy).weight.values, "dweight");
    });
}

// Sums of one order: the same bits for any order of threads and blocks.
TYPED_TEST(Conv3dKernels, GiveTheSameBitsInAnyOrder) {
    for (const Case& c : {Case{2, 9, 8, 9, 8, 64, 3, 1, 1}, Case{1, 12, 13, 11, 5, 7, 3, 2, 1}}) {
        SCOPED_TRACE(c.text());
        const Conv3dSizes s = c.sizes();
        const Inputs in(c, reals);
        std::vector<std::vector<float>> first;
        this->on_each(s, [&](const auto& conv) {
            for (int round = 0; round < 2; ++round) {
                const std::vector<std::vector<float>> results{conv.forward(in.x, in.weight, in.bias),
                                                              conv.backward_data(in.dy, in.weight),
                                                              conv.backward_weights(in.x, in.dy)};
                if (first.empty()) first = results;
                EXPECT_EQ(results, first);
            }
        });
    }
}

// Real numbers against double: rounding of f32 sums only. Positions in several shares, whose partial sums are added.
TYPED_TEST(Conv3dKernels, RoundAsSingleSumsDo) {
    for (const Case& c : {Case{2, 12, 13, 9, 8, 12, 3, 1, 1}, Case{2, 15, 14, 13, 1, 64, 3, 2, 1},
                          Case{1, 3, 4, 3, 256, 96, 1, 1, 0}}) {
        SCOPED_TRACE(c.text());
        const Conv3dSizes s = c.sizes();
        const Inputs in(c, reals);
        const Gradients g = gradients(c, in.x, in.weight, in.dy);
        this->on_each(s, [&](const auto& conv) {
            expect_near(conv.forward(in.x, in.weight, in.bias),
                        reference::conv3d(in.x, in.weight, in.bias, c.stride, c.padding).values, 2e-6, "y");
            expect_near(conv.backward_data(in.dy, in.weight), g.x.values, 2e-6, "dx");
            expect_near(conv.backward_weights(in.x, in.dy), joined(g.weight, g.bias), 2e-6, "dweight, dbias");
        });
    }
    EXPECT_GT(plan_backward_weights(Case{2, 12, 13, 9, 8, 12, 3, 1, 1}.sizes()).splits, 1);
}

// What a window does not see does not reach its result. (Padding is zeros that are multiplied, as in PyTorch: an
// infinite weight or, for the weights' gradient, an infinite dy makes NaN of them.)
TYPED_TEST(Conv3dKernels, KeepNotANumberInItsWindows) {
    for (const Case& c :
         {Case{1, 5, 5, 5, 3, 4, 3, 1, 1}, Case{1, 5, 5, 5, 16, 32, 3, 1, 1}, Case{1, 5, 6, 5, 4, 8, 3, 2, 1}}) {
        SCOPED_TRACE(c.text());
        const Conv3dSizes s = c.sizes();
        Inputs in(c, integers);
        for (double& v : in.weight.values) v = 1;
        in.x(0, 2, 2, 2, 1) = std::numeric_limits<double>::quiet_NaN();
        in.x(0, 0, 0, 0, 0) = std::numeric_limits<double>::infinity();
        in.dy(0, 1, 1, 1, 2) = std::numeric_limits<double>::quiet_NaN();
        in.dy(0, 0, 0, 0, 0) = -std::numeric_limits<double>::infinity();
        const Array y = reference::conv3d(in.x, in.weight, in.bias, c.stride, c.padding),
                    finite = Inputs(c, integers).dy;
        const Array dx = gradients(c, in.x, in.weight, in.dy).x;
        const Gradients g = gradients(c, in.x, in.weight, finite);
        const auto expect_same = [](const std::vector<float>& actual, const std::vector<double>& expected,
                                    const char* what) {
            ASSERT_EQ(actual.size(), expected.size());
            for (size_t i = 0; i < actual.size(); ++i)
                if (std::isnan(expected[i]))
                    ASSERT_TRUE(std::isnan(actual[i])) << what << " " << i;
                else
                    ASSERT_EQ(actual[i], expected[i]) << what << " " << i;
        };
        this->on_each(s, [&](const auto& conv) {
            expect_same(conv.forward(in.x, in.weight, in.bias), y.values, "y");
            expect_same(conv.backward_data(in.dy, in.weight), dx.values, "dx");
            expect_same(conv.backward_weights(in.x, finite), joined(g.weight, g.bias), "dweight, dbias");
        });
    }
}

// bf16 operands, f32 sums: on integers nothing rounds.
TYPED_TEST(Conv3dKernels, AreExactOnIntegersInBf16) {
    if (this->older_than_sm80()) GTEST_SKIP() << "older than sm_80";
    for (const Case& c : cases) {
        SCOPED_TRACE(c.text());
        const Inputs in(c, integers);
        const Array y = reference::conv3d(in.x, in.weight, in.bias, c.stride, c.padding);
        const Gradients g = gradients(c, in.x, in.weight, in.dy);
        this->on_each(c.sizes(true), [&](const auto& conv) {
            expect_equal(conv.forward(in.x, in.weight, in.bias), y.values, "y");
            expect_equal(conv.backward_data(in.dy, in.weight), g.x.values, "dx");
            expect_equal(conv.backward_weights(in.x, in.dy), joined(g.weight, g.bias), "dweight, dbias");
        });
    }
}

// The definition on rounded operands, in double. Biases are not operands: their gradient is the sum of dy as it came.
TYPED_TEST(Conv3dKernels, RoundOperandsToBf16) {
    if (this->older_than_sm80()) GTEST_SKIP() << "older than sm_80";
    for (const Case& c :
         {Case{2, 5, 4, 7, 3, 5, 3, 1, 1}, Case{1, 9, 8, 11, 1, 64, 3, 2, 1}, Case{1, 4, 5, 6, 32, 64, 3, 1, 1},
          Case{2, 3, 3, 4, 20, 12, 3, 2, 1}, Case{1, 12, 13, 11, 4, 8, 3, 1, 1}}) {
        SCOPED_TRACE(c.text());
        const Inputs in(c, reals);
        const Array x = rounded_to_bf16(in.x), weight = rounded_to_bf16(in.weight), dy = rounded_to_bf16(in.dy);
        const Array y = reference::conv3d(x, weight, in.bias, c.stride, c.padding);
        const Gradients g = gradients(c, x, weight, dy);
        Array dbias({c.out});
        for (int64_t i = 0; i < in.dy.count(); ++i) dbias[i % c.out] += in.dy[i];
        this->on_each(c.sizes(true), [&](const auto& conv) {
            expect_near(conv.forward(in.x, in.weight, in.bias), y.values, 2e-6, "y");
            expect_near(conv.backward_data(in.dy, in.weight), g.x.values, 2e-6, "dx");
            expect_near(conv.backward_weights(in.x, in.dy), joined(g.weight, dbias), 2e-6, "dweight, dbias");
        });
    }
}

// No samples: nothing to write but the zeros that an empty sum is.
TYPED_TEST(Conv3dKernels, TakeNoSamples) {
    const Case vectors{0, 3, 4, 3, 4, 8, 3, 1, 1}, scalars{0, 3, 4, 3, 3, 5, 3, 2, 1};
    for (const auto& [c, bf16] : {std::pair{vectors, false}, {scalars, false}, {vectors, true}, {scalars, true}}) {
        if (bf16 && this->older_than_sm80()) continue;
        const Conv3dSizes s = c.sizes(bf16);
        const Inputs in(c, integers);
        this->on_each(s, [&](const auto& conv) {
            EXPECT_TRUE(conv.forward(in.x, in.weight, in.bias).empty());
            EXPECT_TRUE(conv.backward_data(in.dy, in.weight).empty());
            for (float v : conv.backward_weights(in.x, in.dy)) ASSERT_EQ(v, 0.0f);
        });
    }
}

}  // namespace cmtl::kernels
