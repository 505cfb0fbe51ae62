// Augmentation and batches: keyed draws, the same on any number of threads.
#include "training/augmentation.hpp"

#include <gtest/gtest.h>

#include <omp.h>

#include <array>
#include <atomic>
#include <cmath>
#include <numeric>
#include <set>
#include <thread>

#include "training/dataset.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

PreparationOptions tiny() {
    PreparationOptions o;
    o.size = {12, 14, 14};
    o.crop = {8, 10, 10};
    o.evaluation_offset = {2, 2, 2};
    o.training_offsets_z = {0, 1, 2, 3, 4};
    o.training_offsets_y = o.training_offsets_x = {0, 1, 2, 3};
    return o;
}

std::vector<uint16_t> lung_like(uint64_t seed) {
    std::vector<uint16_t> v(12 * 14 * 14);
    for (size_t i = 0; i < v.size(); ++i)
        if (i % 3 != 0) v[i] = static_cast<uint16_t>(100 + philox({seed, Purpose::test, 0}, i)[0] % 900);
    return v;
}

const IntensityStatistics statistics{200, 250};

TEST(Augmentation, WithoutNoiseAndTurnsIsTheCrop) {
    const auto volume = lung_like(1);
    const Augmentation a{{1, 3, 0}, 0, 0, false};
    EXPECT_EQ(augmented_input(volume, a, statistics, tiny(), 1, 2, 3),
              network_input(volume, a.offset, statistics, tiny()));
}

TEST(Augmentation, DrawsWithTheGivenProbabilities) {
    AugmentConfig config;
    config.noise_p = 0.2;
    config.rotate_p = 0.29;
    config.flip_p = 0.14;
    const int n = 20000;
    int noise = 0, turns[4] = {}, flips = 0;
    double low = 1e9, high = 0;
    std::set<std::array<int64_t, 3>> offsets;
    for (int i = 0; i < n; ++i) {
        const auto a =
            draw_augmentation(config, tiny(), 9, static_cast<uint64_t>(i / 100), static_cast<uint64_t>(i % 100));
        noise += a.noise_sd > 0;
        if (a.noise_sd > 0) {
            low = std::min(low, a.noise_sd);
            high = std::max(high, a.noise_sd);
        }
        ++turns[a.quarter_turns];
        flips += a.flip;
        offsets.insert(a.offset);
    }
    const auto near = [&](int count, double p) { EXPECT_NEAR(count, n * p, 5 * std::sqrt(n * p * (1 - p))); };
    near(noise, 0.2);
    near(turns[0], 0.71);
    near(turns[1], 0.29 / 3);
    near(turns[2], 0.29 / 3);
    near(turns[3], 0.29 / 3);
    near(flips, 0.14);
    EXPECT_GE(low, 2.5);
    EXPECT_LE(high, 12.75);
    EXPECT_LT(low, 2.7);
    EXPECT_GT(high, 12.5);
    EXPECT_EQ(offsets.size(), 5u * 4u * 4u);
    config.crop = false;
    EXPECT_EQ(draw_augmentation(config, tiny(), 9, 1, 2).offset, tiny().evaluation_offset);
}

TEST(Augmentation, NoiseTouchesLungOnlyAndHasItsDeviation) {
    const auto volume = lung_like(2);
    const PreparationOptions o = tiny();
    const Augmentation a{{0, 0, 0}, 10, 0, false};
    double sum = 0, squares = 0;
    int lung = 0;
    for (uint64_t epoch = 0; epoch < 20; ++epoch) {
        const auto plain = network_input(volume, a.offset, statistics, o),
                   noisy = augmented_input(volume, a, statistics, o, 3, epoch, 4);
        for (int64_t z = 0, i = 0; z < 8; ++z)
            for (int64_t y = 0; y < 10; ++y)
                for (int64_t x = 0; x < 10; ++x, ++i) {
                    const double difference =
                        (noisy[static_cast<size_t>(i)] - plain[static_cast<size_t>(i)]) * statistics.deviation;
                    if (volume[static_cast<size_t>((z * 14 + y) * 14 + x)] == 0) {
                        ASSERT_EQ(difference, 0);
                        continue;
                    }
                    ++lung;
                    sum += difference;
                    squares += difference * difference;
                }
    }
    EXPECT_NEAR(sum / lung, 0, 5 * 10 / std::sqrt(lung));
    EXPECT_NEAR(std::sqrt(squares / lung), 10, 0.3);
}

TEST(Augmentation, TurnsAndFlipsAreThoseOfASquare) {
    const auto volume = lung_like(3);
    const PreparationOptions o = tiny();
    const auto plain = network_input(volume, {0, 0, 0}, statistics, o);
    const auto at = [](const std::vector<float>& v, int64_t z, int64_t y, int64_t x) {
        return v[static_cast<size_t>((z * 10 + y) * 10 + x)];
    };
    std::vector<std::vector<float>> turned;
    for (int turns = 0; turns < 4; ++turns)
        turned.push_back(augmented_input(volume, {{0, 0, 0}, 0, turns, false}, statistics, o, 0, 0, 0));
    const auto flipped = augmented_input(volume, {{0, 0, 0}, 0, 0, true}, statistics, o, 0, 0, 0);
    for (int64_t z = 0; z < 8; ++z)
        for (int64_t y = 0; y < 10; ++y)
            for (int64_t x = 0; x < 10; ++x) {
                EXPECT_EQ(at(flipped, z, y, x), at(plain, z, y, 9 - x));
                EXPECT_EQ(at(turned[1], z, y, x), at(plain, z, x, 9 - y));
                EXPECT_EQ(at(turned[2], z, y, x), at(plain, z, 9 - y, 9 - x));
                EXPECT_EQ(at(turned[3], z, y, x), at(plain, z, 9 - x, y));
            }
}

TEST(Augmentation, IsTheSameInAnyOrderAndOnAnyThread) {
    AugmentConfig config;
    config.noise_p = config.rotate_p = config.flip_p = 0.5;
    const auto volume = lung_like(4);
    const auto make = [&](uint64_t n) {
        const auto a = draw_augmentation(config, tiny(), 1, n / 8, n % 8);
        return augmented_input(volume, a, statistics, tiny(), 1, n / 8, n % 8);
    };
    std::vector<std::vector<float>> one(64), many(64);
    for (uint64_t n = 0; n < 64; ++n) one[n] = make(n);
#pragma omp parallel for num_threads(4) schedule(dynamic)
    for (int n = 63; n >= 0; --n) many[static_cast<size_t>(n)] = make(static_cast<uint64_t>(n));
    EXPECT_EQ(one, many);
    EXPECT_GT(std::set<std::vector<float>>(one.begin(), one.end()).size(), 55u);  // plain crops may meet
}

TEST(Batches, CoverEveryCaseOnceInAnOrderOfTheEpochsOwn) {
    std::vector<size_t> cases(23);
    std::iota(cases.begin(), cases.end(), 100u);
    std::vector<size_t> first;
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
        const auto batches = epoch_batches(cases, 5, 1, epoch);
        ASSERT_EQ(batches.size(), 5u);
        EXPECT_EQ(batches.back().size(), 3u);
        std::vector<size_t> flat;
        for (const auto& batch : batches) flat.insert(flat.end(), batch.begin(), batch.end());
        if (epoch == 0) first = flat;
        EXPECT_EQ(flat == first, epoch == 0);
        std::sort(flat.begin(), flat.end());
        EXPECT_EQ(flat, cases);
    }
    // One case alone joins the batch before it.
    EXPECT_EQ(epoch_batches(cases, 11, 1, 0).back().size(), 12u);
    EXPECT_EQ(epoch_batches(cases, 1, 1, 0).size(), 23u);
    EXPECT_EQ(epoch_batches({7}, 4, 1, 0).size(), 1u);
}

TEST(Prefetcher, KeepsTheOrderAndHandsOnErrors) {
    const auto job = [](int64_t i) {
        Batch batch;
        batch.cases = {static_cast<size_t>(i)};
        return batch;
    };
    for (const int64_t workers : {1, 2, 5, 20}) {
        std::array<std::atomic<bool>, 10> done{};
        // Of several threads an even batch is finished after the odd one behind it.
        const auto late = [&](int64_t i) {
            while (workers > 1 && i % 2 == 0 && i < 9 && !done[static_cast<size_t>(i + 1)]) std::this_thread::yield();
            done[static_cast<size_t>(i)] = true;
            if (i == 7) fail(ErrorKind::input, "test", "seven");
            return job(i);
        };
        Prefetcher ahead(3, 10, late, workers);
        for (size_t i = 3; i < 7; ++i) EXPECT_EQ(ahead.next().cases.front(), i);
        test::expect_error(ErrorKind::input, {"seven"}, [&] { ahead.next(); });
        for (size_t i = 8; i < 10; ++i) EXPECT_EQ(ahead.next().cases.front(), i);
        Prefetcher abandoned(0, 1000, job, workers);
        EXPECT_EQ(abandoned.next().cases.front(), 0u);
    }
    Prefetcher none(4, 4, job);
    test::expect_error(ErrorKind::internal, {"more batches"}, [&] { none.next(); });
}

TEST(Prefetcher, MakesNoMoreThanItIsAllowed) {
    std::atomic<int64_t> begun = 0;
    const auto job = [&](int64_t) {
        ++begun;
        return Batch{};
    };
    Prefetcher ahead(0, 100, job, 3);
    for (int64_t asked = 1; asked <= 50; ++asked) {
        ahead.next();
        EXPECT_LE(begun, asked + 4);
    }
}

}  // namespace
}  // namespace cmtl
