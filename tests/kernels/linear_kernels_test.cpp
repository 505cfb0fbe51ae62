#include "kernels/linear.hpp"

#include "kernels/kernel_case.hpp"
#include "reference/linear.hpp"

namespace cmtl::kernels {

namespace {

struct Layer {
    Array x, weight, bias, dy;
    LinearSizes sizes() const { return {x.size(0), x.size(1), weight.size(0)}; }
};

Layer layer(int64_t n, int64_t in, int64_t out, Array (*values)(const Sizes&, uint64_t)) {
    return {values({n, in}, 1), values({out, in}, 2), values({out}, 3), values({n, out}, 4)};
}

// y with and without bias, dx, dweight, dbias.
template <class Target>
std::vector<std::vector<float>> run(TestDevice& device, const Layer& l, bool each_alone = false) {
    const LinearSizes s = l.sizes();
    const auto x = device.array(floats(l.x)), weight = device.array(floats(l.weight)), bias = device.array(floats(l.bias)),
               dy = device.array(floats(l.dy));
    const auto empty = [&](int64_t count) { return device.array(static_cast<size_t>(count), unwritten()); };
    const auto y = empty(s.n * s.out), plain = empty(s.n * s.out), dx = empty(s.n * s.in), dweight = empty(s.out * s.in), dbias = empty(s.out);
    linear_forward<Target>(device.stream, s, x.data(), weight.data(), bias.data(), y.data());
    linear_forward<Target>(device.stream, s, x.data(), weight.data(), nullptr, plain.data());
    const auto backward = [&](float* a, float* b, float* c) {
        linear_backward<Target>(device.stream, s, x.data(), weight.data(), dy.data(), a, b, c);
    };
    if (each_alone) {
        backward(dx.data(), nullptr, nullptr);
        backward(nullptr, dweight.data(), nullptr);
        backward(nullptr, nullptr, dbias.data());
    } else {
        backward(dx.data(), dweight.data(), dbias.data());
    }
    return {y.host(), plain.host(), dx.host(), dweight.host(), dbias.host()};
}

template <class Target>
void expect_layer(const Layer& l, double tolerance) {
    const LinearSizes s = l.sizes();
    SCOPED_TRACE(::testing::Message() << s.n << "x" << s.in << " to " << s.out);
    Array dx({s.n, s.in}), dweight({s.out, s.in}), dbias({s.out});
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t o = 0; o < s.out; ++o) {
            dbias[o] += l.dy(n, o);
            for (int64_t i = 0; i < s.in; ++i) {
                dx(n, i) += l.dy(n, o) * l.weight(o, i);
                dweight(o, i) += l.dy(n, o) * l.x(n, i);
            }
        }
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) { return run<Target>(device, l); });
    expect_near(results[0], reference::linear(l.x, l.weight, l.bias), tolerance, "y");
    expect_near(results[1], reference::linear(l.x, l.weight, Array()), tolerance, "y without bias");
    expect_near(results[2], dx, tolerance, "dx");
    expect_near(results[3], dweight, tolerance, "dweight");
    expect_near(results[4], dbias, tolerance, "dbias");
}

const std::vector<LinearSizes> shapes{{1, 1, 1},   {3, 2, 1},     {1, 375, 256}, {2, 64, 3},   {17, 5, 7},    {10, 128, 64}, {3, 33, 17},
                                      {8, 32, 8},  {9, 31, 33},   {10, 375, 65}, {300, 16, 3}, {65, 65, 65},  {16, 512, 32}, {2, 1, 512}};

}  // namespace

template <class Target>
class LinearKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(LinearKernels, Targets);

TYPED_TEST(LinearKernels, AgreeWithTheDefinition) {
    for (const auto& [n, in, out] : shapes) expect_layer<TypeParam>(layer(n, in, out, random_values), 3e-6);
}

TYPED_TEST(LinearKernels, AreExactOnIntegers) {
    for (const auto& [n, in, out] : shapes) expect_layer<TypeParam>(layer(n, in, out, random_integers), 0);
}

TYPED_TEST(LinearKernels, EachGradientAlone) {
    const Layer l = layer(19, 37, 23, random_values);
    this->on_devices([&](TestDevice& device) { EXPECT_EQ(run<TypeParam>(device, l, true), run<TypeParam>(device, l, false)); });
}

// Features that nobody scaled reach 1e12.
TYPED_TEST(LinearKernels, LargeFeatures) {
    Layer l = layer(6, 375, 20, random_values);
    for (int64_t i = 0; i < l.x.count(); i += 3) l.x[i] = static_cast<double>(static_cast<float>(l.x[i] * 1e12));
    expect_layer<TypeParam>(l, 3e-6);
}

TYPED_TEST(LinearKernels, NotANumberStaysInItsRow) {
    Layer l = layer(11, 40, 9, random_integers);
    l.x(4, 17) = not_a_number;
    l.x(9, 39) = infinity;
    l.weight = Array({9, 40}, 1.0);
    l.dy(2, 3) = not_a_number;
    expect_layer<TypeParam>(l, 0);
}

TYPED_TEST(LinearKernels, NoRows) {
    const Layer l = layer(0, 5, 3, random_values);
    this->on_devices([&](TestDevice& device) {
        const auto results = run<TypeParam>(device, l);
        EXPECT_EQ(results[3], std::vector<float>(15, 0.0f));
        EXPECT_EQ(results[4], std::vector<float>(3, 0.0f));
    });
}

}  // namespace cmtl::kernels
