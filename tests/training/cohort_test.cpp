// Manifests, splits, folds.
#include "training/cohort.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "training/duplicates.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using test::expect_error;
namespace fs = std::filesystem;

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

TEST_F(Manifests, KnowPatientsAndSites) {
    const Cohort c = read("ID,CT,NAT,Severity,Site,Patient\na,1,1,1,Wuhan,P1\nb,1,1,1,,\nc,0,0,0,Rome,P1\n");
    EXPECT_TRUE(c.has_sites);
    EXPECT_EQ(c.cases[0].patient, "P1");
    EXPECT_EQ(c.cases[1].patient, "b");
    EXPECT_EQ(c.cases[0].site, "Wuhan");
    EXPECT_EQ(c.cases[1].site, "");
    expect_error(ErrorKind::input, {"m.csv:3", "no Site"}, [&] { site_folds(c); });
    EXPECT_FALSE(read("ID,CT,NAT,Severity\na,1,1,1\n").has_sites);
}

TEST_F(Manifests, MayNotTearAPatientApart) {
    const std::string head = "ID,CT,NAT,Severity,Split,Patient\n";
    const Cohort torn = read(head + "a,1,1,1,train,P1\nb,1,1,1,test,P1\nc,1,1,1,test,P2\nd,1,1,1,test,P2\n");
    expect_error(ErrorKind::input, {"m.csv", "P1 (test, train)"}, [&] { require_whole_patients(torn); });
    require_whole_patients(read(head + "a,1,1,1,train,P1\nb,1,1,1,train,P1\nc,1,1,1,test,P2\n"));
}

// A model of one task is compared with one of three on the same folds.
TEST_F(Manifests, StratifyAlikeWhateverIsTrained) {
    std::string text = "ID,CT,NAT,Severity\n";
    for (int i = 0; i < 40; ++i) text += fmt::format("p{},{},{},{}\n", i, i % 2, i / 7 % 2, i % 3);
    const fs::path file = folder.write("m.csv", text);
    const Cohort all = read_manifest(file, "ID", tasks, true), nat = read_manifest(file, "ID", {{"NAT", 2}}, true);
    EXPECT_EQ(nat.cases[7].labels, (std::vector<int64_t>{1}));
    EXPECT_EQ(assign_folds(all, 4, 1), assign_folds(nat, 4, 1));
    expect_error(ErrorKind::input, {"no column 'CT'"}, [&] { read("ID,NAT,Severity\na,1,1\n"); });
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

// Patients with one to four scans, whose labels differ.
Cohort with_patients(int patients) {
    Cohort c;
    c.tasks = ModelOptions{}.tasks;
    for (int p = 0; p < patients; ++p)
        for (int scan = 0; scan < 1 + p % 4; ++scan) {
            CohortCase one;
            one.id = fmt::format("p{:03}s{}", p, scan);
            one.patient = fmt::format("patient{:03}", p);
            one.site = fmt::format("site{}", p % 3);
            one.labels = {scan % 2, p % 2, (p + scan) % 3};
            c.cases.push_back(one);
        }
    return c;
}

TEST(Splits, KeepThePatientsWhole) {
    Cohort c = with_patients(80);
    assign_splits(c, 0.25, 3);
    std::map<std::string, std::set<Split>> splits;
    for (const auto& one : c.cases) splits[one.patient].insert(one.split);
    int val = 0;
    for (const auto& [patient, found] : splits) {
        EXPECT_EQ(found.size(), 1u) << patient;
        val += found.contains(Split::val);
    }
    EXPECT_EQ(val, 20);
    Cohort again = with_patients(80);
    assign_splits(again, 0.25, 3, 7);
    int moved = 0;
    for (size_t i = 0; i < c.cases.size(); ++i) moved += c.cases[i].split != again.cases[i].split;
    EXPECT_GT(moved, 20);  // another draw of the same seed
}

TEST(Folds, KeepThePatientsWhole) {
    const Cohort c = with_patients(83);
    const auto fold = assign_folds(c, 5, 2);
    std::map<std::string, std::set<int>> folds;
    std::map<int, std::set<std::string>> members;
    std::map<int, int> scans;
    for (size_t i = 0; i < fold.size(); ++i) {
        folds[c.cases[i].patient].insert(fold[i]);
        members[fold[i]].insert(c.cases[i].patient);
        ++scans[fold[i]];
    }
    for (const auto& [patient, found] : folds) EXPECT_EQ(found.size(), 1u) << patient;
    for (const auto& [k, patients] : members) EXPECT_NEAR(static_cast<double>(patients.size()), 16.6, 0.7) << k;
    for (const auto& [k, n] : scans) EXPECT_NEAR(n, static_cast<double>(c.cases.size()) / 5, 8) << k;
    expect_error(ErrorKind::usage, {"--folds 84", "83"}, [&] { assign_folds(c, 84, 1); });
}

TEST(Folds, LeaveOneSiteOut) {
    Cohort c = with_patients(20);
    const SiteFolds folds = site_folds(c);
    EXPECT_EQ(folds.sites, (std::vector<std::string>{"site0", "site1", "site2"}));
    for (size_t i = 0; i < c.cases.size(); ++i)
        EXPECT_EQ(folds.sites[static_cast<size_t>(folds.fold[i])], c.cases[i].site);
    c.cases[1].site = "site0";  // the first scan of a patient whose other scan is of site1
    expect_error(ErrorKind::input, {"patient001 (site0, site1)"}, [&] { site_folds(c); });
    for (auto& one : c.cases) one.site = "here";
    expect_error(ErrorKind::input, {"1 site", "two or more"}, [&] { site_folds(c); });
}

TEST(Duplicates, AreReportedAcrossSplitsAndWithOtherLabels) {
    Cohort c = made_up(6);
    const Split splits[] = {Split::train, Split::train, Split::test, Split::val, Split::train, Split::train};
    for (size_t i = 0; i < 6; ++i) {
        c.cases[i].split = splits[i];
        c.cases[i].labels = {1, 0, 2};
    }
    c.cases[5].labels = {1, 1, 2};
    c.cases[4].labels[1] = -1;
    // 0, 1 alike within training; 0, 2 never; 3 alone; 4 and 5 differ in NAT, which 4 does not know.
    std::vector<std::string> contents{"A", "A", "", "C", "D", "D"};
    EXPECT_TRUE(duplicate_warnings(c, contents).empty());
    contents[2] = "A";
    auto lines = duplicate_warnings(c, contents);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0], "the same scan in different splits: p000 (train), p001 (train), p002 (test)");
    c.cases[4].labels[1] = 0;
    lines = duplicate_warnings(c, contents);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[1],
              "the same scan with different labels: p004 (train: CT 1, NAT 0, Severity 2), p005 (train: CT 1, NAT 1, "
              "Severity 2)");
    EXPECT_EQ(duplicate_warnings(c, contents, 1).back(), "and 1 more sets of identical scans");
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
