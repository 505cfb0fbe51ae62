#include "kernels/pool3d.hpp"

#include "kernels/kernel_case.hpp"
#include "reference/pool3d.hpp"

namespace cmtl::kernels {

namespace {

struct Pooling {
    Sizes x;
    Axes kernel, stride, padding;
    size_t shift = 0;  // elements beyond an aligned address
    Pool3dSizes sizes() const { return {x[0], x[1], x[2], x[3], x[4], kernel, stride, padding}; }
    Sizes out() const {
        const Pool3dSizes s = sizes();
        return {x[0], s.out(0), s.out(1), s.out(2), x[4]};
    }
};

// What the network has (3, 2, 1), at sizes that leave every kind of edge; and every other shape of window.
const std::vector<Pooling> poolings{
    {{1, 1, 1, 1, 1}, 3, 2, 1},     {{1, 2, 3, 4, 3}, 3, 2, 1},     {{2, 5, 4, 7, 3}, 3, 2, 1},   {{1, 5, 5, 6, 16}, 3, 2, 1},
    {{1, 17, 7, 5, 4}, 3, 2, 1},    {{1, 3, 4, 5, 64}, 3, 2, 1},    {{1, 4, 9, 10, 65}, 3, 2, 1}, {{1, 16, 12, 11, 12}, 3, 2, 1},
    {{1, 2, 3, 3, 512}, 3, 2, 1},   {{1, 1, 2, 3, 1156}, 3, 2, 1},  {{1, 5, 5, 6, 16}, 3, 2, 1, 1}, {{1, 33, 2, 2, 4}, 3, 2, 1},
    {{3, 2, 2, 2, 5}, 2, 2, 0},     {{1, 7, 6, 5, 2}, 2, 2, 0},     {{1, 4, 4, 4, 3}, 3, 1, 1},   {{1, 5, 4, 3, 2}, 1, 1, 0},
    {{1, 7, 8, 6, 8}, 2, 3, 0},     {{1, 6, 7, 5, 4}, 5, 2, 2},     {{1, 8, 9, 7, 3}, 6, 1, 3},   {{2, 5, 5, 5, 8}, 3, 2, 0},
    {{1, 1, 300, 1, 1}, 1, 1, 0},   {{1, 2, 200, 1, 1}, 3, 2, 1},
    {{1, 4, 9, 7, 16}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}}, {{2, 7, 4, 5, 3}, {2, 1, 1}, {2, 1, 1}, 0},
    {{1, 9, 8, 7, 5}, {4, 2, 3}, {3, 2, 1}, {2, 0, 1}},
};

std::string text(const Pooling& p) {
    std::string s = "k" + p.kernel.text() + " s" + p.stride.text() + " p" + p.padding.text();
    for (int64_t size : p.x) s += " " + std::to_string(size);
    return s;
}

template <class Target>
std::vector<std::vector<float>> run_max(TestDevice& device, const Pooling& p, const Array& x, const Array& dy) {
    const size_t in = x.values.size(), out = dy.values.size();
    const auto tx = device.array(floats(x), p.shift), y = device.array(out, unwritten(), p.shift), alone = device.array(out, unwritten());
    const auto winner = device.array(out, uint8_t{0xff}, p.shift);
    max_pool3d_forward<Target>(device.stream, p.sizes(), tx.data(), y.data(), winner.data());
    max_pool3d_forward<Target>(device.stream, p.sizes(), tx.data(), alone.data(), nullptr);
    const auto tdy = device.array(floats(dy), p.shift), dx = device.array(in, unwritten(), p.shift);
    max_pool3d_backward<Target>(device.stream, p.sizes(), tdy.data(), winner.data(), dx.data());
    const std::vector<uint8_t> won = winner.host();
    return {y.host(), alone.host(), dx.host(), std::vector<float>(won.begin(), won.end())};
}

// Result, gradient and winners of `x`, all exact: values are copied, gradients are small integers.
template <class Target>
void expect_max(const Pooling& p, const Array& x) {
    SCOPED_TRACE(text(p));
    std::vector<int64_t> winners;
    const Array y = reference::max_pool3d(x, p.kernel, p.stride, p.padding, nullptr, &winners);
    ASSERT_EQ(y.sizes, p.out());
    const Array dy = random_integers(y.sizes, 2);
    Array dx(x.sizes), positions(y.sizes);
    int64_t i = 0;
    for (int64_t n = 0; n < y.size(0); ++n)
        for (int64_t d = 0; d < y.size(1); ++d)
            for (int64_t h = 0; h < y.size(2); ++h)
                for (int64_t w = 0; w < y.size(3); ++w)
                    for (int64_t c = 0; c < y.size(4); ++c, ++i) {
                        const int64_t at = winners[static_cast<size_t>(i)];
                        dx[at] += dy[i];
                        const int64_t voxel = at / y.size(4), xw = voxel % p.x[3], xh = voxel / p.x[3] % p.x[2], xd = voxel / p.x[3] / p.x[2] % p.x[1];
                        const auto inside = [&](int axis, int64_t in, int64_t out) { return in - out * p.stride[axis] + p.padding[axis]; };
                        positions[i] = static_cast<double>((inside(0, xd, d) * p.kernel.h + inside(1, xh, h)) * p.kernel.w + inside(2, xw, w));
                    }
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) { return run_max<Target>(device, p, x, dy); });
    expect_near(results[0], y, 0, "y");
    expect_near(results[1], y, 0, "y without winners");
    expect_near(results[2], dx, 0, "dx");
    expect_near(results[3], positions, 0, "winner");
}

}  // namespace

template <class Target>
class Pool3dKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(Pool3dKernels, Targets);

TYPED_TEST(Pool3dKernels, MaximumAgreesWithTheDefinition) {
    for (const Pooling& p : poolings) expect_max<TypeParam>(p, random_values(p.x, 1));
}

// Integers from -3 to 3 tie in nearly every window: the first takes it all.
TYPED_TEST(Pool3dKernels, TheFirstOfEqualValuesWins) {
    for (const Pooling& p : poolings) expect_max<TypeParam>(p, random_integers(p.x, 3));
}

TYPED_TEST(Pool3dKernels, NotANumberWinsAndInfinitiesCount) {
    for (const Pooling& p : poolings) {
        Array x = random_integers(p.x, 4);
        std::mt19937_64 random(5);
        for (double& v : x.values) {
            const auto draw = random() % 24;
            if (draw == 0) v = not_a_number;
            if (draw == 1) v = infinity;
            if (draw < 12 && draw > 1) v = -infinity;
        }
        expect_max<TypeParam>(p, x);
        expect_max<TypeParam>(p, Array(p.x, -infinity));
        expect_max<TypeParam>(p, Array(p.x, not_a_number));
    }
}

TYPED_TEST(Pool3dKernels, MeanAgreesWithTheDefinition) {
    for (const Pooling& p : poolings) {
        SCOPED_TRACE(text(p));
        const Array x = random_values(p.x, 6), y = reference::avg_pool3d(x, p.kernel, p.stride, p.padding), dy = random_values(y.sizes, 7);
        // The transpose of a linear map: every input's share of every output.
        Array dx(p.x);
        for (int64_t n = 0; n < y.size(0); ++n)
            for (int64_t d = 0; d < y.size(1); ++d)
                for (int64_t h = 0; h < y.size(2); ++h)
                    for (int64_t w = 0; w < y.size(3); ++w)
                        for (int64_t k = 0; k < p.kernel.product(); ++k)
                            for (int64_t c = 0; c < y.size(4); ++c) {
                                const int64_t xd = d * p.stride.d - p.padding.d + k / p.kernel.w / p.kernel.h,
                                              xh = h * p.stride.h - p.padding.h + k / p.kernel.w % p.kernel.h,
                                              xw = w * p.stride.w - p.padding.w + k % p.kernel.w;
                                if (xd >= 0 && xd < p.x[1] && xh >= 0 && xh < p.x[2] && xw >= 0 && xw < p.x[3])
                                    dx(n, xd, xh, xw, c) += dy(n, d, h, w, c) / static_cast<double>(p.kernel.product());
                            }
        const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
            const auto tx = device.array(floats(x), p.shift), tdy = device.array(floats(dy), p.shift);
            const auto ty = device.array(y.values.size(), unwritten(), p.shift), tdx = device.array(x.values.size(), unwritten(), p.shift);
            avg_pool3d_forward<TypeParam>(device.stream, p.sizes(), tx.data(), ty.data());
            avg_pool3d_backward<TypeParam>(device.stream, p.sizes(), tdy.data(), tdx.data());
            return std::vector{ty.host(), tdx.host()};
        });
        expect_near(results[0], y, 1e-6, "y");
        expect_near(results[1], dx, 1e-6, "dx");
    }
}

TYPED_TEST(Pool3dKernels, MeanOfTheWholeGrid) {
    for (const Sizes& x_sizes : {Sizes{1, 1, 1, 1, 1}, {2, 1, 1, 1, 5}, {1, 2, 3, 4, 1}, {3, 5, 4, 7, 3}, {2, 3, 3, 3, 32}, {1, 13, 16, 16, 17},
                                 {1, 2, 4, 8, 33}, {4, 2, 2, 2, 64}, {1, 3, 3, 3, 512}}) {
        Array x = random_values(x_sizes, 8);
        if (x.count() > 40) x[37] = not_a_number;
        const Array y = reference::global_avg_pool3d(x), dy = random_values(y.sizes, 9);
        const int64_t n = x.size(0), channels = x.size(4), rows = x.size(1) * x.size(2) * x.size(3);
        Array dx(x.sizes);
        for (int64_t i = 0; i < dx.count(); ++i) dx[i] = dy[i / channels / rows * channels + i % channels] / static_cast<double>(rows);
        for (size_t shift : {0, 1}) {
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto tx = device.array(floats(x), shift), tdy = device.array(floats(dy), shift);
                const auto ty = device.array(y.values.size(), unwritten(), shift), tdx = device.array(x.values.size(), unwritten(), shift);
                global_avg_pool3d_forward<TypeParam>(device.stream, n, rows, channels, tx.data(), ty.data());
                global_avg_pool3d_backward<TypeParam>(device.stream, n, rows, channels, tdy.data(), tdx.data());
                return std::vector{ty.host(), tdx.host()};
            });
            expect_near(results[0], y, 1e-7, "y");
            expect_near(results[1], dx, 1e-7, "dx");
        }
    }
}

TYPED_TEST(Pool3dKernels, AnEmptyBatch) {
    this->on_devices([](TestDevice& device) {
        const auto none = device.array(std::vector<float>{});
        const Pool3dSizes s{0, 4, 4, 4, 3, 3, 2, 1};
        EXPECT_NO_THROW({
            max_pool3d_forward<TypeParam>(device.stream, s, none.data(), none.data(), nullptr);
            max_pool3d_backward<TypeParam>(device.stream, s, none.data(), nullptr, none.data());
            avg_pool3d_forward<TypeParam>(device.stream, s, none.data(), none.data());
            avg_pool3d_backward<TypeParam>(device.stream, s, none.data(), none.data());
            global_avg_pool3d_forward<TypeParam>(device.stream, 0, 64, 3, none.data(), none.data());
            global_avg_pool3d_backward<TypeParam>(device.stream, 0, 64, 3, none.data(), none.data());
        });
        none.host();
    });
}

}  // namespace cmtl::kernels
