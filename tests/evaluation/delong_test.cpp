#include "evaluation/delong.hpp"

#include <cmath>

#include "evaluation/statistics_golden.hpp"

namespace cmtl {
namespace {

using test::agrees;
using test::integers;
using test::numbers;

TEST(Delong, PairedTestAgreesWithItsDefinition) {
    ASSERT_EQ(test::statistics_golden()["delong"].size(), 3u);
    for (const auto& c : test::statistics_golden()["delong"]) {
        const auto a = numbers(c["a"]), b = numbers(c["b"]);
        const auto labels = integers(c["labels"]);
        const DelongTest t = delong_test(a, b, labels);
        EXPECT_TRUE(agrees(t.auc_a, c["auc_a"]));
        EXPECT_TRUE(agrees(t.auc_b, c["auc_b"]));
        EXPECT_TRUE(agrees(t.variance, c["variance"]));
        EXPECT_TRUE(agrees(t.z, c["z"]));
        EXPECT_TRUE(agrees(t.p, c["p"]));
        EXPECT_TRUE(agrees(t.interval.low, c["low"]));
        EXPECT_TRUE(agrees(t.interval.high, c["high"]));
        const DelongTest other = delong_test(b, a, labels);
        EXPECT_EQ(other.z, -t.z);
        EXPECT_EQ(other.p, t.p);
        const DelongTest same = delong_test(a, a, labels);
        EXPECT_EQ(same.z, 0);
        EXPECT_EQ(same.p, 1);
    }
}

TEST(Delong, UnknownLabelsAndOneClass) {
    const std::vector<double> a{0.1, 0.4, 0.35, 0.8, 0.5}, b{0.2, 0.3, 0.6, 0.7, 0.1};
    const DelongTest all = delong_test(a, b, std::vector<int>{0, 0, 1, 1, -1});
    const DelongTest known = delong_test(std::span(a).first(4), std::span(b).first(4), std::vector<int>{0, 0, 1, 1});
    EXPECT_EQ(all.z, known.z);
    EXPECT_FALSE(std::isnan(all.p));
    EXPECT_TRUE(std::isnan(delong_test(a, b, std::vector<int>{1, 1, 1, 1, -1}).p));
    // One positive: areas, but no variance.
    const DelongTest lone = delong_test(a, b, std::vector<int>{0, 0, 0, 1, 0});
    EXPECT_EQ(lone.auc_a, 1);
    EXPECT_TRUE(std::isnan(lone.z) && std::isnan(lone.p) && std::isnan(lone.interval.low));
    // Perfect against useless: no variance, yet not the same.
    const DelongTest sure =
        delong_test(std::vector<double>{0, 0, 1, 1}, std::vector<double>{1, 1, 0, 0}, std::vector<int>{0, 0, 1, 1});
    EXPECT_TRUE(std::isinf(sure.z));
    EXPECT_EQ(sure.p, 0);
}

}  // namespace
}  // namespace cmtl
