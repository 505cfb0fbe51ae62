// Cross-validation, ensembles and tuning: what they average, what they choose by, and that they go on where they were.
#include <gtest/gtest.h>

#include <set>

#include "base/csv.hpp"
#include "training/ensemble.hpp"
#include "training/folds.hpp"
#include "training/trainer_fixture.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::expect_error;
namespace fs = std::filesystem;

struct Studies : test::FeatureTraining {
    void SetUp() override {
        FeatureTraining::SetUp();
        request.settings = {"train.epochs=2", "train.lr=0.05"};
    }
    StudyOptions folds_of(int folds, int members = 1) const {
        StudyOptions options;
        options.folds = folds;
        options.members = members;
        return options;
    }
    json json_of(const fs::path& file) const { return json::parse(test::text_of(file)); }
};

void expect_mean(const Predictions& mean, const std::vector<Predictions>& members) {
    for (size_t k = 0; k < mean.tasks.size(); ++k)
        for (size_t i = 0; i < mean.tasks[k].probabilities.size(); ++i) {
            double sum = 0;
            for (const auto& member : members) {
                ASSERT_EQ(member.ids, mean.ids);
                sum += member.tasks[k].probabilities[i];
            }
            ASSERT_NEAR(mean.tasks[k].probabilities[i], sum / static_cast<double>(members.size()), 2e-9);
        }
}

TEST_F(Studies, AnEnsembleIsTheMeanOfItsMembers) {
    StudyOptions options;
    options.members = 3;
    const TrainOutcome outcome = train_study(make_job(request), options);
    std::vector<Predictions> members;
    std::set<std::string> texts;
    for (int m = 0; m < 3; ++m) {
        const fs::path run = request.run / fmt::format("seed{}", m);
        members.push_back(read_predictions(run / "predictions_val.csv"));
        texts.insert(test::text_of(run / "predictions_val.csv"));
        EXPECT_EQ(json_of(run / "config.json")["run"]["seed"], 3 + m);
    }
    EXPECT_EQ(texts.size(), 3u);  // different models of the same cases
    expect_mean(outcome.val, members);
    expect_mean(read_predictions(request.run / "predictions_val.csv"), members);
    EXPECT_EQ(json_of(request.run / "ensemble.json")["seeds"], json({3, 4, 5}));
    // The first member is the model that training without an ensemble gives.
    request.run = folder / "single";
    train(make_job(request));
    EXPECT_EQ(test::text_of(request.run / "predictions_val.csv"),
              test::text_of(folder / "run/seed0/predictions_val.csv"));
}

TEST_F(Studies, FoldsOfEnsemblesPredictEveryCaseOnce) {
    const FoldsOutcome outcome = cross_validate(make_job(request), folds_of(3, 2));
    EXPECT_EQ(std::set<std::string>(outcome.pooled.ids.begin(), outcome.pooled.ids.end()).size(), 60u);
    const CsvTable folds = read_csv(request.run / "folds.csv");
    std::map<std::string, std::string> fold_of;
    for (size_t r = 0; r < folds.rows.size(); ++r) fold_of[folds.text(r, 0)] = folds.text(r, 1);
    for (int k = 0; k < 3; ++k) {
        std::vector<Predictions> members;
        for (int m = 0; m < 2; ++m)
            members.push_back(read_predictions(request.run / fmt::format("fold{}/seed{}/predictions_test.csv", k, m)));
        expect_mean(read_predictions(request.run / fmt::format("fold{}/predictions_test.csv", k)), members);
        for (const auto& id : members[0].ids) EXPECT_EQ(fold_of[id], std::to_string(k)) << id;
    }
    EXPECT_EQ(recorded_study(request.run), (json{{"folds", 3}, {"ensemble", 2}, {"tune", ""}}));
}

TEST_F(Studies, FinishedFoldsAreNotTrainedAgain) {
    TrainJob job = make_job(request);
    int64_t steps = 0;
    job.after_step = [&](int64_t) { ++steps; };
    cross_validate(job, folds_of(3));
    const int64_t all = steps;
    const std::string predictions = test::text_of(request.run / "predictions.csv"),
                      summary = test::text_of(request.run / "folds.json");
    fs::remove_all(request.run / "fold1");
    for (const char* gone : {"predictions.csv", "folds.json"}) fs::remove(request.run / gone);
    steps = 0;
    job.resume = true;
    cross_validate(job, folds_of(3));
    EXPECT_EQ(steps, all / 3);
    EXPECT_EQ(test::text_of(request.run / "predictions.csv"), predictions);
    EXPECT_EQ(test::text_of(request.run / "folds.json"), summary);

    expect_error(ErrorKind::usage, {"other settings", "run.study.folds"}, [&] { cross_validate(job, folds_of(4)); });
    job.config.train.lr = 0.1;
    expect_error(ErrorKind::usage, {"other settings", "train.lr"}, [&] { cross_validate(job, folds_of(3)); });
    job.config.train.lr = 0.05;
    job.features->values[0] += 1;
    expect_error(ErrorKind::input, {"fold0", "changed"}, [&] { cross_validate(job, folds_of(3)); });
    job.resume = false;
    expect_error(ErrorKind::input, {"--resume"}, [&] { cross_validate(job, folds_of(3)); });
}

TEST_F(Studies, AFoldMayHaveAValidationSet) {
    request.settings.push_back("data.fold_validation_share=0.25");
    cross_validate(make_job(request), folds_of(3));
    std::set<std::string> validation, test;
    for (int k = 0; k < 3; ++k) {
        const fs::path run = request.run / fmt::format("fold{}", k);
        const Predictions val = read_predictions(run / "predictions_val.csv"),
                          held = read_predictions(run / "predictions_test.csv");
        EXPECT_EQ(val.ids.size(), 10u);
        EXPECT_EQ(held.ids.size(), 20u);
        for (const auto& id : val.ids) EXPECT_EQ(std::count(held.ids.begin(), held.ids.end(), id), 0) << id;
        validation.insert(val.ids.begin(), val.ids.end());
    }
    EXPECT_GT(validation.size(), 15u);  // drawn for each fold anew
}

TEST_F(Studies, TestCasesDoNotReachTheTraining) {
    // The same training with extreme values in all other cases.
    const auto first_weights = [&](double extreme, const std::string& run) {
        TrainJob job = make_job(request);
        for (size_t i = 0; i < job.cohort.cases.size(); ++i) {
            CohortCase& one = job.cohort.cases[i];
            one.split = i < 40 ? Split::train : i < 50 ? Split::val : Split::test;
            if (i < 40) continue;
            const size_t row = *job.features->find(one.id);
            for (size_t f = 0; f < job.features->names.size(); ++f)
                job.features->values[row * job.features->names.size() + f] *= extreme;
            if (extreme > 1) one.labels = {1 - one.labels[0], one.labels[1], 2 - one.labels[2]};
        }
        job.cohort.has_splits = true;
        job.run = folder / run;
        train(job);
        return test::data_of(job.run / "checkpoints/latest.safetensors");
    };
    EXPECT_TRUE(first_weights(1, "plain") == first_weights(1e9, "extreme"));
}

// --- tuning ---

TEST_F(Studies, TuningChoosesWhatLearns) {
    // The first and the last candidate do not learn at all.
    folder.write("tune.json", R"({"folds": 3, "candidates": [{"train.lr": 1e-9}, {"train.lr": 0.05, "train.epochs": 8},
                                  {"train": {"lr": 1e-9}, "model.feature_dropout": 0.5}]})");
    const TrainJob job = make_job(request);
    StudyOptions options = folds_of(2);
    options.tuning = read_tuning_plan(folder / "tune.json", job.config);
    EXPECT_EQ(options.tuning->folds, 3);
    cross_validate(job, options);
    for (int k = 0; k < 2; ++k) {
        const CsvTable csv = read_csv(request.run / fmt::format("fold{}/tuning.csv", k));
        ASSERT_EQ(csv.rows.size(), 3u);
        for (size_t c = 0; c < 3; ++c) EXPECT_EQ(csv.text(c, csv.column("chosen")), c == 1 ? "1" : "0");
        EXPECT_GT(csv.number(1, csv.column("score")), csv.number(0, csv.column("score")));
        EXPECT_NEAR(csv.number(1, csv.column("score")),
                    (csv.number(1, csv.column("CT")) + csv.number(1, csv.column("NAT")) +
                     csv.number(1, csv.column("Severity"))) /
                        3,
                    1e-12);
        EXPECT_EQ(json_of(request.run / fmt::format("fold{}/config.json", k))["train"]["epochs"], 8);
        EXPECT_FALSE(fs::exists(request.run / fmt::format("fold{}/tuning", k)));
    }
    const json folds = json_of(request.run / "folds.json");
    ASSERT_EQ(folds["tuning"].size(), 2u);
    EXPECT_EQ(folds["tuning"][0]["chosen"], 2);
    EXPECT_EQ(folds["tuning"][0]["candidates"].size(), 3u);
}

// Sites instead of drawn folds, because stratified ones depend on every label.
TEST_F(Studies, TuningDoesNotSeeTheOuterFold) {
    TrainJob job = make_job(request);
    for (size_t i = 0; i < job.cohort.cases.size(); ++i) job.cohort.cases[i].site = i % 2 ? "odd" : "even";
    TuningPlan plan;
    plan.folds = 2;
    plan.candidates = {{{"train.lr", 0.02}}, {{"train.lr", 0.05}}, {{"train.lr", 0.05}, {"train.epochs", 4}}};
    StudyOptions options;
    options.by_site = true;
    options.tuning = plan;
    cross_validate(job, options);
    // The labels of one site change hands, and its features with them.
    TrainJob planted = job;
    planted.run = folder / "planted";
    auto& cases = planted.cohort.cases;
    for (size_t i = 0; i < cases.size(); i += 2) {
        cases[i].labels = job.cohort.cases[(i + 14) % cases.size()].labels;
        planted.features->values[*planted.features->find(cases[i].id) * planted.features->names.size()] *= -3;
    }
    cross_validate(planted, options);
    const auto scores = [](const fs::path& run, const char* fold) { return test::text_of(run / fold / "tuning.csv"); };
    EXPECT_EQ(scores(job.run, "fold0"), scores(planted.run, "fold0"));  // without the even cases
    EXPECT_NE(scores(job.run, "fold1"), scores(planted.run, "fold1"));
    EXPECT_EQ(json_of(job.run / "folds.json")["sites"], json({"even", "odd"}));
}

TEST_F(Studies, TuningSeesTrainingCasesAlone) {
    const auto scores = [&](const std::string& run, bool planted) {
        TrainJob job = make_job(request);
        for (size_t i = 0; i < job.cohort.cases.size(); ++i) {
            CohortCase& one = job.cohort.cases[i];
            one.split = i < 40 ? Split::train : i < 50 ? Split::val : Split::test;
            if (planted && i >= 40) one.labels[0] = 1 - one.labels[0];
        }
        job.cohort.has_splits = true;
        job.run = folder / run;
        StudyOptions options;
        options.tuning = TuningPlan{{}, 2, {{{"train.lr", 0.02}}, {{"train.lr", 0.05}}}};
        train_study(job, options);
        return test::text_of(job.run / "tuning.csv");
    };
    EXPECT_EQ(scores("plain", false), scores("planted", true));
}

TEST_F(Studies, TuningGoesOnWhereItStopped) {
    TrainJob job = make_job(request);
    TuningPlan plan;
    plan.folds = 2;
    plan.candidates = {{{"train.lr", 0.02}}, {{"train.lr", 0.05}}};
    StudyOptions options;
    options.tuning = plan;
    int64_t outer = 0;
    job.after_step = [&](int64_t) { ++outer; };
    train_study(job, options);
    const std::string scores = test::text_of(job.run / "tuning.csv"),
                      predictions = test::text_of(job.run / "predictions_val.csv");
    EXPECT_GT(outer, 0);
    // A row that is there is taken as it is, one of other settings is not.
    CsvTable csv = read_csv(job.run / "tuning.csv");
    csv.rows[0][csv.column("score")] = "0.999";
    csv.rows[1][csv.column("key")] = "0";
    write_csv(job.run / "tuning.csv", csv);
    job.resume = true;
    const Tuned tuned = [&] {
        TrainJob part = job;
        assign_splits(part.cohort, part.config.data.validation_share, part.seed);
        part.cohort.has_splits = true;
        return tune(part, plan);
    }();
    EXPECT_EQ(tuned.scores[0].score, 0.999);
    const CsvTable again = read_csv(job.run / "tuning.csv"), before = parse_csv(scores, "before");
    EXPECT_EQ(again.rows[1][2], before.rows[1][2]);
    EXPECT_EQ(tuned.chosen, 0u);
}

TEST_F(Studies, TuningPlansAreCheckedAtOnce) {
    const Config config = make_job(request).config;
    const auto wrong = [&](const std::string& text, std::initializer_list<std::string> parts) {
        SCOPED_TRACE(text);
        const fs::path file = folder.write("tune.json", text);
        expect_error(ErrorKind::usage, parts, [&] { read_tuning_plan(file, config); });
    };
    wrong("[]", {"tune.json", "list of settings"});
    wrong("{\"candidates\": 3}", {"list of settings"});
    wrong("{\"fold\": 3, \"candidates\": [{}]}", {"unknown key 'fold'"});
    wrong("{\"folds\": 1, \"candidates\": [{}]}", {"folds is 1"});
    wrong("[{\"train.lr\": 0.1}, {\"train.rl\": 0.1}]", {"candidate 2", "train.rl"});
    wrong("[{\"train.lr\": -1}]", {"candidate 1", "train.lr"});
    wrong("[{\"model.tasks\": []}]", {"model.tasks"});
    wrong("[{\"preset\": \"full\"}]", {"preset"});
    folder.write("tune.json", "[{}]");
    EXPECT_EQ(read_tuning_plan(folder / "tune.json", config).candidates.size(), 1u);
}

}  // namespace
}  // namespace cmtl
