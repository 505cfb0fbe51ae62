#include "kernels/batch_norm3d.hpp"

#include "kernels/kernel_case.hpp"
#include "reference/batch_norm3d.hpp"
#include "reference/elementwise.hpp"

namespace cmtl::kernels {

namespace {

constexpr double eps = 1e-3, momentum = 0.25;

struct Case {
    Array x, dy, scale, shift, mean, variance;
    int64_t rows() const { return x.count() / channels(); }
    int64_t channels() const { return x.size(-1); }
    size_t width() const { return static_cast<size_t>(channels()); }
};

Case random_case(int64_t rows, int64_t channels, uint64_t seed) {
    Case c{random_values({rows, channels}, seed), random_values({rows, channels}, seed + 1), random_values({channels}, seed + 2),
           random_values({channels}, seed + 3), random_values({channels}, seed + 4), random_values({channels}, seed + 5)};
    for (double& v : c.variance.values) v = static_cast<double>(static_cast<float>(0.5 + std::abs(v)));
    for (int64_t i = 0; i < c.x.count(); ++i) {  // channels of different mean and spread
        const double k = static_cast<double>(i % channels % 5);
        c.x[i] = static_cast<double>(static_cast<float>(c.x[i] * (1 + k) + k / 3));
    }
    return c;
}


// y, running mean and variance, dx (also in place of dy), dscale, dshift. Arrays begin `shift` elements beyond an aligned address.
template <class Target>
std::vector<std::vector<float>> run(TestDevice& device, const Case& c, bool training, bool relu, size_t shift = 0) {
    const size_t count = c.x.values.size(), width = c.width();
    const BatchNorm3dSizes sizes{c.rows(), c.channels()};
    const auto x = device.array(floats(c.x), shift), scale = device.array(floats(c.scale)), offset = device.array(floats(c.shift));
    const auto mean = device.array(floats(c.mean)), variance = device.array(floats(c.variance));
    const auto y = device.array(count, unwritten(), shift);
    const auto saved_mean = device.array(width, unwritten()), rest = device.array(width, unwritten()),
               inverse = device.array(width, unwritten());
    const BatchNorm3dSaved saved{saved_mean.data(), rest.data(), inverse.data()};
    const auto scratch = device.array(batch_norm3d_scratch(sizes), uint8_t{0xff}), back = device.array(batch_norm3d_scratch(sizes), uint8_t{0xff});
    batch_norm3d_forward<Target>(device.stream, {sizes, training, relu, eps, momentum, x.data(), scale.data(), offset.data(), mean.data(),
                                                 variance.data(), y.data(), saved, scratch.data()});
    scratch.host();

    const auto dy = device.array(floats(c.dy), shift), dx = device.array(count, unwritten(), shift);
    const auto dscale = device.array(width, unwritten()), dshift = device.array(width, unwritten());
    const auto backward = [&](float* target) {
        batch_norm3d_backward<Target>(device.stream, {sizes, training, relu, x.data(), dy.data(), scale.data(), offset.data(), saved, target,
                                                      dscale.data(), dshift.data(), back.data()});
    };
    backward(dx.data());
    back.host();
    const std::vector<std::vector<float>> results{y.host(), mean.host(), variance.host(), dx.host(), dscale.host(), dshift.host()};
    backward(dy.data());
    EXPECT_TRUE(same_bits(dy.host(), results[3])) << "in place of dy";
    return results;
}

struct Gradients {
    Array dx, dscale, dshift;
};

// Ioffe and Szegedy, Batch Normalization, 2015, section 3, in doubles; `y` before the ReLU says where that is open.
Gradients gradients(const Case& c, const Array& y, bool training, bool relu) {
    const int64_t rows = c.rows(), channels = c.channels();
    Gradients g{Array(c.x.sizes), Array({channels}), Array({channels})};
    for (int64_t k = 0; k < channels; ++k) {
        double mean = c.mean[k], variance = c.variance[k];
        if (training) {
            mean = variance = 0;
            for (int64_t r = 0; r < rows; ++r) mean += c.x(r, k) / static_cast<double>(rows);
            for (int64_t r = 0; r < rows; ++r) variance += (c.x(r, k) - mean) * (c.x(r, k) - mean) / static_cast<double>(rows);
        }
        const double inverse = 1 / std::sqrt(variance + eps);
        const auto open = [&](int64_t r) { return relu && y(r, k) <= 0 ? 0.0 : c.dy(r, k); };
        const auto normalised = [&](int64_t r) { return (c.x(r, k) - mean) * inverse; };
        for (int64_t r = 0; r < rows; ++r) {
            g.dshift[k] += open(r);
            g.dscale[k] += open(r) * normalised(r);
        }
        for (int64_t r = 0; r < rows; ++r) {
            const double through = training ? (g.dshift[k] + normalised(r) * g.dscale[k]) / static_cast<double>(rows) : 0;
            g.dx(r, k) = c.scale[k] * inverse * (open(r) - through);
        }
    }
    return g;
}

template <class Target>
void expect_agreement(Case c, bool training, bool relu, double tolerance, size_t shift = 0) {
    SCOPED_TRACE(::testing::Message() << c.rows() << "x" << c.channels() << (training ? " training" : "") << (relu ? " relu" : ""));
    Array mean = c.mean, variance = c.variance;
    const Array y = reference::batch_norm3d(c.x, c.scale, c.shift, mean, variance, training, eps, momentum);
    for (int64_t i = 0; i < y.count(); ++i)  // where rounding decides about the ReLU
        if (std::abs(y[i]) < 1e-3) c.dy[i] = 0;
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) { return run<Target>(device, c, training, relu, shift); });
    const Gradients g = gradients(c, y, training, relu);
    expect_near(results[0], relu ? reference::relu(y) : y, tolerance, "y");
    expect_near(results[1], mean, 1e-6, "running mean");
    expect_near(results[2], variance, 1e-6, "running variance");
    expect_near(results[3], g.dx, 2 * tolerance, "dx");
    expect_near(results[4], g.dscale, 4 * tolerance, "dscale");
    expect_near(results[5], g.dshift, 2 * tolerance, "dshift");
}

}  // namespace

template <class Target>
class BatchNorm3dKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(BatchNorm3dKernels, Targets);

TYPED_TEST(BatchNorm3dKernels, AgreeWithTheDefinition) {
    uint64_t seed = 1;
    for (int64_t channels : {1, 3, 16, 64, 65, 512})
        for (int64_t rows : {3, 17, 300}) {
            ++seed;
            expect_agreement<TypeParam>(random_case(rows, channels, seed), seed % 2, seed / 2 % 2, 4e-6);
        }
    for (bool training : {true, false})
        for (bool relu : {true, false}) expect_agreement<TypeParam>(random_case(129, 20, 99), training, relu, 4e-6);
}

// 64 channels make blocks of 16 rows: 300 of them are whole strips and a ragged end. Fewer channels want more rows for that.

// Many blocks of rows, with a ragged end; wide matrices in several tiles of columns.
TYPED_TEST(BatchNorm3dKernels, LongAndWide) {
    expect_agreement<TypeParam>(random_case(20011, 4, 1), true, true, 4e-6);
    expect_agreement<TypeParam>(random_case(20011, 3, 2), true, true, 4e-6);
    expect_agreement<TypeParam>(random_case(5, 1156, 3), true, false, 4e-6);
    expect_agreement<TypeParam>(random_case(37, 131, 4), true, false, 4e-6);
}

TYPED_TEST(BatchNorm3dKernels, AddressesThatAllowNoVectors) { expect_agreement<TypeParam>(random_case(70, 16, 5), true, true, 4e-6, 1); }

// More rows than 2048 blocks of two strips take: 0, 1, 2, ..., 0, 1, 2, 0.
TYPED_TEST(BatchNorm3dKernels, TheMostPartialSums) {
    const int64_t rows = 2048 * 4096 + 2;
    const BatchNorm3dSizes sizes{rows, 1};
    ASSERT_EQ(batch_norm3d_partials(sizes), batch_norm3d_most_partials);
    std::vector<float> values(static_cast<size_t>(rows));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 3);
    this->on_devices([&](TestDevice& device) {
        const auto x = device.array(values), one = device.array(1, 1.0f), mean = device.array(1, 0.0f), variance = device.array(1, 0.0f);
        const auto saved = device.array(3, unwritten());
        const auto scratch = device.array(batch_norm3d_scratch(sizes), uint8_t{0xff});
        batch_norm3d_forward<TypeParam>(device.stream, {sizes, true, false, eps, 1.0, x.data(), one.data(), one.data(), mean.data(),
                                                        variance.data(), nullptr, {saved.data(), saved.data() + 1, saved.data() + 2},
                                                        scratch.data()});
        const double n = static_cast<double>(rows), third = (n - 1) / 3;
        const double average = 3 * third / n, squares = 5 * third / n - average * average;
        EXPECT_EQ(mean.host()[0], static_cast<float>(average));
        EXPECT_EQ(variance.host()[0], static_cast<float>(squares * n / (n - 1)));
    });
}

// A deviation of a ten thousandth of the mean, and less: the mean takes more digits than a float has.
TYPED_TEST(BatchNorm3dKernels, ALargeMeanCostsNoDigits) {
    for (double mean : {1e4, -1e4, 3e5})
        for (bool relu : {false, true}) {
            Case c = random_case(300, 64, 7);
            for (double& v : c.x.values) v = static_cast<double>(static_cast<float>(v + mean));
            expect_agreement<TypeParam>(c, true, relu, 4e-6);
        }
}

// The first value is what sums are taken relative to: it may be far off.
TYPED_TEST(BatchNorm3dKernels, AnOutlierAtTheStart) {
    Case c = random_case(300, 64, 8);
    for (int64_t k = 0; k < 4; ++k) c.x(0, k) = 1e6;
    expect_agreement<TypeParam>(c, true, false, 1e-5);
    c = random_case(300, 64, 8);
    for (int64_t r = 100; r < 110; ++r) c.x(r, 5) = -1e6;
    expect_agreement<TypeParam>(c, true, false, 1e-5);
}

// What single precision does not hold is added in double: squares, and products with the gradient.
TYPED_TEST(BatchNorm3dKernels, SumsThatOverflow) {
    Case c = random_case(300, 64, 9);
    for (int64_t r = 0; r < 300; ++r) c.x(r, 2) = static_cast<double>(static_cast<float>(c.x(r, 2) * 1e18));
    expect_agreement<TypeParam>(c, true, false, 4e-6);
    c = random_case(300, 64, 9);
    for (double& v : c.x.values) v = static_cast<double>(static_cast<float>(v * 1e15));
    for (double& v : c.dy.values) v = static_cast<double>(static_cast<float>(v * 1e24));
    expect_agreement<TypeParam>(c, true, true, 4e-6);
}

TYPED_TEST(BatchNorm3dKernels, AConstantChannelHasNoVariance) {
    Case c = random_case(300, 64, 10);
    for (int64_t r = 0; r < 300; ++r) c.x(r, 3) = static_cast<double>(-1234.567f);
    const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) { return run<TypeParam>(device, c, true, false); });
    for (size_t r = 0; r < 300; ++r) ASSERT_NEAR(static_cast<double>(results[0][r * 64 + 3]), c.shift[3], 1e-4 * std::abs(c.scale[3]));
    EXPECT_EQ(results[2][3], static_cast<float>((1 - momentum) * c.variance[3]));
}

TYPED_TEST(BatchNorm3dKernels, IntegersGiveExactStatistics) {
    Case c = random_case(256, 64, 11);
    c.x = random_integers({256, 64}, 12);
    c.mean = Array({64});
    Array mean({64}), variance = c.variance;
    reference::batch_norm3d(c.x, c.scale, c.shift, mean, variance, true, eps, momentum);
    const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) { return run<TypeParam>(device, c, true, false); });
    for (size_t k = 0; k < 64; ++k) EXPECT_EQ(results[1][k], static_cast<float>(mean.values[k])) << k;
}

TYPED_TEST(BatchNorm3dKernels, NotANumberAndInfinitySpoilTheirChannelsAlone) {
    for (const double value : {not_a_number, infinity, -infinity})
        for (int64_t at : {0, 1, 149})
            for (bool relu : {false, true}) {
                Case c = random_case(150, 64, 13);
                c.x(at, 6) = value;
                Array mean = c.mean, variance = c.variance;
                Array y = reference::batch_norm3d(c.x, c.scale, c.shift, mean, variance, true, eps, momentum);
                if (relu) y = reference::relu(y);
                const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) { return run<TypeParam>(device, c, true, relu); });
                expect_near(results[0], y, 4e-6, "y");
                expect_near(results[1], mean, 1e-6, "running mean");
                expect_near(results[2], variance, 1e-6, "running variance");
                for (size_t i = 0; i < results[3].size(); ++i) ASSERT_EQ(std::isnan(results[3][i]), i % 64 == 6) << "dx " << i;
                for (size_t k = 0; k < 64; ++k) EXPECT_EQ(std::isnan(results[4][k]), k == 6);
            }
    // In evaluation a value spoils itself alone; what comes in as the gradient passes on.
    Case c = random_case(40, 8, 14);
    c.x(3, 2) = not_a_number;
    c.dy(5, 4) = infinity;
    Array mean = c.mean, variance = c.variance;
    const Array y = reference::batch_norm3d(c.x, c.scale, c.shift, mean, variance, false, eps, momentum);
    const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) { return run<TypeParam>(device, c, false, false); });
    expect_near(results[0], y, 4e-6, "y");
    for (size_t i = 0; i < results[3].size(); ++i) {
        EXPECT_EQ(std::isnan(results[3][i]), i == 3 * 8 + 2) << i;
        EXPECT_EQ(std::isinf(results[3][i]), i == 5 * 8 + 4) << i;
    }
    EXPECT_TRUE(std::isinf(results[5][4]));
}

TYPED_TEST(BatchNorm3dKernels, NoRowsInEvaluation) {
    Case c = random_case(1, 8, 15);
    c.x = c.dy = Array({0, 8});
    this->on_devices([&](TestDevice& device) {
        const auto results = run<TypeParam>(device, c, false, true);
        EXPECT_TRUE(results[0].empty());
        EXPECT_EQ(results[4], std::vector<float>(8, 0.0f));
        EXPECT_EQ(results[5], std::vector<float>(8, 0.0f));
    });
}

}  // namespace cmtl::kernels
