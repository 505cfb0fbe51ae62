// Folds, sites, ensembles, tuning and boosted trees, as a user asks the programs for them.
#include <gtest/gtest.h>

#include "evaluation/predictions.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using test::run_program;
using test::says;
namespace fs = std::filesystem;
using test::Words;
using test::operator+;

struct StudyPrograms : testing::Test {
    test::Folder folder;
    Words base;
    void SetUp() override {
        test::write_feature_cohort(folder, 60);
        base = {"--manifest", file("labels.csv"), "--features", file("features.csv"), "--seed", "7", "-q",
                "-o",         file("run")};
    }
    std::string file(const std::string& name) const { return (folder / name).string(); }
    test::Result train(const Words& more = {}) const { return run_program("cmtl_train", base + more); }
};

TEST_F(StudyPrograms, TuneFoldsOfEnsemblesAndResumeWithoutBeingToldAgain) {
    const std::string plan =
        folder.write("tune.json", R"({"folds": 2, "candidates": [{"train.epochs": 1}, {"train.epochs": 3}]})").string();
    EXPECT_EQ(train({"--folds", "2", "--ensemble", "2", "--tune", plan}).code, 0);
    const std::string before = test::text_of(folder / "run/predictions.csv");
    fs::remove_all(folder / "run/fold1");
    fs::remove(folder / "run/predictions.csv");
    EXPECT_EQ(run_program("cmtl_train", {"--resume", "-q", "-o", file("run")}).code, 0);
    EXPECT_EQ(test::text_of(folder / "run/predictions.csv"), before);
    EXPECT_TRUE(fs::exists(folder / "run/fold1/tuning.csv") &&
                fs::exists(folder / "run/fold1/seed1/predictions_test.csv"));
    EXPECT_TRUE(says(train({"--folds", "2x"}), 2, "--folds 2x"));
    EXPECT_TRUE(says(train({"--folds", "2", "--tune", file("none.json")}), 3, "none.json"));
}

TEST_F(StudyPrograms, LeaveSitesOut) {
    std::string labels, line;
    std::istringstream lines(test::text_of(folder / "labels.csv"));
    for (int i = 0; std::getline(lines, line); ++i)
        labels += line + (i == 0 ? ",Site\n" : i % 2 ? ",Rome\n" : ",Bonn\n");
    folder.write("labels.csv", labels);
    EXPECT_EQ(train({"--folds", "site", "--set", "train.epochs=1"}).code, 0);
    EXPECT_NE(test::text_of(folder / "run/folds.csv").find("case000,1,Rome"), std::string::npos);
    EXPECT_EQ(read_predictions(folder / "run/fold0/predictions_test.csv").ids.size(), 30u);
}

TEST_F(StudyPrograms, TrainTreesAndPredictWithThem) {
    EXPECT_EQ(train({"--preset", "trees", "--set", "trees.rounds=20"}).code, 0);
    const Words infer{"--model", file("run"), "-q", "-o", file("out")};
    EXPECT_EQ(
        run_program("cmtl_infer", infer + Words{"--features", file("features.csv"), "--manifest", file("labels.csv")})
            .code,
        0);
    const Predictions all = read_predictions(folder / "out/predictions.csv"),
                      val = read_predictions(folder / "run/predictions_val.csv");
    EXPECT_EQ(all.ids.size(), 60u);
    for (size_t i = 0; i < val.ids.size(); ++i) {
        const auto at = static_cast<size_t>(std::find(all.ids.begin(), all.ids.end(), val.ids[i]) - all.ids.begin());
        EXPECT_EQ(val.tasks[2].probability(i, 1), all.tasks[2].probability(at, 1));
        EXPECT_EQ(val.tasks[2].labels[i], all.tasks[2].labels[at]);
    }
    EXPECT_EQ(run_program("cmtl_infer", infer + Words{"--features", file("features.csv"), "--id", "case004"}).code, 0);
    EXPECT_EQ(read_predictions(folder / "out/predictions.csv").ids, (std::vector<std::string>{"case004"}));
    EXPECT_TRUE(says(run_program("cmtl_infer", infer + Words{"-i", file("labels.csv")}), 2,
                     "boosted trees read feature tables"));
    folder.write("less.csv", "ID,f0\ncase000,1\n");
    EXPECT_TRUE(
        says(run_program("cmtl_infer", infer + Words{"--features", file("less.csv")}), 3, "5 of the 6 features"));
}

TEST_F(StudyPrograms, PredictWithTheMeanOfFoldsAndEnsembles) {
    for (const Words& settings :
         {Words{"--preset", "trees", "--set", "trees.rounds=5"}, Words{"--set", "train.epochs=2"}}) {
        SCOPED_TRACE(settings[1]);
        fs::remove_all(folder / "run");
        EXPECT_EQ(train(settings + Words{"--folds", "2", "--ensemble", "2"}).code, 0);
        const auto infer = [&](const std::string& model) {
            EXPECT_EQ(run_program("cmtl_infer",
                                  {"--model", file(model), "-q", "-o", file("out"), "--features", file("features.csv")})
                          .code,
                      0);
            return read_predictions(folder / "out/predictions.csv").tasks[2].probabilities;
        };
        const auto mean = infer("run");
        std::vector<double> sum(mean.size());
        for (const char* one : {"run/fold0/seed0", "run/fold0/seed1", "run/fold1/seed0", "run/fold1/seed1"}) {
            const auto p = infer(one);
            for (size_t i = 0; i < p.size(); ++i) sum[i] += p[i];
        }
        ASSERT_EQ(mean.size(), 180u);
        for (size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(mean[i], sum[i] / 4, 2e-9);
        fs::remove(folder / "run/fold1/ensemble.json");
        EXPECT_TRUE(says(
            run_program("cmtl_infer", {"--model", file("run"), "-o", file("out"), "--features", file("features.csv")}),
            3, "run/fold1: its trainings are not finished"));
    }
}

}  // namespace
}  // namespace cmtl
