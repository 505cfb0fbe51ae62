// report.html of a run: who took part, what was learned, and cases to look at.
#include "training/training_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "evaluation/page_check.hpp"
#include "training/cohort_report.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using Faults = std::vector<std::string>;
namespace fs = std::filesystem;
using Row = std::vector<std::string>;

Cohort small_cohort() {
    Cohort cohort;
    cohort.tasks = {{"CT", 2}, {"Severity", 3}};
    const std::vector<std::vector<int64_t>> labels{{1, 2}, {0, 0}, {-1, 1}, {1, 0}};
    const Split splits[] = {Split::train, Split::train, Split::train, Split::test};
    for (size_t i = 0; i < labels.size(); ++i) {
        cohort.cases.emplace_back();
        cohort.cases[i].id = fmt::format("c{}", i);
        cohort.cases[i].labels = labels[i];
        cohort.cases[i].split = splits[i];
    }
    return cohort;
}

TEST(CohortTables, CountCasesByLabelAndSplit) {
    const auto tables = cohort_tables(small_cohort(), {}, {"c9: gone.nii: no such file: at all"});
    ASSERT_EQ(tables.size(), 2u);
    EXPECT_EQ(tables[0].header, (Row{"", "training", "test", "all"}));
    EXPECT_EQ(tables[0].rows, (std::vector<Row>{{"cases", "3", "1", "4"},
                                                {"CT: negative", "1", "0", "1"},
                                                {"CT: positive", "1", "1", "2"},
                                                {"CT: unknown", "1", "0", "1"},
                                                {"Severity: control or suspected", "1", "1", "2"},
                                                {"Severity: mild or regular", "1", "0", "1"},
                                                {"Severity: severe or critical", "1", "0", "1"}}));
    EXPECT_EQ(tables[1].title, "Left out: 1");
    EXPECT_EQ(tables[1].rows, (std::vector<Row>{{"c9", "gone.nii: no such file: at all"}}));
}

TEST(CohortTables, SumUpLungs) {
    std::vector<CachedVolume> volumes(4);
    for (size_t i = 0; i < 4; ++i) volumes[i].litres_right = 2 + 0.25 * double(i), volumes[i].litres_left = 2;
    volumes[1].flags = {"one_lung", "small"};
    volumes[3].flags = {"small"};
    const auto tables = cohort_tables(small_cohort(), volumes, {});
    ASSERT_EQ(tables.size(), 2u);
    EXPECT_EQ(tables[1].rows,
              (std::vector<Row>{{"both, litres", "4.25 (4.00–\u20604.50)", "4.75 (4.75–\u20604.75)", "4.38 (4.00–\u20604.75)"},
                                {"right, litres", "2.25 (2.00–\u20602.50)", "2.75 (2.75–\u20602.75)", "2.38 (2.00–\u20602.75)"},
                                {"left, litres", "2.00 (2.00–\u20602.00)", "2.00 (2.00–\u20602.00)", "2.00 (2.00–\u20602.00)"},
                                {"cases without a flag", "2", "0", "2"},
                                {"flag: one_lung", "1", "0", "1"},
                                {"flag: small", "1", "1", "2"}}));
}

TEST(TrainingReport, OfATableOfFeatures) {
    test::Folder folder;
    test::write_feature_cohort(folder, 60);
    TrainRequest request;
    request.manifest = folder / "labels.csv";
    request.features = folder / "features.csv";
    request.run = folder / "run";
    request.settings = {"train.epochs=3", "train.lr=0.05"};
    request.quiet = true;
    const TrainOutcome outcome = train(make_job(request));
    const std::string page = test::text_of(request.run / "report.html");
    EXPECT_EQ(test::page_faults(page), Faults());
    for (const char* part :
         {"Cases by split and label", "NAT: unknown", "f0 by class of CT", "f1 by class of Severity",
          "Weights of the tasks&#39; losses", "Validation loss", "Reliability, Severity",
          "Operating points, COVID-19 by CT", "95 % of 1000 bootstrap replicates", "Validation (12 cases)"})
        EXPECT_NE(page.find(part), std::string::npos) << part;
    EXPECT_EQ(page.find("<img"), std::string::npos);

    // Trees leave their importances; a run without epochs has no curves.
    const FeatureTable table = read_feature_table(folder / "features.csv");
    Cohort cohort = read_manifest(folder / "labels.csv", "ID", {{"CT", 2}, {"NAT", 2}, {"Severity", 3}}, false);
    for (CohortCase& one : cohort.cases) one.split = Split::train;
    const fs::path trees = folder / "trees";
    fs::create_directory(trees);
    folder.write("trees/importances.csv", "task,feature,gain,cover,weight,share\nCT,f5,12,3,7,0.6\nCT,f0,8,3,7,0.4\n");
    const nlohmann::json settings;
    const Predictions none;
    write_training_report({.run = trees,
                           .settings = settings,
                           .cohort = cohort,
                           .features = &table,
                           .val = none,
                           .test = outcome.val,
                           .left_out = {"case999: unreadable"},
                           .warnings = {"scans of one patient & another"}});
    const std::string of_trees = test::text_of(trees / "report.html");
    EXPECT_EQ(test::page_faults(of_trees), Faults());
    EXPECT_LT(of_trees.find("f5 by class of CT"), of_trees.find("f0 by class of CT"));
    EXPECT_EQ(of_trees.find("f1 by class of CT"), std::string::npos);
    for (const char* part : {"1 case was left out: see the cohort", "case999", "one patient &amp; another", "60.0 %"})
        EXPECT_NE(of_trees.find(part), std::string::npos) << part;
    EXPECT_EQ(of_trees.find("Learning curves"), std::string::npos);
}

using VolumeReport = test::VolumeTraining;

TEST_F(VolumeReport, ShowsCasesWithHeatMapsAndWhatWasLeftOut) {
    folder.write("p4.nii", "no image");  // a training case
    request.settings.push_back("model.features=false");
    const TrainOutcome outcome = train(make_job(request));
    ASSERT_EQ(outcome.failed.size(), 1u);
    const std::string page = test::text_of(request.run / "report.html");
    EXPECT_EQ(test::page_faults(page), Faults());
    // One test case: it is shown once.
    EXPECT_EQ(test::count_of(page, "<img"), 1u);
    for (const char* part : {"<h2>Cases</h2>", "<h3>p6</h3>", "Left out: 1", "both, litres", "1 case was left out"})
        EXPECT_NE(page.find(part), std::string::npos) << part;
    EXPECT_LT(page.size(), 1u << 20);
}

}  // namespace
}  // namespace cmtl
