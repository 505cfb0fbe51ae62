#include "kernels/fire_join.hpp"

#include "kernels/kernel_case.hpp"
#include "reference/fire_join.hpp"

namespace cmtl::kernels {

namespace {

constexpr double eps = 1e-3, momentum = 0.25;

struct Norm {
    Array x, scale, shift, mean, variance;
    int64_t channels() const { return x.size(1); }
};

struct Case {
    Norm norm[2];
    Array bypass, dy;  // bypass: empty for none
    bool training = true;
    size_t offset = 0, joined_offset = 0;  // elements beyond an aligned address: of the halves, of what is joined
    int64_t rows() const { return dy.size(0); }
};

Norm random_norm(int64_t rows, int64_t channels, uint64_t seed) {
    Norm n{random_values({rows, channels}, seed), random_values({channels}, seed + 1), random_values({channels}, seed + 2),
           random_values({channels}, seed + 3), random_values({channels}, seed + 4)};
    for (double& v : n.variance.values) v = static_cast<double>(static_cast<float>(0.5 + std::abs(v)));
    return n;
}

Case random_case(int64_t rows, int64_t one, int64_t three, bool bypass, uint64_t seed) {
    Case c{{random_norm(rows, one, seed), random_norm(rows, three, seed + 10)}, {}, random_values({rows, one + three}, seed + 20)};
    if (bypass) c.bypass = random_values({rows, one + three}, seed + 21);
    return c;
}

struct Expected {
    Array y, mean[2], variance[2], dx[2], dscale[2], dshift[2], dbypass;
};

// The operators one after the other, forwards and backwards, in doubles.
Expected define(const Case& c) {
    Expected e;
    reference::FireJoinNorm norm[2];
    for (int k : {0, 1}) norm[k] = {c.norm[k].x, c.norm[k].scale, c.norm[k].shift, c.norm[k].mean, c.norm[k].variance};
    e.y = reference::fire_join(norm[0], norm[1], c.bypass.empty() ? nullptr : &c.bypass, c.training, eps, momentum);
    e.dbypass = c.dy;
    for (int64_t i = 0; i < e.y.count(); ++i)
        if (e.y[i] <= 0) e.dbypass[i] = 0;
    int64_t first = 0;
    for (int k : {0, 1}) {
        const Norm& n = c.norm[k];
        const int64_t channels = n.channels(), rows = c.rows();
        e.mean[k] = norm[k].running_mean;
        e.variance[k] = norm[k].running_variance;
        e.dx[k] = Array(n.x.sizes);
        e.dscale[k] = e.dshift[k] = Array({channels});
        for (int64_t j = 0; j < channels; ++j) {  // Ioffe and Szegedy, 2015, section 3
            double mean = n.mean[j], variance = n.variance[j];
            if (c.training) {
                mean = variance = 0;
                for (int64_t r = 0; r < rows; ++r) mean += n.x(r, j) / static_cast<double>(rows);
                for (int64_t r = 0; r < rows; ++r) variance += std::pow(n.x(r, j) - mean, 2) / static_cast<double>(rows);
            }
            const double inverse = 1 / std::sqrt(variance + eps);
            for (int64_t r = 0; r < rows; ++r) {
                e.dshift[k][j] += e.dbypass(r, first + j);
                e.dscale[k][j] += e.dbypass(r, first + j) * (n.x(r, j) - mean) * inverse;
            }
            for (int64_t r = 0; r < rows; ++r) {
                const double normalised = (n.x(r, j) - mean) * inverse;
                const double through = c.training ? (e.dshift[k][j] + normalised * e.dscale[k][j]) / static_cast<double>(rows) : 0;
                e.dx[k](r, j) = n.scale[j] * inverse * (e.dbypass(r, first + j) - through);
            }
        }
        first += channels;
    }
    return e;
}

constexpr size_t results_of_a_half = 5;  // running mean and variance, dx, dscale, dshift

// y, the results of either half, dbypass; the backward pass also in place.
template <class Target>
std::vector<std::vector<float>> run(TestDevice& device, const Case& c) {
    struct Memory {
        DeviceArray<float> x, scale, shift, mean, variance, saved, dx, dscale, dshift;
        DeviceArray<uint8_t> scratch, back;
    };
    std::vector<Memory> memory;
    BatchNorm3dForwardArguments forward[2];
    BatchNorm3dBackwardArguments backward[2];
    for (int k : {0, 1}) {
        const Norm& n = c.norm[k];
        const BatchNorm3dSizes sizes{c.rows(), n.channels()};
        const auto width = static_cast<size_t>(sizes.channels);
        memory.push_back({device.array(floats(n.x), c.offset), device.array(floats(n.scale)), device.array(floats(n.shift)),
                          device.array(floats(n.mean)), device.array(floats(n.variance)), device.array(3 * width, unwritten()),
                          device.array(n.x.values.size(), unwritten(), c.offset), device.array(width, unwritten()),
                          device.array(width, unwritten()), device.array(batch_norm3d_scratch(sizes), uint8_t{0xff}),
                          device.array(batch_norm3d_scratch(sizes), uint8_t{0xff})});
        const Memory& m = memory.back();
        const BatchNorm3dSaved saved{m.saved.data(), m.saved.data() + width, m.saved.data() + 2 * width};
        forward[k] = {sizes, c.training, false, eps, momentum, m.x.data(), m.scale.data(), m.shift.data(), m.mean.data(), m.variance.data(),
                      m.x.data(), saved, m.scratch.data()};  // y is not looked at
        backward[k] = {sizes, c.training, false, m.x.data(), nullptr, m.scale.data(), m.shift.data(), saved, m.dx.data(), m.dscale.data(),
                       m.dshift.data(), m.back.data()};
    }
    const size_t count = c.dy.values.size();
    const bool bypassed = !c.bypass.empty();
    const auto bypass = device.array(floats(c.bypass), c.joined_offset), y = device.array(count, unwritten(), c.joined_offset);
    const auto dy = device.array(floats(c.dy), c.joined_offset), dbypass = device.array(bypassed ? count : 0, unwritten(), c.joined_offset);
    fire_join_forward<Target>(device.stream, {forward[0], forward[1], bypassed ? bypass.data() : nullptr, y.data()});
    fire_join_backward<Target>(device.stream,
                               {backward[0], backward[1], dy.data(), bypassed ? y.data() : nullptr, bypassed ? dbypass.data() : nullptr});
    std::vector<std::vector<float>> results{y.host()};
    for (const Memory& m : memory) {
        for (const auto* r : {&m.mean, &m.variance, &m.dx, &m.dscale, &m.dshift}) results.push_back(r->host());
        m.scratch.host();
        m.back.host();
    }
    results.push_back(dbypass.host());

    // Every gradient in the place of what it is made of.
    for (int k : {0, 1}) backward[k].dx = memory[static_cast<size_t>(k)].x.data();
    fire_join_backward<Target>(device.stream,
                               {backward[0], backward[1], dy.data(), bypassed ? y.data() : nullptr, bypassed ? dy.data() : nullptr});
    for (size_t k : {0u, 1u}) {
        EXPECT_TRUE(same_bits(memory[k].x.host(), results[1 + k * results_of_a_half + 2])) << "dx in place";
    }
    if (bypassed) EXPECT_TRUE(same_bits(dy.host(), results.back())) << "dbypass in place";
    else EXPECT_TRUE(same_bits(dy.host(), floats(c.dy))) << "dy is kept";
    return results;
}

template <class Target>
void expect_agreement(const Case& c, double tolerance = 5e-6) {
    SCOPED_TRACE(::testing::Message() << c.rows() << "x(" << c.norm[0].channels() << "+" << c.norm[1].channels() << ")"
                                      << (c.bypass.empty() ? "" : " bypass") << (c.training ? " training" : ""));
    const Expected e = define(c);
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) { return run<Target>(device, c); });
    expect_near(results[0], e.y, tolerance, "y");
    for (size_t k : {0u, 1u}) {
        const auto* const half = &results[1 + k * results_of_a_half];
        expect_near(half[0], e.mean[k], 1e-6, "running mean");
        expect_near(half[1], e.variance[k], 1e-6, "running variance");
        expect_near(half[2], e.dx[k], 2 * tolerance, "dx");
        expect_near(half[3], e.dscale[k], 4 * tolerance, "dscale");
        expect_near(half[4], e.dshift[k], 2 * tolerance, "dshift");
    }
    if (!c.bypass.empty()) expect_near(results.back(), e.dbypass, 0, "dbypass");
}

}  // namespace

template <class Target>
class FireJoinKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(FireJoinKernels, Targets);

TYPED_TEST(FireJoinKernels, AgreeWithTheDefinition) {
    uint64_t seed = 100;
    struct Sizes {
        int64_t rows, one, three;
    };
    // Vectors and single channels, halves of different size, two tiles of columns, ragged ends.
    for (const Sizes& s : std::vector<Sizes>{{7, 1, 1}, {50, 3, 6}, {129, 20, 12}, {33, 8, 5}, {300, 64, 64}, {70, 4, 260}, {40, 70, 71}})
        for (const bool bypass : {false, true})
            for (const bool training : {true, false}) {
                Case c = random_case(s.rows, s.one, s.three, bypass, seed += 50);
                c.training = training;
                expect_agreement<TypeParam>(c);
            }
}

// Many blocks of rows, with a ragged end; three tiles of columns, whose blocks share the partial sums and take several pieces each.
TYPED_TEST(FireJoinKernels, ManyRows) {
    for (const bool bypass : {false, true}) expect_agreement<TypeParam>(random_case(20011, 4, 8, bypass, 2000));
    expect_agreement<TypeParam>(random_case(3001, 1, 2, true, 2100));
    expect_agreement<TypeParam>(random_case(700, 520, 512, false, 2200));
}

TYPED_TEST(FireJoinKernels, AddressesThatAllowNoVectors) {
    for (const bool bypass : {false, true}) {
        Case c = random_case(60, 16, 8, bypass, 3000);
        c.offset = 1;
        expect_agreement<TypeParam>(c);
        c.joined_offset = 1;
        expect_agreement<TypeParam>(c);
        c.offset = 0;
        expect_agreement<TypeParam>(c);
    }
}

// A mean far from zero; products that single precision does not hold.
TYPED_TEST(FireJoinKernels, LargeNumbers) {
    for (const bool bypass : {false, true}) {
        Case c = random_case(200, 8, 16, bypass, 4000);
        for (Norm& n : c.norm)
            for (double& v : n.x.values) v = static_cast<double>(static_cast<float>(v + 1e4));
        expect_agreement<TypeParam>(c);
        c = random_case(200, 8, 16, bypass, 4100);
        for (Norm& n : c.norm)
            for (double& v : n.x.values) v = static_cast<double>(static_cast<float>(v * 1e15));
        for (double& v : c.dy.values) v = static_cast<double>(static_cast<float>(v * 1e24));
        expect_agreement<TypeParam>(c);
    }
}

TYPED_TEST(FireJoinKernels, NotANumberSpoilsItsChannelAlone) {
    for (const bool bypass : {false, true})
        for (const size_t half : {0u, 1u}) {
            Case c = random_case(90, 12, 8, bypass, 5000);
            c.norm[half].x(41, 5) = not_a_number;
            const Expected e = define(c);
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) { return run<TypeParam>(device, c); });
            expect_near(results[0], e.y, 5e-6, "y");
            for (size_t k : {0u, 1u}) {
                const auto& dx = results[1 + k * results_of_a_half + 2];
                const size_t channels = k ? 8 : 12;
                for (size_t i = 0; i < dx.size(); ++i) ASSERT_EQ(std::isnan(dx[i]), k == half && i % channels == 5) << k << ", " << i;
            }
            if (bypass) expect_near(results.back(), e.dbypass, 0, "dbypass");  // where y is NaN, dy passes
        }
    // In evaluation a value spoils itself alone; so does one of the bypass.
    Case c = random_case(50, 8, 12, true, 5100);
    c.training = false;
    c.norm[0].x(7, 3) = not_a_number;
    c.norm[1].x(8, 3) = infinity;
    c.norm[1].x(9, 3) = -infinity;
    c.bypass(10, 19) = not_a_number;
    c.bypass(11, 0) = infinity;
    c.bypass(12, 1) = -infinity;
    const Expected e = define(c);
    const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) { return run<TypeParam>(device, c); });
    expect_near(results[0], e.y, 5e-6, "y");
    expect_near(results.back(), e.dbypass, 0, "dbypass");
}

// More pieces of rows than partial sums: blocks take several. Every value is as far from its mean, and no ReLU is closed.
TYPED_TEST(FireJoinKernels, MorePiecesThanPartialSums) {
    constexpr int64_t rows = 66000, channels = 64;
    ASSERT_EQ(batch_norm3d_partials({rows, channels}), batch_norm3d_most_partials);
    TestDevice device(std::is_same_v<TypeParam, Simt> ? simt_runtime() : cuda_runtime(0));
    const auto x = device.array(rows * channels, 3.0f, 1), dy = device.array(2 * rows * channels, 2.0f);  // the offset: no vectors
    const auto ones = device.array(channels, 1.0f), shift = device.array(channels, 9.0f), rest = device.array(channels, 0.0f);
    const auto dscale = device.array(2 * channels, unwritten()), dshift = device.array(2 * channels, unwritten());
    const auto dx = device.array(2 * rows * channels, unwritten());
    std::vector<DeviceArray<uint8_t>> scratch;
    const auto half = [&](int64_t k) -> BatchNorm3dBackwardArguments {
        const BatchNorm3dSizes sizes{rows, channels};
        scratch.push_back(device.array(batch_norm3d_scratch(sizes), uint8_t{0xff}));
        return {sizes, false, false, x.data(), nullptr, ones.data(), shift.data(), {ones.data(), rest.data(), ones.data()},
                dx.data() + k * rows * channels, dscale.data() + k * channels, dshift.data() + k * channels, scratch.back().data()};
    };
    fire_join_backward<TypeParam>(device.stream, {half(0), half(1), dy.data(), nullptr, nullptr});
    for (const auto& s : scratch) s.host();
    EXPECT_EQ(dshift.host(), std::vector<float>(2 * channels, 2.0f * rows));
    EXPECT_EQ(dscale.host(), std::vector<float>(2 * channels, 4.0f * rows));
    EXPECT_EQ(dx.host(), std::vector<float>(2 * rows * channels, 2.0f));
}

TYPED_TEST(FireJoinKernels, NothingToJoin) {
    this->on_devices([](TestDevice& device) {
        Case c = random_case(0, 8, 4, true, 6000);
        c.training = false;
        const auto results = run<TypeParam>(device, c);
        EXPECT_EQ(results[1 + 3], std::vector<float>(8, 0.0f)) << "dscale";
    });
}

}  // namespace cmtl::kernels
