// Boosted trees through train(): the run folder, missing labels and features, early stopping, importances.
#include "training/tree_training.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "base/csv.hpp"
#include "training/folds.hpp"
#include "training/trainer_fixture.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::expect_error;
using test::metrics;
namespace fs = std::filesystem;

struct TreeTraining : test::FeatureTraining {
    void SetUp() override {
        FeatureTraining::SetUp();
        test::write_feature_cohort(folder, 90);
        request.preset = "trees";
        request.settings = {"trees.rounds=60", "trees.eta=0.1", "trees.patience=8"};
    }
};

TEST_F(TreeTraining, LeavesTheWholeRunFolder) {
    const TrainOutcome outcome = train(make_job(request));
    for (const char* name :
         {"config.json", "metrics.jsonl", "log.txt", "report.html", "predictions_val.csv", "importances.csv",
          "checkpoints/CT.json", "checkpoints/NAT.json", "checkpoints/Severity.json"})
        EXPECT_TRUE(fs::exists(request.run / name)) << name;
    ASSERT_EQ(outcome.val_metrics.size(), 3u);
    EXPECT_GT(outcome.val_metrics[0].auc, 0.8);
    const CsvTable csv = read_csv(request.run / "importances.csv");
    EXPECT_EQ(csv.header, (std::vector<std::string>{"task", "feature", "gain", "cover", "weight", "share"}));
    // CT follows f0 and f1, severity f1.
    for (const size_t r : {0, 1}) EXPECT_TRUE(csv.text(r, 0) == "CT" && csv.text(r, 1) <= "f1") << csv.text(r, 1);
    size_t severity = 0;
    while (csv.text(severity, 0) != "Severity") ++severity;
    EXPECT_EQ(csv.text(severity, 1), "f1");
    const std::string log = test::text_of(request.run / "log.txt");
    EXPECT_NE(log.find("CT: most important features, by share of the gain: f"), std::string::npos) << log;
    EXPECT_TRUE(is_tree_run(request.run));
    EXPECT_FALSE(is_tree_run(folder.path()));
}

TEST_F(TreeTraining, StopsEachTaskAtItsBestValidationLoss) {
    train(make_job(request));
    const auto lines = metrics(request.run);
    for (const char* task : {"CT", "NAT", "Severity"}) {
        int64_t best = 0;
        double least = 1e9;
        for (size_t r = 0; r + 1 < lines.size() && static_cast<int64_t>(r) < best + 8; ++r)
            if (const double loss = lines[r]["val"][task]["loss"]; loss < least) {
                least = loss;
                best = static_cast<int64_t>(r) + 1;
            }
        EXPECT_EQ(lines.back()["final"]["rounds"][task], best) << task;
    }
    EXPECT_LT(lines.back()["final"]["rounds"]["NAT"], 60);  // NAT follows nothing
}

TEST_F(TreeTraining, GivesTheSameFilesAgain) {
    request.threads = 1;
    train(make_job(request));
    TrainRequest again = request;
    again.run = folder / "again";
    again.threads = 2;
    train(make_job(again));
    const auto same = [&](const fs::path& a, const fs::path& b) {
        for (const char* name :
             {"metrics.jsonl", "predictions_val.csv", "importances.csv", "checkpoints/Severity.json"})
            EXPECT_EQ(test::text_of(a / name), test::text_of(b / name)) << name;
    };
    same(request.run, again.run);
    // Killed between rounds, then resumed.
    struct Killed {};
    TrainRequest cut = request;
    cut.run = folder / "cut";
    TrainJob job = make_job(cut);
    job.after_step = [](int64_t round) {
        if (round == 5) throw Killed{};
    };
    EXPECT_THROW(train(std::move(job)), Killed);
    cut.resume = true;
    train(make_job(cut));
    same(request.run, cut.run);
    cut.settings.push_back("trees.eta=0.2");
    expect_error(ErrorKind::usage, {"other settings", "trees.eta"}, [&] { train(make_job(cut)); });
}

TEST_F(TreeTraining, LeavesUnknownLabelsOutAndTakesMissingFeatures) {
    // The label of every third case is unknown, and other values there must not matter to CT; features are missing.
    std::string labels = "ID,CT,NAT,Severity,Split\n", table = "ID,A,B\n", other = "ID,A,B\n";
    for (int i = 0; i < 60; ++i) {
        const bool known = i % 3 > 0;
        labels += fmt::format("c{},{},{},{},{}\n", i, known ? std::to_string(i % 2) : "", i % 2, i % 3,
                              i < 40 ? "train" : "test");
        const std::string row =
            fmt::format("c{},{},{}\n", i, i % 2 + (i % 5) * 0.3, i % 7 ? std::to_string(i % 4) : "");
        table += row;
        other += known || i >= 40 ? row : fmt::format("c{},{},{}\n", i, -50 * i, "nan");
    }
    folder.write("labels.csv", labels);
    folder.write("features.csv", table);
    request.settings = {"trees.rounds=10"};
    train(make_job(request));
    folder.write("features.csv", other);
    request.run = folder / "other";
    train(make_job(request));
    EXPECT_EQ(test::text_of(folder / "run/checkpoints/CT.json"), test::text_of(folder / "other/checkpoints/CT.json"));
    EXPECT_NE(test::text_of(folder / "run/checkpoints/NAT.json"), test::text_of(folder / "other/checkpoints/NAT.json"));

    for (size_t at = 0; (at = labels.find(",1,", at)) != std::string::npos;) labels.replace(at, 3, ",0,");
    std::string none = "ID,CT,NAT,Severity\n";
    for (int i = 0; i < 60; ++i) none += fmt::format("c{},,1,1\n", i);
    folder.write("labels.csv", none);
    request.run = folder / "none";
    expect_error(ErrorKind::input, {"labels.csv", "no training case has a label of CT"},
                 [&] { train(make_job(request)); });
    request.preset = "features";
    request.settings.clear();
    expect_error(ErrorKind::input, {"features.csv:2"}, [&] { make_job(request); });  // networks take no missing values
}

TEST_F(TreeTraining, AveragesImportancesOverFolds) {
    request.settings = {"trees.rounds=8"};
    cross_validate(make_job(request), 3);
    std::map<std::string, double> shares;
    for (int k = 0; k < 3; ++k) {
        const CsvTable csv = read_csv(request.run / fmt::format("fold{}/importances.csv", k));
        for (size_t r = 0; r < csv.rows.size(); ++r)
            shares[csv.text(r, 0) + " " + csv.text(r, 1)] += csv.number(r, csv.column("share")) / 3;
    }
    const CsvTable mean = read_csv(request.run / "importances.csv");
    EXPECT_EQ(mean.rows.size(), shares.size());
    for (size_t r = 0; r < mean.rows.size(); ++r)
        EXPECT_NEAR(mean.number(r, mean.column("share")), shares[mean.text(r, 0) + " " + mean.text(r, 1)], 1e-12);
}

TEST_F(TreeTraining, ReadsItsModelBack) {
    request.settings = {"trees.rounds=8"};
    const TrainOutcome outcome = train(make_job(request));
    const TreeModel model = read_tree_model(request.run, 1);
    const FeatureTable table = read_feature_table(request.features, "ID", MissingFeatures::keep);
    const Predictions again = predict_trees(model, table, outcome.val.ids);
    for (size_t k = 0; k < 3; ++k) EXPECT_EQ(again.tasks[k].probabilities, outcome.val.tasks[k].probabilities);
    fs::remove(request.run / "checkpoints/NAT.json");
    expect_error(ErrorKind::input, {"NAT.json"}, [&] { read_tree_model(request.run, 1); });
    expect_error(ErrorKind::input, {"not a run of boosted trees"}, [&] { read_tree_model(folder.path(), 1); });
}

TEST_F(TreeTraining, RefusesSettingsThatMakeNoSense) {
    const auto refused = [&](const std::vector<std::string>& settings, std::initializer_list<std::string> parts) {
        SCOPED_TRACE(settings.front());
        request.settings = settings;
        expect_error(ErrorKind::usage, parts, [&] { make_job(request); });
    };
    refused({"trees.rounds=0"}, {"trees.rounds"});
    refused({"trees.eta=0"}, {"trees.eta"});
    refused({"trees.subsample=1.5"}, {"trees.subsample"});
    refused({"model.volume=true"}, {"xgboost", "features alone"});
    refused({"model.architecture=forest"}, {"'forest'"});
    request.init = request.run;
    refused({"trees.rounds=5"}, {"--init"});
}

TEST_F(TreeTraining, WarnsOfIdenticalScans) {
    std::string table = test::text_of(folder / "features.csv");
    std::istringstream lines(table);
    std::string line, copy;
    for (int i = 0; std::getline(lines, line); ++i) {
        if (i == 1) copy = line.substr(line.find(','));
        table = i == 0 ? line + "\n" : table + (i == 5 ? line.substr(0, line.find(',')) + copy : line) + "\n";
    }
    folder.write("features.csv", table);
    for (const char* preset : {"trees", "features"}) {
        request.preset = preset;
        request.settings = {"trees.rounds=3", "train.epochs=1"};
        request.run = folder / preset;
        const TrainOutcome outcome = train(make_job(request));
        ASSERT_EQ(outcome.warnings.size(), 1u) << preset;
        EXPECT_NE(outcome.warnings[0].find("with different labels: case000"), std::string::npos) << outcome.warnings[0];
        EXPECT_NE(test::text_of(request.run / "log.txt").find(outcome.warnings[0]), std::string::npos);
        EXPECT_NE(test::text_of(request.run / "report.html").find("case000"), std::string::npos);
    }
}

using test::VolumeTraining;

TEST_F(VolumeTraining, TreesLearnFeaturesThatAreComputed) {
    request.preset = "trees";
    request.settings.resize(7);  // the preparation's
    request.settings.insert(request.settings.end(), {"preparation.spacing_mm=10", "trees.rounds=5"});
    fs::copy_file(folder / "p0.nii", folder / "p6.nii", fs::copy_options::overwrite_existing);
    fs::copy_file(folder / "m0.nii", folder / "m6.nii", fs::copy_options::overwrite_existing);
    const TrainOutcome outcome = train(make_job(request));
    EXPECT_EQ(read_tree_model(request.run, 1).trees[0][0].features().size(), 375u);
    EXPECT_TRUE(fs::exists(request.run / "predictions_test.csv"));
    // The first training case came again as the test case.
    ASSERT_EQ(outcome.warnings.size(), 1u);
    EXPECT_NE(outcome.warnings[0].find("in different splits: p0 (train), p6 (test)"), std::string::npos)
        << outcome.warnings[0];
}

}  // namespace
}  // namespace cmtl
