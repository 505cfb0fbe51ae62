// What the host computes for the convolutions' kernels.
#include "kernels/conv3d_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace cmtl::kernels {

TEST(Conv3dPlan, DividesAsTheHostDoes) {
    const auto quotient = [](int i, const Divisor& d) {
        return d.divisor == 1 ? i : static_cast<int>((static_cast<uint64_t>(i) * d.multiplier >> 32) >> d.shift);
    };
    constexpr int most = std::numeric_limits<int>::max();
    std::mt19937_64 random(5);
    for (int d : {1, 2, 3, 5, 7, 63, 64, 65, 125, 641, 1000003, (1 << 30) - 1, 1 << 30, (1 << 30) + 1, most}) {
        const Divisor by(d);
        for (int round = 0; round < 200; ++round) {
            const int i = static_cast<int>(random() % (uint64_t{1} << 31)), multiple = i - i % d;
            for (int64_t v : {int64_t{i}, int64_t{multiple}, int64_t{multiple} - 1, int64_t{multiple} + d - 1,
                              int64_t{most}, int64_t{0}}) {
                if (v < 0 || v > most) continue;
                ASSERT_EQ(quotient(static_cast<int>(v), by), v / d) << v << " / " << d;
            }
        }
    }
}

// Every tap of every input exactly once: the classes of the data gradient, walked by hand, are its definition.
TEST(Conv3dPlan, ClassesCoverEveryTapOnce) {
    for (int kernel : {1, 3, 5})
        for (int stride : {1, 2, 3, 7})
            for (int padding = 0; padding < kernel; ++padding)
                for (int64_t size : {5, 6, 13}) {
                    const Conv3dSizes s{1, size, size, size, 1, 1, kernel, stride, padding};
                    if (size + 2 * padding < kernel) continue;
                    std::vector<std::vector<int>> seen(
                        static_cast<size_t>(size));  // out * kernel + tap, along one axis
                    for (int r = 0; r < stride; ++r) {
                        const Conv3dGather g = backward_gather(s, {r, r, r});
                        for (int m = 0; m < g.grid[0]; ++m)
                            for (int t = 0; t < g.taps[0]; ++t) {
                                const int out = m * g.multiply[0] + g.offset[0] + t;
                                if (out < 0 || out >= g.source[0]) continue;
                                seen.at(static_cast<size_t>(m * g.spread[0] + g.start[0]))
                                    .push_back(out * kernel + g.weight_first[0] + t * g.weight_step[0]);
                            }
                    }
                    for (int64_t z = 0; z < size; ++z) {
                        std::vector<int> expected;
                        for (int out = 0; out < s.out_size(0); ++out)
                            for (int tap = 0; tap < kernel; ++tap)
                                if (out * stride - padding + tap == z) expected.push_back(out * kernel + tap);
                        auto& actual = seen[static_cast<size_t>(z)];
                        std::sort(actual.begin(), actual.end());
                        EXPECT_EQ(actual, expected)
                            << "k" << kernel << " s" << stride << " p" << padding << " size " << size << " at " << z;
                    }
                }
}

TEST(Conv3dPlan, RefusesWhatIndicesDoNotHold) {
    EXPECT_TRUE(conv3d_fits({10, 200, 250, 250, 1, 64, 3, 2, 1}));
    EXPECT_TRUE(conv3d_fits({10, 50, 63, 63, 32, 64, 3, 1, 1}));
    EXPECT_FALSE(conv3d_fits({100000, 200, 250, 250, 1, 64, 3, 2, 1}));  // positions
    EXPECT_FALSE(conv3d_fits({1, 1000, 1000, 1000, 4, 4, 1, 1, 0}));     // one sample
}

}  // namespace cmtl::kernels
