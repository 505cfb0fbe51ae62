// Manifests, splits, folds.
#include "training/cohort.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using test::expect_error;

struct Manifests : testing::Test {
    test::Folder folder;
    const std::vector<Task> tasks = ModelOptions{}.tasks;
    void SetUp() override {
        folder.write("a.nii", "x");
        folder.write("b.nii", "x");
    }
    Cohort read(const std::string& text, const std::string& id = "ID", bool labels = true) {
        return read_manifest(folder.write("m.csv", text), id, tasks, labels);
    }
};

TEST_F(Manifests, ReadEveryColumn) {
    const Cohort c = read("Image,ID,Severity,NAT,CT,Split,Mask\na.nii,p1,2,,1,train,b.nii\nb.nii,p2,0,1,,test,\n");
    ASSERT_EQ(c.cases.size(), 2u);
    EXPECT_TRUE(c.has_images && c.has_splits);
    EXPECT_EQ(c.cases[0].labels, (std::vector<int64_t>{1, -1, 2}));
    EXPECT_EQ(c.cases[1].labels, (std::vector<int64_t>{-1, 1, 0}));
    EXPECT_EQ(c.cases[0].split, Split::train);
    EXPECT_EQ(c.cases[1].split, Split::test);
    EXPECT_EQ(c.cases[0].image, folder / "a.nii");
    EXPECT_EQ(c.cases[0].mask, folder / "b.nii");
    EXPECT_TRUE(c.cases[1].mask.empty());
}

TEST_F(Manifests, KeepTheLabelsOfOtherTasks) {
    const auto file = folder.write("one.csv", "ID,CT,NAT,Severity\np,1,0,2\n");
    const Cohort c = read_manifest(file, "ID", {{"NAT", 2}}, true);
    ASSERT_EQ(c.cases.size(), 1u);
    EXPECT_EQ(c.cases[0].labels, (std::vector<int64_t>{0}));
}

TEST_F(Manifests, NameFileLineAndValue) {
    const auto wrong = [&](std::initializer_list<std::string> parts, const std::string& text) {
        SCOPED_TRACE(text);
        expect_error(ErrorKind::input, parts, [&] { read(text); });
    };
    wrong({"m.csv:1", "unknown column 'Sevrity'", "did you mean Severity"}, "ID,CT,NAT,Sevrity\np,1,1,1\n");
    wrong({"m.csv", "no column 'ID'", "PID", "--id-column"}, "PID,CT,NAT,Severity\np,1,1,1\n");
    wrong({"m.csv", "no column 'NAT'"}, "ID,CT,Severity\np,1,1\n");
    wrong({"m.csv:3", "'p'", "twice", "m.csv:2"}, "ID,CT,NAT,Severity\np,1,1,1\np,1,1,1\n");
    wrong({"m.csv:2", "Severity", "'3'", "0 to 2"}, "ID,CT,NAT,Severity\np,1,1,3\n");
    wrong({"m.csv:2", "CT", "'-1'"}, "ID,CT,NAT,Severity\np,-1,1,1\n");
    wrong({"m.csv:2", "CT", "yes"}, "ID,CT,NAT,Severity\np,yes,1,1\n");
    wrong({"m.csv:2", "'dev'", "train, val or test"}, "ID,CT,NAT,Severity,Split\np,1,1,1,dev\n");
    wrong({"m.csv:3", "Split is empty"}, "ID,CT,NAT,Severity,Split\np,1,1,1,val\nq,1,1,1,\n");
    wrong({"m.csv:2", "'c.nii'", "does not exist"}, "ID,Image,CT,NAT,Severity\np,c.nii,1,1,1\n");
    wrong({"m.csv:2", "Mask", "does not exist"}, "ID,Image,Mask,CT,NAT,Severity\np,a.nii,c.nii,1,1,1\n");
    wrong({"m.csv:2", "needs an image"}, "ID,Image,CT,NAT,Severity\np,,1,1,1\n");
    wrong({"m.csv:2", "needs an ID"}, "ID,CT,NAT,Severity\n ,1,1,1\n");
    wrong({"m.csv:2", "'a/b'"}, "ID,CT,NAT,Severity\na/b,1,1,1\n");
    expect_error(ErrorKind::input, {"nothing.csv", "no such file"},
                 [&] { read_manifest(folder / "nothing.csv", "ID", tasks, true); });
}

TEST_F(Manifests, NeedNoLabelsToPredict) {
    const Cohort c = read("PID,Image\n7,a.nii\n", "PID", false);
    EXPECT_EQ(c.cases[0].id, "7");
    EXPECT_EQ(c.cases[0].labels, (std::vector<int64_t>{-1, -1, -1}));
}

Cohort made_up(int cases) {
    Cohort c;
    c.tasks = ModelOptions{}.tasks;
    for (int i = 0; i < cases; ++i) {
        CohortCase one;
        one.id = fmt::format("p{:03}", i);
        const int severity = i % 10 == 0 ? 2 : i % 3 == 0 ? 0 : 1;
        one.labels = {severity > 0, i % 2, severity};
        c.cases.push_back(one);
    }
    return c;
}

TEST(Splits, AreStratifiedSeededAndIndependentOfTheOrderOfRows) {
    Cohort a = made_up(200), b = a;
    std::reverse(b.cases.begin(), b.cases.end());
    assign_splits(a, 0.2, 5);
    assign_splits(b, 0.2, 5);
    std::map<int64_t, std::pair<int, int>> strata;  // severity: validation cases, all
    std::map<std::string, Split> of_a;
    for (const auto& one : a.cases) {
        of_a[one.id] = one.split;
        auto& [val, all] = strata[one.labels[2]];
        val += one.split == Split::val;
        ++all;
    }
    for (const auto& one : b.cases) EXPECT_EQ(one.split, of_a[one.id]) << one.id;
    int val = 0;
    for (const auto& [severity, counts] : strata) {
        EXPECT_NEAR(counts.first, 0.2 * counts.second, 1.0) << severity;
        val += counts.first;
    }
    EXPECT_EQ(val, 40);
    Cohort c = made_up(200);
    assign_splits(c, 0.2, 6);
    int moved = 0;
    for (const auto& one : c.cases) moved += one.split != of_a[one.id];
    EXPECT_GT(moved, 20);
}

TEST(Folds, ShareOutEveryStratum) {
    const Cohort c = made_up(103);
    const auto fold = assign_folds(c, 5, 1);
    std::map<std::pair<int64_t, int>, int> counts;
    std::map<int, int> sizes;
    for (size_t i = 0; i < c.cases.size(); ++i) {
        ++counts[{c.cases[i].labels[2], fold[i]}];
        ++sizes[fold[i]];
    }
    ASSERT_EQ(sizes.size(), 5u);
    for (int k = 0; k < 5; ++k) {
        EXPECT_NEAR(sizes[k], 20.6, 0.7);
        for (int64_t severity = 0; severity < 3; ++severity) {
            int all = 0;
            for (int j = 0; j < 5; ++j) all += counts[{severity, j}];
            EXPECT_NEAR((counts[{severity, k}]), all / 5.0, 1.0);
        }
    }
    expect_error(ErrorKind::usage, {"--folds 1"}, [&] { assign_folds(c, 1, 1); });
    expect_error(ErrorKind::usage, {"--folds 104", "103"}, [&] { assign_folds(c, 104, 1); });
}

}  // namespace
}  // namespace cmtl
