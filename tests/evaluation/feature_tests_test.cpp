#include "evaluation/feature_tests.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "base/parallel.hpp"

namespace cmtl {
namespace {

CsvTable features() {
    return parse_csv(
        "PID,clear,weak,flat,gaps\n"
        "1,1,5,7,1\n2,1.5,4,7,\n3,2,6,7,nan\n4,9,5.5,7,2\n5,10,4.5,7,3\n6,9.5,7,7,inf\n7,20,5,7,1\n8,21,8,7,2\n9,22,6,"
        "7,4\n10,3,3,7,3\n",
        "features.csv");
}
CsvTable labels() {
    return parse_csv(
        "PID,CT,Severity,Name\n9,1,2,x\n8,1,2,x\n7,1,2,x\n6,1,1,x\n5,1,1,x\n4,0,1,x\n3,0,0,x\n2,0,0,x\n1,0,0,x\n11,1,,"
        "x\n",
        "labels.csv");
}
FeatureTestOptions options() {
    FeatureTestOptions o;
    o.id_column = o.labels_id_column = "PID";
    return o;
}

TEST(FeatureTests, TablesSayWhatWasTested) {
    const FeatureTests t = test_features(features(), labels(), options());
    EXPECT_EQ(t.cases, 9);
    EXPECT_EQ(t.unlabelled, (std::vector<std::string>{"10"}));
    EXPECT_EQ(t.unmeasured, (std::vector<std::string>{"11"}));
    ASSERT_EQ(t.tasks.size(), 2u);
    EXPECT_EQ(t.tasks[1].second, (std::vector<int64_t>{0, 1, 2}));
    ASSERT_EQ(t.tests.size(), 8u);
    const CsvTable welch = welch_table(t), pairs = posthoc_table(t);
    EXPECT_EQ(welch.header,
              (std::vector<std::string>{"feature", "task", "F", "df1", "df2", "p", "p_adjusted", "reason"}));
    EXPECT_EQ(welch.rows[0][0], "clear");
    EXPECT_EQ(welch.rows[0][1], "CT");
    EXPECT_EQ(welch.rows[4][1], "Severity");
    // Worked by hand: means 1.5, 9.5, 21, variances 1/4, 1/4, 1, hence weights 12, 12, 3 and lambda 57/81.
    EXPECT_NEAR(welch.number(4, 2), 435.685039370, 1e-8);
    EXPECT_EQ(welch.number(4, 3), 2);
    EXPECT_EQ(welch.rows[2][5], "");
    EXPECT_EQ(welch.rows[2][7], "a group is constant");
    EXPECT_EQ(welch.rows[7][7], "a group has a single value");  // gaps: of cases 1 to 3 one value is left
    EXPECT_EQ(t.tests[3].groups[0].count, 2);  // neither "", nan
    EXPECT_EQ(t.tests[3].groups[1].count, 4);  // nor inf
    // Only defined tests are a family: the least of two p values is doubled.
    EXPECT_EQ(t.tests[4].p_adjusted, std::min(2 * t.tests[4].welch.p, t.tests[5].p_adjusted));
    ASSERT_EQ(pairs.rows.size(), 4 + 4 * 3u);
    EXPECT_EQ(pairs.rows[4][2], "0");
    EXPECT_EQ(pairs.rows[4][3], "1");
    EXPECT_EQ(pairs.number(4, 8), -8);
    EXPECT_EQ(pairs.rows[2][12], "both groups are constant");
    EXPECT_LT(pairs.number(4, 11), 0.001);
    // Both are read back as they are.
    EXPECT_EQ(parse_csv(csv_text(welch), "w").rows, welch.rows);
}

TEST(FeatureTests, OptionsAndThreads) {
    FeatureTestOptions o = options();
    o.tasks = {"Severity"};
    o.posthoc = PostHoc::dunnett_t3;
    o.adjustment = Adjustment::bonferroni;
    const FeatureTests t = test_features(features(), labels(), o);
    ASSERT_EQ(t.tests.size(), 4u);
    EXPECT_EQ(t.tests[1].p_adjusted, std::min(1.0, 2 * t.tests[1].welch.p));
    EXPECT_NE(t.tests[0].pairs[0].p, test_features(features(), labels(), options()).tests[4].pairs[0].p);
    const int before = omp_get_max_threads();
    set_threads(3);
    EXPECT_EQ(csv_text(posthoc_table(test_features(features(), labels(), o))), csv_text(posthoc_table(t)));
    set_threads(before);
    // Without the usual names every column of a few whole numbers is a task.
    const auto found =
        test_features(features(), parse_csv("PID,outcome,age\n1,0,0.5\n2,0,1\n3,1,3\n4,1,2\n", "l"), options());
    ASSERT_EQ(found.tasks.size(), 1u);
    EXPECT_EQ(found.tasks[0].first, "outcome");
}

TEST(FeatureTests, Refusals) {
    const auto refusal = [](const std::string& table, const std::string& labels, FeatureTestOptions o = options()) {
        try {
            test_features(parse_csv(table, "f.csv"), parse_csv(labels, "l.csv"), o);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input);
            return std::string(error.what());
        }
        return std::string("no error");
    };
    const auto has = [](const std::string& text, const std::string& part) {
        return text.find(part) != text.npos ? testing::AssertionSuccess() : testing::AssertionFailure() << text;
    };
    const std::string f = "PID,x\n1,2\n2,3\n", l = "PID,CT\n1,0\n2,1\n";
    EXPECT_TRUE(has(refusal("ID,x\n1,2\n", l), "f.csv: no column 'PID'"));
    EXPECT_TRUE(has(refusal(f, "ID,CT\n1,0\n"), "l.csv: no column 'PID'"));
    EXPECT_TRUE(has(refusal(f, "PID,CT\n3,0\n4,1\n"), "f.csv and l.csv have no ID in common"));
    EXPECT_TRUE(has(refusal(f, "PID,CT\n1,1\n2,1\n"), "one class only, every known label is 1"));
    EXPECT_TRUE(has(refusal(f, "PID,CT\n1,\n2,-1\n"), "no label of a case with features is known"));
    EXPECT_TRUE(has(refusal(f, "PID,Site\n1,a\n2,b\n"), "no column of labels"));
    EXPECT_TRUE(has(refusal("PID\n1\n2\n", l), "f.csv: no column beside PID"));
    EXPECT_TRUE(has(refusal("PID,x\n1,two\n2,3\n", l), "f.csv:2: column x: 'two' is not a number"));
    EXPECT_TRUE(has(refusal("PID,x\n1,2\n1,3\n", l), "f.csv:3: column PID: '1' stands in f.csv:2 already"));
    FeatureTestOptions o = options();
    o.tasks = {"Ct"};
    EXPECT_TRUE(has(refusal(f, l, o), "l.csv: no column 'Ct'; did you mean CT?"));
}

}  // namespace
}  // namespace cmtl
