// Range and grey levels of lists of values against plain definitions, exactly.
#include "kernels/discretise.hpp"

#include "kernels/kernel_case.hpp"
#include "reference/discretise.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class Discretise : public KernelTest<Target> {};
TYPED_TEST_SUITE(Discretise, Targets);

const std::vector<int64_t> sizes{1, 2, 31, 255, 256, 257, 4095, 4096, 4097, 9001, 20480};

std::vector<double> some_values(int64_t count, double from, double width) {
    std::vector<double> v(static_cast<size_t>(count));
    std::mt19937_64 engine(static_cast<uint64_t>(count));
    for (double& each : v) each = from + width * (static_cast<double>(engine() % 1000003) / 1000003);
    return v;
}

template <class Target>
ValueRange range_of(TestDevice& device, const std::vector<double>& values) {
    const auto x = device.array(values);
    const auto scratch = device.array<ValueRange>(
        value_range_scratch(static_cast<int64_t>(values.size())) / sizeof(ValueRange), {1, 2, 3});
    const auto range = device.array<ValueRange>(1, {7, 7, 7});
    value_range<Target>(device.stream, static_cast<int64_t>(values.size()), x.data(), range.data(), scratch.data());
    scratch.host();  // its margins are checked, too
    return range.host()[0];
}

TYPED_TEST(Discretise, RangeOfAnyNumberOfValues) {
    for (const int64_t count : sizes) {
        const auto values = some_values(count, -1000, 1977);
        const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
            const ValueRange r = range_of<TypeParam>(device, values);
            return std::vector<std::vector<double>>{{r.least, r.greatest, static_cast<double>(r.not_finite)}};
        });
        const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
        EXPECT_EQ(results[0], (std::vector<double>{*least, *greatest, 0})) << count;
    }
}

TYPED_TEST(Discretise, RangeCountsWhatIsNotFinite) {
    this->on_devices([](TestDevice& device) {
        auto values = some_values(5000, 3, 4);
        values[0] = not_a_number;
        values[4097] = infinity;
        values[4999] = -infinity;
        values[700] = 2.5;
        values[4998] = 8;
        ValueRange r = range_of<TypeParam>(device, values);
        EXPECT_EQ(r.least, 2.5);
        EXPECT_EQ(r.greatest, 8);
        EXPECT_EQ(r.not_finite, 3);
        r = range_of<TypeParam>(device, {not_a_number, not_a_number});
        EXPECT_EQ(r.least, infinity);
        EXPECT_EQ(r.greatest, -infinity);
        EXPECT_EQ(r.not_finite, 2);
        r = range_of<TypeParam>(device, {});
        EXPECT_EQ(r.least, infinity);
        EXPECT_EQ(r.not_finite, 0);
    });
}

// Values at every other offset, from the last to the first.
template <class Target, class Level>
void check_levels(const std::vector<double>& values, const LevelEdges& edges) {
    const auto count = values.size();
    std::vector<int32_t> offsets;
    for (size_t m = 0; m < count; ++m) offsets.push_back(static_cast<int32_t>(2 * (count - 1 - m) + 1));
    std::vector<Level> expected(2 * count + 1, 0);
    std::vector<unsigned> counts(static_cast<size_t>(edges.most) + 1, 5);
    for (size_t m = 0; m < count; ++m) {
        const int level = reference::level(values[m], edges.low, edges.step, edges.most);
        expected[static_cast<size_t>(offsets[m])] = static_cast<Level>(level);
        ++counts[static_cast<size_t>(level)];
    }
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const auto x = device.array(values);
        const auto list = device.array(offsets);
        const auto volume = device.array<Level>(2 * count + 1, 0), alone = device.array<Level>(2 * count + 1, 0);
        const auto levels = device.array<unsigned>(counts.size(), 5);
        discretise<Target, Level>(device.stream, static_cast<int64_t>(count), x.data(), list.data(), edges,
                                  volume.data(), levels.data());
        discretise<Target, Level>(device.stream, static_cast<int64_t>(count), x.data(), list.data(), edges,
                                  alone.data(), nullptr);
        const auto as_unsigned = [](const std::vector<Level>& v) { return std::vector<unsigned>(v.begin(), v.end()); };
        return std::vector<std::vector<unsigned>>{as_unsigned(volume.host()), as_unsigned(alone.host()), levels.host()};
    });
    const std::vector<unsigned> wide(expected.begin(), expected.end());
    ASSERT_EQ(results[0], wide);
    ASSERT_EQ(results[1], wide);
    ASSERT_EQ(results[2], counts);
}

TYPED_TEST(Discretise, AnyNumberOfValues) {
    for (const int64_t count : sizes) {
        check_levels<TypeParam, uint8_t>(some_values(count, -1024, 2300), {-1025, 25, 93});
        check_levels<TypeParam, uint16_t>(some_values(count, 0, 650), {0, 25, 27});
    }
}

// On an edge, and one unit in the last place beside it, where edges are no multiples of anything.
TYPED_TEST(Discretise, EdgesDecide) {
    for (const auto& [low, width, most] : {std::tuple{-1024.3, 25.0, 120},
                                           {0.1, 0.1, 255},
                                           {-3.0, 1.0 / 3, 500},
                                           {1e9 + 0.1, 0.7, 300},
                                           {4503599627370496.0, 1.5, 60},
                                           {-0.7, 1e-9, 90}}) {
        const LevelEdges edges{low, (low + width) - low, most};
        std::vector<double> values{low};
        for (int i = 0; i < most + 3; ++i) {
            const double product = i * edges.step, edge = low + product;
            for (const double v :
                 {std::nextafter(edge, -infinity), edge, std::nextafter(edge, infinity), edge + edges.step / 2})
                if (v >= low) values.push_back(v);
        }
        check_levels<TypeParam, uint16_t>(values, edges);
        if (most < 256) check_levels<TypeParam, uint8_t>(values, edges);
    }
}

TYPED_TEST(Discretise, OneLevelAndVeryMany) {
    check_levels<TypeParam, uint8_t>(std::vector<double>(300, 17.5), {0, 25, 1});
    for (const int most : {255, 511, 512, 4096, 8191})
        check_levels<TypeParam, uint16_t>(some_values(6000, 2, 3 * most), {2, 3, most});
}

TYPED_TEST(Discretise, NothingToDo) {
    this->on_devices([](TestDevice& device) {
        const auto counts = device.array<unsigned>(3, 5);
        discretise<TypeParam, uint8_t>(device.stream, 0, nullptr, nullptr, {0, 1, 2}, nullptr, counts.data());
        EXPECT_EQ(counts.host(), std::vector<unsigned>(3, 5));
    });
}

TEST(ValueBlocks, CoverEveryValueOnceInBoundedBlocks) {
    for (const int64_t count :
         {int64_t{1}, int64_t{4096}, int64_t{4097}, int64_t{1} << 22, (int64_t{1} << 22) + 1, int64_t{1} << 31}) {
        const ValueBlocks cut = value_blocks(count);
        EXPECT_LE(cut.blocks, 1024);
        EXPECT_GE(cut.blocks * cut.per_block, count);
        EXPECT_LT((cut.blocks - 1) * cut.per_block, count);
    }
}

}  // namespace
}  // namespace cmtl::kernels
