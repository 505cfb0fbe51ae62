#include "kernels/stem.hpp"

#include <optional>

#include "kernels/kernel_case.hpp"
#include "reference/batch_norm3d.hpp"
#include "reference/elementwise.hpp"
#include "reference/pool3d.hpp"
#include "reference/shift3d.hpp"

namespace cmtl::kernels {

namespace {

constexpr double eps = 1e-3, momentum = 0.25;

enum class Movement { none, wrapped, filled };

struct Case {
    Array x, dy, scale, shift, mean, variance;
    std::vector<int32_t> plan;  // empty: no Shift3D
    std::optional<double> fill;
    bool training = true;
    size_t offset = 0;  // elements beyond an aligned address
    StemSizes sizes() const { return {x.size(0), x.size(1), x.size(2), x.size(3), x.size(4)}; }
};

// Of every three samples the first stays where it is; in the others channels move along all axes, up to once around.
Case random_case(const Sizes& sizes, Movement movement, uint64_t seed) {
    const int64_t channels = sizes[4];
    Case c;
    c.x = random_values(sizes, seed);
    c.scale = random_values({channels}, seed + 1);
    c.shift = random_values({channels}, seed + 2);
    c.mean = random_values({channels}, seed + 3);
    c.variance = random_values({channels}, seed + 4);
    for (double& v : c.variance.values) v = static_cast<double>(static_cast<float>(0.5 + std::abs(v)));
    const StemSizes s = c.sizes();
    c.dy = random_values({s.n, s.out(s.d), s.out(s.h), s.out(s.w), channels}, seed + 5);
    if (movement == Movement::none) return c;
    std::mt19937_64 random(seed);
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t k = 0; k < channels; ++k) {
            const auto axis = static_cast<int32_t>(random() % 3);
            const auto size = static_cast<int32_t>(sizes[static_cast<size_t>(axis) + 1]);
            const auto amount = static_cast<int32_t>(random() % static_cast<uint64_t>(2 * size + 1)) - size;
            c.plan.push_back(axis);
            c.plan.push_back(n % 3 == 0 ? 0 : amount);
        }
    if (movement == Movement::filled) c.fill = 0.375;
    return c;
}

struct Expected {
    Array y, dx, dscale, dshift, mean, variance;
};

// The operators one after the other, forwards and backwards, in doubles.
Expected define(const Case& c) {
    const int64_t channels = c.x.size(4), rows = c.x.count() / channels;
    Expected e;
    e.mean = c.mean;
    e.variance = c.variance;
    const Array normal = reference::batch_norm3d(c.x, c.scale, c.shift, e.mean, e.variance, c.training, eps, momentum);
    Array z = reference::relu(normal);
    if (!c.plan.empty()) z = reference::shift3d(z, c.plan, c.fill);
    std::vector<int64_t> winners;
    e.y = reference::max_pool3d(z, 3, 2, 1, nullptr, &winners);

    Array dz(z.sizes);
    for (int64_t i = 0; i < e.y.count(); ++i) dz[winners[static_cast<size_t>(i)]] += c.dy[i];
    if (!c.plan.empty()) {
        std::vector<int32_t> back = c.plan;
        for (size_t i = 1; i < back.size(); i += 2) back[i] = -back[i];
        dz = reference::shift3d(dz, back, c.fill ? std::optional<double>(0) : std::nullopt);
    }
    for (int64_t i = 0; i < dz.count(); ++i)
        if (!(normal[i] > 0)) dz[i] = 0;
    e.dx = Array(c.x.sizes);
    e.dscale = e.dshift = Array({channels});
    for (int64_t k = 0; k < channels; ++k) {  // Ioffe and Szegedy, 2015, section 3
        double mean = c.mean[k], variance = c.variance[k];
        if (c.training) {
            mean = variance = 0;
            for (int64_t r = 0; r < rows; ++r) mean += c.x[r * channels + k] / static_cast<double>(rows);
            for (int64_t r = 0; r < rows; ++r) variance += std::pow(c.x[r * channels + k] - mean, 2) / static_cast<double>(rows);
        }
        const double inverse = 1 / std::sqrt(variance + eps);
        for (int64_t r = 0; r < rows; ++r) {
            e.dshift[k] += dz[r * channels + k];
            e.dscale[k] += dz[r * channels + k] * (c.x[r * channels + k] - mean) * inverse;
        }
        for (int64_t r = 0; r < rows; ++r) {
            const double normalised = (c.x[r * channels + k] - mean) * inverse;
            const double through = c.training ? (e.dshift[k] + normalised * e.dscale[k]) / static_cast<double>(rows) : 0;
            e.dx[r * channels + k] = c.scale[k] * inverse * (dz[r * channels + k] - through);
        }
    }
    return e;
}

// y, y without winners, running mean and variance, dx (also in place of x), dscale, dshift.
template <class Target>
std::vector<std::vector<float>> run(TestDevice& device, const Case& c) {
    const StemSizes s = c.sizes();
    const BatchNorm3dSizes rows = s.rows();
    const size_t count = c.x.values.size(), pooled = c.dy.values.size(), width = static_cast<size_t>(s.channels);
    const auto x = device.array(floats(c.x), c.offset), scale = device.array(floats(c.scale)), offset = device.array(floats(c.shift));
    const auto mean = device.array(floats(c.mean)), variance = device.array(floats(c.variance));
    const auto saved = device.array(3 * width, unwritten());
    const BatchNorm3dSaved statistics{saved.data(), saved.data() + width, saved.data() + 2 * width};
    const auto scratch = device.array(batch_norm3d_scratch(rows), uint8_t{0xff}), back = device.array(batch_norm3d_scratch(rows), uint8_t{0xff});
    batch_norm3d_forward<Target>(device.stream, {rows, c.training, true, eps, momentum, x.data(), scale.data(), offset.data(), mean.data(),
                                                 variance.data(), nullptr, statistics, scratch.data()});
    const auto plan = device.array(c.plan);
    const StemShift shift{c.plan.empty() ? nullptr : plan.data(), c.fill.has_value(), static_cast<float>(c.fill.value_or(0))};
    const auto y = device.array(pooled, unwritten(), c.offset), alone = device.array(pooled, unwritten());
    const auto winner = device.array(pooled, uint8_t{0xff}, c.offset);
    const float* const table = batch_norm3d_coefficients(rows, scratch.data());
    stem_pool_forward<Target>(device.stream, s, shift, x.data(), table, y.data(), winner.data());
    stem_pool_forward<Target>(device.stream, s, shift, x.data(), table, alone.data(), nullptr);

    const auto dy = device.array(floats(c.dy), c.offset), dx = device.array(count, unwritten(), c.offset);
    const auto dscale = device.array(width, unwritten()), dshift = device.array(width, unwritten());
    EXPECT_TRUE(stem_backward_fits(s));
    const auto backward = [&](float* target) {
        stem_pool_backward<Target>(device.stream, s, shift, dy.data(), winner.data(),
                                   {rows, c.training, true, x.data(), nullptr, scale.data(), offset.data(), statistics, target, dscale.data(),
                                    dshift.data(), back.data()});
    };
    backward(dx.data());
    back.host();
    const std::vector<std::vector<float>> results{y.host(), alone.host(), mean.host(), variance.host(), dx.host(), dscale.host(), dshift.host()};
    backward(x.data());
    const std::vector<float> in_place = x.host();
    EXPECT_TRUE(same_bits(in_place, results[4])) << "in place of x";
    return results;
}

template <class Target>
void expect_agreement(const Case& c, double tolerance = 5e-6) {
    const StemSizes s = c.sizes();
    SCOPED_TRACE(::testing::Message() << s.n << "x" << s.d << "x" << s.h << "x" << s.w << "x" << s.channels << (c.training ? " training" : "")
                                      << (c.plan.empty() ? "" : c.fill ? " filled" : " wrapped"));
    const Expected e = define(c);
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) { return run<Target>(device, c); });
    expect_near(results[0], e.y, tolerance, "y");
    expect_near(results[1], e.y, tolerance, "y without winners");
    expect_near(results[2], e.mean, 1e-6, "running mean");
    expect_near(results[3], e.variance, 1e-6, "running variance");
    expect_near(results[4], e.dx, 2 * tolerance, "dx");
    expect_near(results[5], e.dscale, 4 * tolerance, "dscale");
    expect_near(results[6], e.dshift, 2 * tolerance, "dshift");
}

}  // namespace

template <class Target>
class StemKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(StemKernels, Targets);

TYPED_TEST(StemKernels, AgreeWithTheDefinition) {
    uint64_t seed = 10;
    for (const Sizes& sizes : {Sizes{3, 5, 4, 7, 3}, {3, 6, 5, 5, 16}, {4, 9, 7, 4, 20}, {2, 4, 6, 9, 64}, {2, 3, 5, 4, 65}, {3, 2, 3, 3, 1},
                               {2, 1, 1, 2, 8}, {2, 17, 3, 2, 4}, {1, 2, 2, 3, 512}})
        for (const Movement movement : {Movement::none, Movement::wrapped, Movement::filled}) {
            Case c = random_case(sizes, movement, ++seed);
            c.training = seed % 4 != 0;
            expect_agreement<TypeParam>(c);
        }
}

// More tiles than partial sums: blocks take several.
TYPED_TEST(StemKernels, ManyTiles) {
    const StemSizes s{3, 200, 1, 1, 16};
    ASSERT_LT(batch_norm3d_partials(s.rows()) / s.n, s.out(s.d));
    for (const Sizes& sizes : {Sizes{3, 200, 1, 1, 16}, {2, 64, 2, 2, 4}})
        for (const Movement movement : {Movement::none, Movement::wrapped, Movement::filled})
            expect_agreement<TypeParam>(random_case(sizes, movement, 50));
}

// Grids of several blocks along every axis.
TYPED_TEST(StemKernels, LargerGrids) {
    expect_agreement<TypeParam>(random_case({2, 6, 40, 40, 4}, Movement::wrapped, 51));
    expect_agreement<TypeParam>(random_case({3, 3, 33, 35, 18}, Movement::filled, 52));
}

TYPED_TEST(StemKernels, AddressesThatAllowNoVectors) {
    Case c = random_case({2, 5, 4, 7, 16}, Movement::wrapped, 60);
    c.offset = 1;
    expect_agreement<TypeParam>(c);
}

// A mean far from zero; products that single precision does not hold.
TYPED_TEST(StemKernels, LargeNumbers) {
    Case c = random_case({3, 4, 5, 6, 8}, Movement::wrapped, 70);
    for (double& v : c.x.values) v = static_cast<double>(static_cast<float>(v + 1e4));
    expect_agreement<TypeParam>(c);
    c = random_case({3, 4, 5, 6, 8}, Movement::none, 71);
    for (double& v : c.x.values) v = static_cast<double>(static_cast<float>(v * 1e15));
    for (double& v : c.dy.values) v = static_cast<double>(static_cast<float>(v * 1e24));
    expect_agreement<TypeParam>(c);
}

TYPED_TEST(StemKernels, NotANumberSpoilsItsChannelAlone) {
    for (const Movement movement : {Movement::none, Movement::wrapped}) {
        Case c = random_case({2, 5, 4, 7, 16}, movement, 80);
        c.x(1, 2, 3, 3, 5) = not_a_number;
        const Expected e = define(c);
        const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) { return run<TypeParam>(device, c); });
        expect_near(results[0], e.y, 5e-6, "y");
        for (size_t i = 0; i < results[4].size(); ++i) ASSERT_EQ(std::isnan(results[4][i]), i % 16 == 5) << i;
    }
}

TYPED_TEST(StemKernels, RefusesMoreSamplesThanPartialSums) {
    EXPECT_TRUE(stem_backward_fits({2048, 4, 4, 4, 8}));
    EXPECT_FALSE(stem_backward_fits({2049, 4, 4, 4, 8}));
    EXPECT_TRUE(stem_backward_fits({16, 1, 1, 1, 8}));
    EXPECT_FALSE(stem_backward_fits({17, 1, 1, 1, 8}));
}

}  // namespace cmtl::kernels
