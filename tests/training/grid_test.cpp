// Tables of settings: what they expand to, what they leave, and that they go on.
#include "training/grid.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/csv.hpp"
#include "evaluation/ablation.hpp"
#include "evaluation/cohorts.hpp"
#include "evaluation/page_check.hpp"
#include "evaluation/predictions.hpp"
#include "training/grid_table.hpp"
#include "training/trainer_fixture.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using test::expect_error;
namespace fs = std::filesystem;

struct Grids : test::FeatureTraining {
    void SetUp() override {
        FeatureTraining::SetUp();
        request.settings = {"train.epochs=2", "train.batch_size=16"};
        request.run = folder / "grid";
        request.seed.reset();
    }
    GridPlan plan(const std::string& text) { return plan_grid(ordered_json::parse(text), "g.json", request); }
    GridOutcome run(const std::string& text) { return run_grid(folder.write("g.json", text), request); }
    static std::vector<std::string> folders(const GridPlan& plan) {
        std::vector<std::string> out;
        for (const GridRun& run : plan.runs) out.push_back(run.folder);
        return out;
    }
    fs::path at(const std::string& name) const { return folder / ("grid/" + name); }
    static json json_of(const fs::path& file) { return json::parse(test::text_of(file)); }
};

struct VolumeGrids : test::VolumeTraining {};

TEST_F(Grids, AreTheProductOfTheirAxesAndTheirRuns) {
    const GridPlan p = plan(R"({"base": {"train": {"lr": 0.5}, "loss": {"draws": 3}},
        "axes": {"model.feature_dropout": [0, 0.25], "loss.name": ["random", "equal"]},
        "runs": [{"name": "low rate", "set": {"train.lr": 0.01, "loss.alpha": [1, 2, 3]}}], "seeds": [4, 0]})");
    EXPECT_EQ(folders(p), (std::vector<std::string>{
                              "feature_dropout=0,loss=random/seed4", "feature_dropout=0,loss=random/seed0",
                              "feature_dropout=0,loss=equal/seed4", "feature_dropout=0,loss=equal/seed0",
                              "feature_dropout=0.25,loss=random/seed4", "feature_dropout=0.25,loss=random/seed0",
                              "feature_dropout=0.25,loss=equal/seed4", "feature_dropout=0.25,loss=equal/seed0",
                              "low_rate/seed4", "low_rate/seed0"}));
    EXPECT_EQ(p.varying, (std::vector<std::string>{"model.feature_dropout", "loss.name", "train.lr", "loss.alpha"}));
    for (const GridRun& one : p.runs) {
        EXPECT_EQ(one.config["loss"]["draws"], 3);
        EXPECT_EQ(one.config["train"]["epochs"], 2);  // of --set
        EXPECT_EQ(one.config["preset"], "features");
        EXPECT_EQ(one.config["data"]["split_seed"], 4);
        EXPECT_EQ(one.request.seed, one.seed);
    }
    EXPECT_EQ(p.runs[6].config["model"]["feature_dropout"], 0.25);
    EXPECT_EQ(p.runs[6].config["loss"]["name"], "equal");
    EXPECT_EQ(p.runs[6].config["train"]["lr"], 0.5);
    EXPECT_EQ(p.runs[8].config["train"]["lr"], 0.01);
    EXPECT_EQ(p.runs[8].config["loss"]["alpha"], (json{1.0, 2.0, 3.0}));
    EXPECT_EQ(folders(plan("{}")), (std::vector<std::string>{"base/seed0"}));
    EXPECT_EQ(folders(plan(R"({"runs": [{"name": "a/b", "set": {}}]})")), (std::vector<std::string>{"a_b/seed0"}));
    EXPECT_EQ(plan(R"({"axes": {"train.lr": [1], "loss.name": ["equal"], "loss.alpha": [[1, 2, 3]]}})").runs[0].setting,
              "lr=1,loss=equal,loss.alpha=1,2,3");
    request.seed = 9;
    EXPECT_EQ(plan("{}").runs[0].folder, "base/seed9");
}

// bench/results/phantom_ablation.md says how it is run.
TEST_F(Grids, ThePublishedOneIsValid) {
    request.settings.clear();
    request.preset = "small";
    const GridPlan p = plan(test::text_of(fs::path(CMTL_SOURCE_DIR) / "bench/grids/phantom_ablation.json"));
    EXPECT_EQ(p.runs.size(), 34u);
    EXPECT_EQ(p.runs[0].config["loss"]["name"], "random");
    EXPECT_EQ(p.runs[33].config["model"]["architecture"], "xgboost");
    EXPECT_EQ(p.runs[33].config["preparation"]["spacing_mm"], 5.0);
}

TEST_F(Grids, RefuseWhatTheyCannotTrain) {
    const auto refused = [&](const std::string& text, std::initializer_list<std::string> parts) {
        SCOPED_TRACE(text);
        expect_error(ErrorKind::usage, parts, [&] { plan(text); });
    };
    refused(R"({"axis": {}})", {"g.json", "unknown part 'axis'"});
    refused(R"({"axes": {"train.lr": 1}})", {"axis 'train.lr' must be a list"});
    refused(R"({"axes": {"train.lr": []}})", {"axis 'train.lr'"});
    refused(R"({"axes": {"train.rate": [1]}})", {"g.json: rate=1: ", "train.rate"});
    refused(R"({"axes": {"train.lr": [0.1, -1]}})", {"lr=-1", "train.lr is -1"});
    refused(R"({"axes": {"train.epochs": [3]}})", {"'train.epochs' is given by --set, too"});
    refused(R"({"axes": {"train.lr": [1, 1]}})", {"two settings are called 'lr=1'"});
    refused(R"({"runs": [{"name": "a", "with": {}}]})", {"a run is", "with"});
    refused(R"({"runs": {}})", {"'runs' must be a list"});
    refused(R"({"seeds": []})", {"'seeds' is empty"});
    refused(R"({"seeds": [-1]})", {"whole numbers"});
    refused(R"({"seeds": [1, 1]})", {"twice"});
    refused(R"({"folds": 1})", {"'folds' is 1"});
    refused(R"({"base": {"train": {"rate": 1}}})", {"g.json", "train.rate"});
    refused("[]", {"JSON object"});
    folder.write("broken.json", "{");
    expect_error(ErrorKind::usage, {"broken.json"}, [&] { run_grid(folder / "broken.json", request); });
}

const char* const two_by_two = R"({"axes": {"model.feature_dropout": [0, 0.5], "loss.name": ["random", "equal"]},
                                   "seeds": [0, 1, 2]})";

TEST_F(Grids, LeaveTablesAndAReport) {
    const GridOutcome outcome = run(two_by_two);
    EXPECT_TRUE(outcome.failed.empty());
    EXPECT_EQ(outcome.finished, 12u);
    const CsvTable table = read_csv(at("grid.csv")), means = read_csv(at("grid_mean.csv"));
    ASSERT_EQ(table.rows.size(), 12u);
    ASSERT_EQ(means.rows.size(), 4u);
    std::vector<double> aucs;
    for (size_t r = 0; r < 12; ++r) {
        const fs::path run = at(table.text(r, table.column("run")));
        // As the predictions say, and as a training by itself has it.
        const auto metrics = all_metrics(read_predictions(run / "predictions_val.csv"));
        EXPECT_NEAR(table.number(r, table.column("val_CT_auc")), metrics[0].auc, 1e-12);
        EXPECT_NEAR(table.number(r, table.column("val_Severity_balanced_accuracy")), metrics[2].balanced_accuracy,
                    1e-12);
        EXPECT_EQ(table.text(r, table.column("state")), "finished");
        EXPECT_EQ(table.text(r, table.column("epochs")), "2");
        EXPECT_EQ(table.integer(r, table.column("seed")), int64_t(r % 3));
        EXPECT_EQ(table.number(r, table.column("model.feature_dropout")), r < 6 ? 0 : 0.5);
        EXPECT_EQ(table.text(r, table.column("loss.name")), r / 3 % 2 ? "equal" : "random");
        aucs.push_back(metrics[0].auc);
    }
    request.run = folder / "alone";
    request.seed = 2;
    request.settings.insert(request.settings.end(),
                            {"model.feature_dropout=0.5", "loss.name=equal", "data.split_seed=0"});
    train_now();
    test::expect_same_run(at("feature_dropout=0.5,loss=equal/seed2"), request.run);
    for (size_t s = 0; s < 4; ++s) {
        const double mean = (aucs[3 * s] + aucs[3 * s + 1] + aucs[3 * s + 2]) / 3;
        double squares = 0;
        for (size_t i = 0; i < 3; ++i) squares += std::pow(aucs[3 * s + i] - mean, 2);
        EXPECT_EQ(means.text(s, means.column("runs")), "3");
        EXPECT_NEAR(means.number(s, means.column("val_CT_auc_mean")), mean, 1e-12);
        EXPECT_NEAR(means.number(s, means.column("val_CT_auc_sd")), std::sqrt(squares / 2), 1e-12);
    }
    EXPECT_TRUE(fs::exists(at("report.html")));
    const json report = json_of(at("metrics.json"));
    EXPECT_EQ(report["grid"]["settings"].size(), 4u);
    EXPECT_EQ(report["comparisons"].size(), 9u);  // of three settings with the first, three tasks
}

// The seeds' measures by hand, from their tables.
TEST_F(Grids, AreEvaluatedBySettingAndSeed) {
    run(two_by_two);
    const Ablation a = read_ablation(folder / "grid");
    ASSERT_EQ(a.settings.size(), 4u);
    EXPECT_EQ(a.settings[1].name, "feature_dropout=0,loss=equal");
    EXPECT_EQ(a.settings[1].values[1], (std::pair<std::string, std::string>{"loss.name", "equal"}));
    EXPECT_EQ(a.settings[1].seeds, (std::vector<uint64_t>{0, 1, 2}));
    const auto cells = ablation_cells(a);
    const auto models = models_of(a);
    for (size_t s = 0; s < 4; ++s) {
        double mean = 0, gain = 0, squares = 0, p = 0;
        std::vector<double> gains;
        for (int seed = 0; seed < 3; ++seed) {
            const auto read = [&](size_t setting) {
                return read_predictions(
                    at(fmt::format("{}/seed{}/predictions_val.csv", a.settings[setting].name, seed)));
            };
            const double auc = task_metrics(read(s).tasks[1]).auc, first = task_metrics(read(0).tasks[1]).auc;
            mean += auc / 3;
            gain += (auc - first) / 3;
            gains.push_back(auc - first);
            p += read(s).tasks[1].probability(5, 1) / 3;
        }
        for (const double g : gains) squares += (g - gain) * (g - gain);
        EXPECT_NEAR(cells[s][1].auc.mean, mean, 1e-12);
        EXPECT_NEAR(models[s].predictions.tasks[1].probability(5, 1), p, 1e-9);
        if (s == 0) {
            EXPECT_TRUE(std::isnan(cells[s][1].gain.mean));
        } else {
            EXPECT_NEAR(cells[s][1].gain.mean, gain, 1e-12);
            EXPECT_NEAR(cells[s][1].gain.deviation, std::sqrt(squares / 2), 1e-12);
        }
    }
    folder.write("grid/grid.json", "{}");
    expect_error(ErrorKind::input, {"grid.json", "damaged"}, [&] { read_ablation(folder / "grid"); });
}

TEST_F(Grids, CompareRunsOfOneTaskWithRunsOfAll) {
    const GridOutcome outcome = run(R"({"runs": [{"name": "ct", "set": {"task": "CT"}}, {"name": "all", "set": {}},
        {"name": "nat", "set": {"task": "NAT"}}], "seeds": [0, 1]})");
    EXPECT_TRUE(outcome.failed.empty() && outcome.report);
    const json j = json_of(at("metrics.json"));
    const auto auc = [&](const char* setting, size_t task) {
        return all_metrics(mean_of(
            std::vector{read_predictions(at(fmt::format("{}/seed0/predictions_val.csv", setting))),
                        read_predictions(at(fmt::format("{}/seed1/predictions_val.csv", setting)))}))[task]
            .auc;
    };
    EXPECT_NEAR(j["nat"]["NAT"]["auc"].get<double>(), auc("nat", 0), 1e-9);
    EXPECT_NEAR(j["all"]["NAT"]["auc"].get<double>(), auc("all", 1), 1e-9);
    EXPECT_EQ(j["nat"].size(), 1u);
    EXPECT_EQ(j["all"].size(), 3u);
    ASSERT_EQ(j["comparisons"].size(), 1u);  // with the first: "all" shares CT with it, "nat" nothing
    EXPECT_EQ(j["comparisons"][0]["b"], "all");
    const json& settings = j["grid"]["settings"];
    EXPECT_TRUE(settings[1]["tasks"]["CT"]["auc_gain_mean"].is_number());
    EXPECT_TRUE(settings[2]["tasks"]["NAT"]["auc_gain_mean"].is_null());
    const std::string page = test::text_of(at("report.html"));
    EXPECT_EQ(test::page_faults(page), std::vector<std::string>());
    for (const char* part : {"<h3>Severity", "nat: AUC", "<th scope='row'>nat</th>"})
        EXPECT_NE(page.find(part), std::string::npos) << part;
}

TEST_F(Grids, GoOnWithoutARunThatFails) {
    const std::string text = R"({"axes": {"train.lr": [0.02, 1e30, 0.01]}})";
    const GridOutcome outcome = run(text);
    ASSERT_EQ(outcome.failed.size(), 1u);
    EXPECT_NE(outcome.failed[0].find("lr=1e+30/seed0: "), std::string::npos) << outcome.failed[0];
    EXPECT_NE(outcome.failed[0].find("the loss became"), std::string::npos) << outcome.failed[0];
    EXPECT_EQ(outcome.finished, 2u);
    const CsvTable table = read_csv(at("grid.csv"));
    EXPECT_EQ(table.text(1, table.column("state")), "begun");
    EXPECT_EQ(table.text(2, table.column("state")), "finished");
    EXPECT_EQ(json_of(at("metrics.json"))["grid"]["missing"], (json{"lr=1e+30/seed0"}));
}

TEST_F(Grids, ResumeWhatIsMissingAndRefuseWhatChanged) {
    run(two_by_two);
    const std::string before = test::text_of(at("metrics.json"));
    const fs::path kept = at("feature_dropout=0,loss=equal/seed1"), again = at("feature_dropout=0.5,loss=random/seed2");
    const auto kept_time = fs::last_write_time(kept / "report.html");
    expect_error(ErrorKind::input, {"is not empty", "--resume"}, [&] { run(two_by_two); });
    request.resume = true;
    fs::remove_all(again);
    fs::remove(at("feature_dropout=0.5,loss=random/seed1") / "report.html");
    EXPECT_EQ(run(two_by_two).finished, 12u);
    EXPECT_EQ(test::text_of(at("metrics.json")), before);
    EXPECT_EQ(fs::last_write_time(kept / "report.html"), kept_time);  // not trained again

    // From the folder alone.
    fs::remove_all(again);
    TrainRequest bare;
    bare.run = request.run;
    bare.resume = bare.quiet = true;
    EXPECT_EQ(run_grid("", bare).finished, 12u);
    EXPECT_EQ(test::text_of(at("metrics.json")), before);

    // More runs are welcome, other settings are not.
    const std::string more = R"({"axes": {"model.feature_dropout": [0, 0.5], "loss.name": ["random", "equal"]},
        "runs": [{"name": "plain", "set": {"train.momentum": 0}}], "seeds": [0, 1, 2]})";
    EXPECT_EQ(run(more).finished, 15u);
    EXPECT_EQ(fs::last_write_time(kept / "report.html"), kept_time);
    std::string other = more;
    other.replace(other.find("\"train.momentum\": 0"), 19, "\"train.momentum\": 0.5");
    expect_error(ErrorKind::usage, {"plain/seed0", "train.momentum: 0.5 here, 0.0 there"}, [&] { run(other); });
    request.settings[0] = "train.epochs=3";
    expect_error(ErrorKind::usage, {"train.epochs: 3 here, 2 there"}, [&] { run(more); });
    request.settings[0] = "train.epochs=2";
    other = more;
    other.insert(1, "\"folds\": 3, ");
    expect_error(ErrorKind::usage, {"folds 0", "3"}, [&] { run(other); });
    TrainRequest nowhere;
    nowhere.run = folder / "nowhere";
    nowhere.resume = true;
    expect_error(ErrorKind::usage, {"no grid to resume"}, [&] { run_grid("", nowhere); });
}

TEST_F(Grids, CrossValidateEachSetting) {
    const GridOutcome outcome = run(R"({"axes": {"loss.name": ["random", "equal"]}, "seeds": [0, 1], "folds": 3})");
    EXPECT_EQ(outcome.finished, 4u);
    const CsvTable table = read_csv(at("grid.csv"));
    const auto metrics = all_metrics(read_predictions(at("loss=equal/seed1/predictions.csv")));
    EXPECT_NEAR(table.number(3, table.column("cv_NAT_auc")), metrics[1].auc, 1e-12);
    EXPECT_TRUE(fs::exists(at("report.html")));
}

TEST_F(Grids, AddUpTheSecondsOfTheirSessions) {
    folder.write("log.txt",
                 "2026-03-01 10:00:00 cmtl 0.1.0 (x) on cpu, 1 threads\n2026-03-01 10:01:05 epoch 1\n"
                 "  CT AUC\n2026-03-02 00:00:00 cmtl 0.1.0 (x) on cpu\n2026-03-02 00:00:10 done\n");
    EXPECT_EQ(logged_seconds(folder.path()), 75);
    fs::create_directories(folder / "fold0");
    fs::copy_file(folder / "log.txt", folder / "fold0/log.txt");
    EXPECT_EQ(logged_seconds(folder.path()), 75);  // of the folds, not the time around them, too
    fs::create_directories(folder / "fold1");
    fs::copy_file(folder / "log.txt", folder / "fold1/log.txt");
    EXPECT_EQ(logged_seconds(folder.path()), 150);
}

// An entry holds one preparation of a case: runs of two in one folder would prepare everything again and again.
TEST_F(VolumeGrids, KeepACacheForEachPreparation) {
    request.max_steps = 1;
    const fs::path grid = folder.write("g.json", R"({"axes": {"preparation.average": [false, true]},
        "runs": [{"name": "equal", "set": {"loss.name": "equal"}}]})");
    EXPECT_EQ(run_grid(grid, request).finished, 3u);
    std::map<fs::path, int> entries;  // by folder
    for (const auto& one : fs::recursive_directory_iterator(request.cache))
        if (one.path().extension() == ".cmtlvol") ++entries[one.path().parent_path()];
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries.begin()->first, request.cache);
    for (const auto& [path, count] : entries) EXPECT_EQ(count, 7) << path;
}

}  // namespace
}  // namespace cmtl
