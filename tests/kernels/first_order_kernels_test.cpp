// First-order sums against sums in long double.
#include "kernels/first_order.hpp"

#include "kernels/kernel_case.hpp"
#include "reference/first_order.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class FirstOrder : public KernelTest<Target> {};
TYPED_TEST_SUITE(FirstOrder, Targets);

struct Given {
    double shift, mean, low, high, inner_mean;
};

// sum, squares, inner count and sum; absolute, second, third, fourth, inner absolute.
template <class Target>
std::vector<double> sums(TestDevice& device, const std::vector<double>& values, const Given& g) {
    const auto x = device.array(values);
    const auto count = static_cast<int64_t>(values.size());
    const auto scratch = device.array<double>(first_order_scratch(count) / sizeof(double), 1e300);
    const auto plain = device.array<FirstOrderSums>(1, {}), again = device.array<FirstOrderSums>(1, {});
    const auto central = device.array<FirstOrderMoments>(1, {});
    first_order_sums<Target>(device.stream, count, x.data(), g.shift, g.low, g.high, plain.data(), scratch.data());
    first_order_moments<Target>(device.stream, count, x.data(), g.mean, g.low, g.high, g.inner_mean, central.data(),
                                scratch.data());
    first_order_sums<Target>(device.stream, count, x.data(), g.shift, g.low, g.high, again.data(), scratch.data());
    scratch.host();  // its margins are checked, too
    const FirstOrderSums p = plain.host()[0], q = again.host()[0];
    const FirstOrderMoments c = central.host()[0];
    EXPECT_EQ(std::memcmp(&p, &q, sizeof p), 0) << "called twice";
    return {p.sum, p.squares, p.inner_count, p.inner_sum, c.absolute, c.second, c.third, c.fourth, c.inner_absolute};
}

std::vector<long double> definition(const std::vector<double>& values, const Given& g) {
    const auto r = reference::first_order(values, g.shift, g.mean, g.low, g.high, g.inner_mean);
    return {r.sum, r.squares, r.inner_count, r.inner_sum, r.absolute, r.second, r.third, r.fourth, r.inner_absolute};
}

std::vector<double> some_values(int64_t count, uint64_t below, double scale) {
    std::vector<double> v(static_cast<size_t>(count));
    std::mt19937_64 engine(static_cast<uint64_t>(count));
    for (double& each : v) each = (static_cast<double>(engine() % below) - 300) * scale;
    return v;
}

// Small integers: no sum is rounded, so any order gives the same.
TYPED_TEST(FirstOrder, IntegersAreExact) {
    for (const int64_t count : {1, 2, 31, 255, 256, 257, 4095, 4096, 4097, 9001, 20480}) {
        const auto values = some_values(count, 900, 1);
        const Given given{7, 12, -250, 400, 3};
        const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
            return std::vector<std::vector<double>>{sums<TypeParam>(device, values, given)};
        });
        const auto expected = definition(values, given);
        for (size_t s = 0; s < expected.size(); ++s)
            ASSERT_EQ(static_cast<long double>(results[0][s]), expected[s]) << "sum " << s << " of " << count;
    }
}

// Third moments cancel: measured against the sum of their absolute values.
TYPED_TEST(FirstOrder, RoundingStaysSmall) {
    for (const int64_t count : {3, 5000, 50001}) {
        const auto values = some_values(count, 1000003, 1.1e-3);
        const Given given{0.3, 512.3, -0.17, 900.1, 401.7};
        const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
            return std::vector<std::vector<double>>{sums<TypeParam>(device, values, given)};
        });
        const auto expected = definition(values, given);
        auto absolute = values;
        for (double& v : absolute) v = given.mean + std::abs(v - given.mean);
        const auto scale = definition(absolute, given);
        for (size_t s = 0; s < expected.size(); ++s) {
            const long double tolerance = 1e-14L * (s == 6 ? scale[s] : std::abs(expected[s]));
            EXPECT_NEAR(results[0][s], static_cast<double>(expected[s]), static_cast<double>(tolerance))
                << "sum " << s << " of " << count;
        }
    }
}

TYPED_TEST(FirstOrder, IntervalHasBothItsEnds) {
    this->on_devices([](TestDevice& device) {
        const auto s = sums<TypeParam>(device, {1, 2, std::nextafter(2.0, 3.0), 3, 3, 4}, {0, 0, 2, 3, 2.5});
        EXPECT_EQ(s[2], 4);
        EXPECT_NEAR(s[3], 10, 1e-14);
        EXPECT_NEAR(s[8], 2, 1e-14);
    });
}

TYPED_TEST(FirstOrder, NoValues) {
    this->on_devices([](TestDevice& device) {
        EXPECT_EQ(sums<TypeParam>(device, {}, {1, 2, 3, 4, 5}), std::vector<double>(9, 0));
    });
}

TYPED_TEST(FirstOrder, Ranks) {
    this->on_devices([](TestDevice& device) {
        std::vector<double> values(1000);
        for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) / 4;
        const auto x = device.array(values), some = device.array<double>(4, -1),
                   most = device.array<double>(Ranks::most, -1);
        take_ranks<TypeParam>(device.stream, {3, {0, 999, 17}}, x.data(), some.data());
        EXPECT_EQ(some.host(), (std::vector<double>{0, 249.75, 4.25, -1}));
        Ranks all{Ranks::most, {}};
        for (int i = 0; i < Ranks::most; ++i) all.rank[i] = 4 * i;
        take_ranks<TypeParam>(device.stream, all, x.data(), most.data());
        for (size_t i = 0; i < Ranks::most; ++i) EXPECT_EQ(most.host()[i], static_cast<double>(i));
        take_ranks<TypeParam>(device.stream, {0, {}}, x.data(), some.data());
    });
}

}  // namespace
}  // namespace cmtl::kernels
