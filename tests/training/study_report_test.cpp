// report.html of folders of several trainings: the figures of their files, and the same bytes after an interruption.
#include "training/study_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "evaluation/page_check.hpp"
#include "training/ensemble.hpp"
#include "training/trainer_fixture.hpp"
#include "training/tuning_report.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using Row = std::vector<std::string>;

struct StudyReports : test::FeatureTraining {
    void SetUp() override {
        FeatureTraining::SetUp();
        request.settings = {"train.epochs=2", "train.lr=0.05"};
    }
    json json_of(const fs::path& file) const { return json::parse(test::text_of(file)); }
    std::string page() const { return test::text_of(request.run / "report.html"); }
    // The page's row of this heading: the first figure of each cell.
    static Row row(const std::string& html, const std::string& head) {
        const size_t at = html.find("<th scope='row'>" + head + "</th>");
        if (at == std::string::npos) return {"no row " + head};
        Row cells;
        for (const std::string& cell : test::pieces(html.substr(at, html.find("</tr>", at) - at), "<td>", "</td>"))
            cells.push_back(cell.substr(4, std::min(cell.find(' '), cell.find("</td>")) - 4));
        return cells;
    }
    static std::string figure(const json& value) { return fmt::format("{:.3f}", value.get<double>()); }
    static void expect_parts(const std::string& html, std::initializer_list<std::string> parts) {
        for (const std::string& part : parts) EXPECT_NE(html.find(part), std::string::npos) << part;
        EXPECT_EQ(test::page_faults(html), std::vector<std::string>());
    }
};

TEST_F(StudyReports, FoldsWithTuning) {
    folder.write("tune.json", R"({"folds": 2, "candidates": [{"train.lr": 1e-9}, {"train": {"lr": 0.05}}]})");
    TrainJob job = make_job(request);
    StudyOptions options;
    options.folds = 3;
    options.tuning = read_tuning_plan(folder / "tune.json", job.config);
    cross_validate(job, options);
    const std::string html = page();
    const json folds = json_of(request.run / "folds.json");
    Row means{""}, deviations{""}, pooled{"60"};
    for (const char* task : {"CT", "NAT", "Severity"}) {
        means.push_back(figure(folds["tasks"][task]["auc_mean"]));
        deviations.push_back(figure(folds["tasks"][task]["auc_sd"]));
        pooled.push_back(figure(folds["tasks"][task]["pooled"]["auc"]));
    }
    EXPECT_EQ(row(html, "mean"), means);
    EXPECT_EQ(row(html, "standard deviation"), deviations);
    EXPECT_EQ(row(html, "pooled"), pooled);
    EXPECT_EQ(row(html, "fold 1")[1], figure(folds["tasks"]["CT"]["auc_by_fold"][1]));
    EXPECT_EQ(row(html, "cases"), (Row{"20", "20", "20", "60"}));
    EXPECT_EQ(row(html, "train.lr=0.05").back(), "3");
    expect_parts(html, {"<h1>Cross-validation</h1>", "Cases by fold and label", "All folds, pooled (60 cases)",
                        "<title>ROC curves, NAT</title>", "*: chosen for that fold", "f0 by class of CT",
                        "Precision and recall, COVID-19 by CT"});

    // The page is the same when a fold is trained again, and when nothing is missing but the page.
    job.resume = true;
    fs::remove(request.run / "report.html");
    cross_validate(job, options);
    EXPECT_EQ(page(), html);
    fs::remove_all(request.run / "fold1");
    cross_validate(job, options);
    EXPECT_EQ(page(), html);
    // Whoever wants none gets none, as tuning does.
    job.report = false;
    fs::remove(request.run / "report.html");
    fs::remove_all(request.run / "fold1");
    cross_validate(job, options);
    EXPECT_TRUE(fs::exists(request.run / "fold1/predictions_test.csv"));
    EXPECT_FALSE(fs::exists(request.run / "fold1/report.html") || fs::exists(request.run / "report.html"));
}

TEST_F(StudyReports, FoldsBySiteAreCalledByThem) {
    TrainJob job = make_job(request);
    for (size_t i = 0; i < job.cohort.cases.size(); ++i) job.cohort.cases[i].site = i % 3 ? "Rome <N>" : "Bonn";
    StudyOptions options;
    options.by_site = true;
    cross_validate(job, options);
    expect_parts(page(), {"fold 0 (Bonn)", "fold 1 (Rome &lt;N&gt;)"});
    EXPECT_EQ(row(page(), "cases"), (Row{"20", "40", "60"}));
    EXPECT_EQ(row(page(), "sites"), (Row{"1", "1", "2"}));
}

TEST_F(StudyReports, EnsembleAndItsMembers) {
    TrainJob job = make_job(request);
    for (size_t i = 0; i < job.cohort.cases.size(); ++i)
        job.cohort.cases[i].split = i < 30 ? Split::train : i < 45 ? Split::val : Split::test;
    job.cohort.has_splits = true;
    StudyOptions options;
    options.members = 2;
    train_study(job, options);
    const std::string html = page();
    const json ensemble = json_of(request.run / "ensemble.json");
    Row figures{"15"};
    for (const char* task : {"CT", "NAT", "Severity"}) figures.push_back(figure(ensemble["test"][task]["auc"]));
    EXPECT_EQ(row(html, "ensemble"), figures);  // of the test cases, which come first
    const auto metrics = all_metrics(read_predictions(request.run / "seed1/predictions_test.csv"));
    EXPECT_EQ(row(html, "seed 4")[2], figure(metrics[1].auc));
    EXPECT_EQ(row(html, "cases"), (Row{"30", "15", "15", "60"}));
    expect_parts(html, {"<h1>Ensemble</h1>", "Models, test cases", "Models, validation cases",
                        "Test, mean of the models (15 cases)", "Validation, mean of the models (15 cases)"});
    EXPECT_EQ(html.find(">Tuning<"), std::string::npos);
    job.resume = true;
    fs::remove_all(request.run / "seed0");
    train_study(job, options);
    EXPECT_EQ(page(), html);
}

TEST(TuningTables, ShowScoresAndWhatWasChosen) {
    test::Folder folder;
    const auto file = [&](const char* name, const char* rows) {
        fs::create_directory(folder / name);
        folder.write(std::string(name) + "/tuning.csv",
                     std::string("candidate,settings,score,CT,NAT,chosen,key\n") + rows);
    };
    file("a",
         "1,{},0.7,0.8,0.6,0,k\n2,\"{\"\"train\"\":{\"\"lr\"\":0.5},\"\"loss.name\"\":\"\"equal\"\"}\",0.75,0.9,0.6,1,"
         "k\n");
    file("b",
         "1,{},0.8,0.8,0.8,1,k\n2,\"{\"\"train\"\":{\"\"lr\"\":0.5},\"\"loss.name\"\":\"\"equal\"\"}\",0.7,0.7,0.7,0,"
         "k\n");
    const auto one = tuning_tables({{"", folder / "a"}});
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0].header, (Row{"Settings", "CT", "NAT", "mean", ""}));
    EXPECT_EQ(one[0].rows, (std::vector<Row>{{"as given", "0.800", "0.600", "0.700", ""},
                                             {"loss.name=equal, train.lr=0.5", "0.900", "0.600", "0.750", "chosen"}}));
    const auto both = tuning_tables({{"fold 0", folder / "a"}, {"fold 1", folder / "b"}});
    ASSERT_EQ(both.size(), 1u);
    EXPECT_EQ(both[0].header, (Row{"Settings", "fold 0", "fold 1", "chosen"}));
    EXPECT_EQ(both[0].rows, (std::vector<Row>{{"as given", "0.700", "* 0.800", "1"},
                                              {"loss.name=equal, train.lr=0.5", "* 0.750", "0.700", "1"}}));
    EXPECT_TRUE(tuning_tables({{"", folder / "none"}}).empty());
}

}  // namespace
}  // namespace cmtl
