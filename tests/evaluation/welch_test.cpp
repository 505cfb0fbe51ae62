#include "evaluation/welch.hpp"

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "evaluation/adjustment.hpp"
#include "evaluation/statistics_golden.hpp"

namespace cmtl {
namespace {

using test::agrees;
using test::numbers;

TEST(Welch, AnovaAndPairsAgreeWithTheirGoldens) {
    ASSERT_EQ(test::statistics_golden()["groups"].size(), 5u);
    for (const auto& c : test::statistics_golden()["groups"]) {
        std::vector<GroupSummary> groups;
        for (size_t g = 0; g < c["n"].size(); ++g) {
            GroupSummary s{c["n"][g].get<int64_t>(), c["mean"][g].get<double>(), c["variance"][g].get<double>()};
            if (!c["groups"].is_null()) {
                auto values = numbers(c["groups"][g]);
                values.insert(values.begin() + 3, std::nan(""));  // missing values are nobody's
                s = summarise(values);
                EXPECT_EQ(s.count, c["n"][g].get<int64_t>());
                EXPECT_TRUE(agrees(s.mean, c["mean"][g]));
                EXPECT_TRUE(agrees(s.variance, c["variance"][g]));
            }
            groups.push_back(s);
        }
        const WelchAnova w = welch_anova(groups);
        EXPECT_EQ(w.reason, "");
        EXPECT_EQ(w.df1, double(groups.size()) - 1);
        EXPECT_TRUE(agrees(w.f, c["f"]));
        EXPECT_TRUE(agrees(w.df2, c["df2"]));
        EXPECT_TRUE(agrees(w.p, c["p"]));
        const auto howell = compare_pairs(groups, PostHoc::games_howell);
        const auto dunnett = compare_pairs(groups, PostHoc::dunnett_t3);
        ASSERT_EQ(howell.size(), c["post"].size());
        for (size_t i = 0; i < howell.size(); ++i) {
            const auto& want = c["post"][i];
            EXPECT_EQ(howell[i].a, want["a"].get<size_t>());
            EXPECT_EQ(howell[i].b, want["b"].get<size_t>());
            EXPECT_TRUE(agrees(howell[i].difference, want["difference"]));
            EXPECT_TRUE(agrees(howell[i].t, want["t"]));
            EXPECT_TRUE(agrees(howell[i].df, want["df"]));
            EXPECT_TRUE(agrees(howell[i].p, want["games_howell"]));
            EXPECT_TRUE(agrees(dunnett[i].p, want["dunnett_t3"]));
        }
    }
}

TEST(Welch, MomentsOfExtremeValues) {
    const GroupSummary large = summarise(std::vector<double>{1e200, 2e200, 3e200, 1e200});
    EXPECT_DOUBLE_EQ(large.mean, 1.75e200);
    const GroupSummary shifted = summarise(std::vector<double>{1e12 + 1, 1e12 + 2, 1e12 + 4});
    EXPECT_NEAR(shifted.variance, 7.0 / 3, 1e-12);
    const GroupSummary equal = summarise(std::vector<double>{0.1, 0.1, 0.1});
    EXPECT_EQ(equal.mean, 0.1);
    EXPECT_EQ(equal.variance, 0);
    EXPECT_EQ(summarise(std::vector<double>{std::nan("")}).count, 0);
    EXPECT_TRUE(std::isnan(summarise(std::vector<double>{3}).variance));
}

TEST(Welch, SaysWhyItIsNotDefined) {
    const GroupSummary good{10, 1, 2}, other{12, 3, 1}, constant{5, 1, 0}, single{1, 4, std::nan("")},
        none{0, std::nan(""), std::nan("")};
    const auto reason = [](std::vector<GroupSummary> groups) {
        const WelchAnova w = welch_anova(groups);
        EXPECT_TRUE(w.reason.empty() || (std::isnan(w.f) && std::isnan(w.p) && std::isnan(w.df2)));
        return w.reason;
    };
    EXPECT_EQ(reason({good, other}), "");
    EXPECT_EQ(reason({good, none, other}), "");
    EXPECT_EQ(welch_anova(std::vector{good, none, other}).p, welch_anova(std::vector{good, other}).p);
    EXPECT_EQ(reason({good, constant}), "a group is constant");
    EXPECT_EQ(reason({good, other, single}), "a group has a single value");
    EXPECT_EQ(reason({good, none}), "fewer than two groups have values");
    EXPECT_EQ(reason({}), "fewer than two groups have values");
    const double inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(reason({good, summarise(std::vector<double>{1, inf, 2})}), "a group has infinite values");

    // One constant group can still be compared; two cannot, and an empty group leaves its pairs out.
    const auto pairs = compare_pairs(std::vector{good, constant, none, constant, single}, PostHoc::games_howell);
    ASSERT_EQ(pairs.size(), 6u);
    EXPECT_EQ(pairs[0].reason, "");
    EXPECT_EQ(pairs[0].df, 9);
    EXPECT_GT(pairs[0].p, 0.9);
    EXPECT_EQ(pairs[2].reason, "a group has a single value");
    EXPECT_EQ(pairs[3].a, 1u);
    EXPECT_EQ(pairs[3].b, 3u);
    EXPECT_EQ(pairs[3].reason, "both groups are constant");
    EXPECT_TRUE(std::isnan(pairs[3].p));
}

TEST(Adjustment, AgreesWithStatsmodels) {
    ASSERT_EQ(test::statistics_golden()["adjustment"].size(), 3u);
    for (const auto& c : test::statistics_golden()["adjustment"])
        for (const char* name : {"bh", "holm", "bonferroni"}) {
            auto p = numbers(c["p"]);
            p.insert(p.begin() + 1, std::nan(""));  // no member of the family
            auto adjusted = adjusted_p(p, adjustment_named(name));
            EXPECT_TRUE(std::isnan(adjusted[1]));
            adjusted.erase(adjusted.begin() + 1);
            for (size_t i = 0; i < adjusted.size(); ++i) EXPECT_TRUE(agrees(adjusted[i], c[name][i], 1e-14)) << name;
        }
    EXPECT_TRUE(adjusted_p({}, Adjustment::holm).empty());
    EXPECT_THROW(adjustment_named("fdr"), Error);
    EXPECT_THROW(post_hoc_named("tukey"), Error);
}

}  // namespace
}  // namespace cmtl
