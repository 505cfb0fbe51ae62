// Sorting, selecting and runs against the standard library's, bit for bit.
#include "kernels/device_algorithms.hpp"

#include <bit>
#include <numeric>

#include "kernels/kernel_case.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class DeviceAlgorithms : public KernelTest<Target> {};
TYPED_TEST_SUITE(DeviceAlgorithms, Targets);

const std::vector<int64_t> sizes{1, 2, 31, 257, 4095, 4096, 4097, 9001};

std::vector<uint64_t> random_keys(int64_t count, uint64_t below) {
    std::vector<uint64_t> v(static_cast<size_t>(count));
    std::mt19937_64 engine(static_cast<uint64_t>(count));
    for (uint64_t& each : v) each = below ? engine() % below : engine();
    return v;
}
std::vector<uint64_t> as_bits(const std::vector<uint64_t>& v) { return v; }
std::vector<uint64_t> as_bits(const std::vector<double>& v) {
    std::vector<uint64_t> bits;
    for (const double each : v) bits.push_back(std::bit_cast<uint64_t>(each));
    return bits;
}
// Scratch memory on a multiple of 256 bytes, with margins that are checked when it is read.
DeviceArray<uint64_t> scratch_of(TestDevice& device, size_t bytes) {
    return device.array<uint64_t>((bytes + 7) / 8, 0x5555, 24);
}

template <class Target, class Key>
std::vector<uint64_t> sorted_on(TestDevice& device, const std::vector<Key>& keys, int bits = 64) {
    const auto count = static_cast<int64_t>(keys.size());
    const auto in = device.array(keys);
    const auto out = device.array<Key>(keys.size(), 7), again = device.array<Key>(keys.size(), 7);
    const auto scratch = scratch_of(device, sort_keys_scratch<Target, Key>(count));
    sort_keys<Target, Key>(device.stream, count, in.data(), out.data(), scratch.data(), bits);
    sort_keys<Target, Key>(device.stream, count, in.data(), again.data(), scratch.data(), bits);
    scratch.host();
    EXPECT_EQ(as_bits(in.host()), as_bits(keys)) << "the keys themselves stay";
    EXPECT_EQ(as_bits(out.host()), as_bits(again.host())) << "called twice";
    return as_bits(out.host());
}

TYPED_TEST(DeviceAlgorithms, SortsIntegers) {
    for (const int64_t count : sizes)
        for (const uint64_t below : {uint64_t{0}, uint64_t{300}}) {
            const auto keys = random_keys(count, below);
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                return std::vector<std::vector<uint64_t>>{sorted_on<TypeParam>(device, keys),
                                                          sorted_on<TypeParam>(device, keys, 41)};
            });
            auto expected = keys;
            std::sort(expected.begin(), expected.end());
            ASSERT_EQ(results[0], expected) << count;
            expected = keys;
            std::stable_sort(expected.begin(), expected.end(),
                             [](uint64_t a, uint64_t b) { return a << 23 < b << 23; });
            ASSERT_EQ(results[1], expected) << count << ", by 41 bits";
        }
}

TYPED_TEST(DeviceAlgorithms, SortsByFewBits) {
    this->on_devices([](TestDevice& device) {
        const auto keys = random_keys(5000, 0);
        for (const int bits : {1, 7, 8, 9, 16, 63}) {
            auto expected = keys;
            const uint64_t mask = (uint64_t{1} << bits) - 1;
            std::stable_sort(expected.begin(), expected.end(),
                             [=](uint64_t a, uint64_t b) { return (a & mask) < (b & mask); });
            EXPECT_EQ(sorted_on<TypeParam>(device, keys, bits), expected) << bits;
        }
    });
}

TYPED_TEST(DeviceAlgorithms, SortsVeryMany) {
    const auto keys = random_keys(300001, 60000);
    TestDevice device(std::is_same_v<TypeParam, Simt> ? simt_runtime() : cuda_runtime(0));
    auto expected = keys;
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(sorted_on<TypeParam>(device, keys, 16), expected);
}

TYPED_TEST(DeviceAlgorithms, SortsDoubles) {
    for (const int64_t count : sizes) {
        std::vector<double> values;
        for (const uint64_t k : random_keys(count, 100003)) values.push_back((static_cast<double>(k) - 50000) / 7);
        const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
            return std::vector<std::vector<uint64_t>>{sorted_on<TypeParam>(device, values)};
        });
        std::sort(values.begin(), values.end());
        ASSERT_EQ(results[0], as_bits(values)) << count;
    }
}

TYPED_TEST(DeviceAlgorithms, SortsZerosInfinitiesAndNan) {
    this->on_devices([](TestDevice& device) {
        const double tiny = std::numeric_limits<double>::denorm_min(), nan = not_a_number, inf = infinity;
        const std::vector<double> values{nan, 0.0, -0.0, inf, 1.0, -0.0, -tiny, tiny, -inf, 0.0, -nan, -1e300};
        const std::vector<double> expected{-nan, -inf, -1e300, -tiny, 0.0, -0.0, -0.0, 0.0, tiny, 1.0, inf, nan};
        EXPECT_EQ(sorted_on<TypeParam>(device, values), as_bits(expected));
    });
}

TYPED_TEST(DeviceAlgorithms, Selects) {
    for (const int64_t count : sizes)
        for (const uint64_t share : {0u, 1u, 3u, 250u}) {  // all, ..., few; 1: none
            const auto values = random_keys(count, 0);
            std::vector<uint8_t> flags;
            std::vector<uint64_t> expected;
            std::vector<uint64_t> expected_positions;
            for (size_t i = 0; i < values.size(); ++i) {
                const bool take = share == 0 || (share > 1 && values[i] % share == 1);
                flags.push_back(take ? static_cast<uint8_t>(1 + i % 255) : 0);
                if (take) expected.push_back(values[i]), expected_positions.push_back(i);
            }
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto in = device.array(values), out = device.array<uint64_t>(values.size(), 7);
                const auto marks = device.array(flags);
                const auto places = device.array<int32_t>(values.size(), 7), selected = device.array<int32_t>(2, 7);
                const auto scratch = scratch_of(device, select_flagged_scratch<TypeParam, uint64_t>(count));
                const auto other = scratch_of(device, select_positions_scratch<TypeParam>(count));
                for (int twice = 0; twice < 2; ++twice) {
                    select_flagged<TypeParam, uint64_t>(device.stream, count, in.data(), marks.data(), out.data(),
                                                        selected.data(), scratch.data());
                    select_positions<TypeParam>(device.stream, count, marks.data(), places.data(), selected.data() + 1,
                                                other.data());
                }
                scratch.host(), other.host();
                const auto counted = selected.host();
                EXPECT_EQ(counted[0], counted[1]);
                std::vector<uint64_t> chosen = out.host();
                chosen.resize(static_cast<size_t>(counted[0]));
                const auto all = places.host();
                return std::vector<std::vector<uint64_t>>{chosen, {all.begin(), all.begin() + counted[1]}};
            });
            ASSERT_EQ(results[0], expected) << count << ", 1 in " << share;
            ASSERT_EQ(results[1], expected_positions) << count << ", 1 in " << share;
        }
}

TYPED_TEST(DeviceAlgorithms, CountsRuns) {
    for (const int64_t count : sizes)
        for (const uint64_t below : {uint64_t{1}, uint64_t{3}, uint64_t{700}, uint64_t{0}}) {
            auto keys = random_keys(count, below);
            std::sort(keys.begin(), keys.end());
            std::vector<uint64_t> unique, lengths;
            for (const uint64_t k : keys) {
                if (unique.empty() || unique.back() != k) unique.push_back(k), lengths.push_back(0);
                ++lengths.back();
            }
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto in = device.array(keys), distinct = device.array<uint64_t>(keys.size(), 7);
                const auto of_each = device.array<int32_t>(keys.size(), 7), runs = device.array<int32_t>(1, 7);
                const auto scratch = scratch_of(device, run_lengths_scratch<TypeParam>(count));
                for (int twice = 0; twice < 2; ++twice)
                    run_lengths<TypeParam>(device.stream, count, in.data(), distinct.data(), of_each.data(),
                                           runs.data(), scratch.data());
                scratch.host();
                const auto n = static_cast<size_t>(runs.host()[0]);
                auto first = distinct.host();
                const auto second = of_each.host();
                first.resize(n);
                return std::vector<std::vector<uint64_t>>{first,
                                                          {second.begin(), second.begin() + static_cast<int64_t>(n)}};
            });
            ASSERT_EQ(results[0], unique) << count;
            ASSERT_EQ(results[1], lengths) << count;
        }
}

TYPED_TEST(DeviceAlgorithms, NothingToDo) {
    this->on_devices([](TestDevice& device) {
        const auto scratch = scratch_of(
            device, std::max({select_flagged_scratch<TypeParam, uint64_t>(0), select_positions_scratch<TypeParam>(0),
                              run_lengths_scratch<TypeParam>(0), sort_keys_scratch<TypeParam, double>(0)}));
        const auto counts = device.array<int32_t>(3, 7);
        const auto one = device.array<uint64_t>(1, 7);
        const auto flag = device.array<uint8_t>(1, 7);
        const auto place = device.array<int32_t>(1, 7);
        sort_keys<TypeParam, uint64_t>(device.stream, 0, one.data(), one.data(), scratch.data());
        select_flagged<TypeParam, uint64_t>(device.stream, 0, one.data(), flag.data(), one.data(), counts.data(),
                                            scratch.data());
        select_positions<TypeParam>(device.stream, 0, flag.data(), place.data(), counts.data() + 1, scratch.data());
        run_lengths<TypeParam>(device.stream, 0, one.data(), one.data(), place.data(), counts.data() + 2,
                               scratch.data());
        EXPECT_EQ(counts.host(), std::vector<int32_t>(3, 0));
        EXPECT_EQ(one.host(), std::vector<uint64_t>{7});
        EXPECT_EQ(place.host(), std::vector<int32_t>{7});
    });
}

// A recorded graph sorts what lies there when it is replayed.
TYPED_TEST(DeviceAlgorithms, CanBeRecorded) {
    this->on_devices([](TestDevice& device) {
        if (!device.runtime->graphs()) GTEST_SKIP() << "this device records no graphs";
        const auto first = random_keys(6000, 0), second = random_keys(6001, 900);
        const auto in = device.array(first), out = device.array<uint64_t>(6000, 7);
        const auto scratch = scratch_of(device, sort_keys_scratch<TypeParam, uint64_t>(6000));
        device.runtime->begin_capture(device.stream);
        sort_keys<TypeParam, uint64_t>(device.stream, 6000, in.data(), out.data(), scratch.data());
        const Graph graph = device.runtime->end_capture(device.stream);
        device.runtime->copy(in.data(), second.data(), 6000 * sizeof(uint64_t), Runtime::Direction::to_device,
                             device.stream);
        device.runtime->replay(graph, device.stream);
        auto expected = std::vector<uint64_t>(second.begin(), second.begin() + 6000);
        std::sort(expected.begin(), expected.end());
        EXPECT_EQ(out.host(), expected);
        device.runtime->destroy(graph);
    });
}

}  // namespace
}  // namespace cmtl::kernels
