// What goes wrong while cmtl_train runs: signals, kills, full disks, a second process; and that runs and grids go on.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::run_program;
using test::says;
namespace fs = std::filesystem;
using test::Words;
using test::operator+;

struct Failures : testing::Test {
    test::Folder folder;
    void SetUp() override { test::write_feature_cohort(folder, 60); }
    std::string path(const std::string& name) const { return (folder / name).string(); }
    Words words(const std::string& run, const std::string& epochs) const {
        return {"--manifest",
                path("labels.csv"),
                "--features",
                path("features.csv"),
                "--seed",
                "7",
                "-q",
                "--threads",
                "1",
                "--set",
                "train.epochs=" + epochs,
                "-o",
                path(run)};
    }
    static test::Result train(const Words& words) { return run_program("cmtl_train", words); }
    void expect_same(const std::string& a, const std::string& b) const {
        for (const char* name : {"checkpoints/latest.safetensors", "checkpoints/best.safetensors"})
            EXPECT_TRUE(test::data_of(folder / a / name) == test::data_of(folder / b / name)) << a << " " << name;
        for (const char* name : {"metrics.jsonl", "predictions_val.csv"})
            EXPECT_EQ(test::text_of(folder / a / name), test::text_of(folder / b / name)) << a << " " << name;
    }
};

TEST_F(Failures, TerminatedRunsGoOnToTheSameBytes) {
    EXPECT_EQ(train(words("whole", "60")).code, 0);
    int stops = 0;
    for (bool over = false; !over; ++stops) {
        test::Process process("cmtl_train", words("run", "60") + (stops ? Words{"--resume"} : Words{}));
        for (int checkpoint = 0; checkpoint < 8 && !over; ++checkpoint)
            over = !test::wait_for_file(process, folder / "run/checkpoints/latest.safetensors");
        if (!over) process.signal(SIGTERM);
        const auto result = process.wait();
        EXPECT_TRUE(over ? result.code == 0 || result.code == 143 : result.code == 143) << result.code << result.out;
        if (result.code == 143) {
            EXPECT_NE(result.out.find("interrupted"), std::string::npos);
        }
    }
    EXPECT_GE(stops, 2);
    EXPECT_EQ(train(words("run", "60") + Words{"--resume"}).code, 0);
    expect_same("run", "whole");
}

TEST_F(Failures, AFullDiskKeepsTheCheckpointAndTheRunGoesOn) {
    fs::create_directories(folder / "disk");
    // Two checkpoints of 0.4 MB, and no room for the third one that replaces one of them.
    if (::mount("none", path("disk").c_str(), "tmpfs", 0, "size=1m") != 0)
        GTEST_SKIP() << "no right to mount a small file system";
    EXPECT_EQ(train(words("whole", "8")).code, 0);
    const auto result = train(words("disk/run", "8"));
    EXPECT_TRUE(says(result, 4, "disk/run/checkpoints/"));
    EXPECT_NE(result.out.find("free some space"), std::string::npos) << result.out;
    EXPECT_FALSE(test::data_of(folder / "disk/run/checkpoints/latest.safetensors").empty());
    for (const auto& entry : fs::directory_iterator(folder / "disk/run/checkpoints"))
        EXPECT_NE(entry.path().filename().string().substr(0, 4), ".tmp");
    EXPECT_EQ(::mount("none", path("disk").c_str(), "tmpfs", MS_REMOUNT, "size=16m"), 0);
    EXPECT_EQ(train(words("disk/run", "8") + Words{"--resume"}).code, 0);
    expect_same("disk/run", "whole");
    ::umount(path("disk").c_str());
}

TEST_F(Failures, ASecondTrainingInTheFolderIsRefused) {
    test::Process first("cmtl_train", words("run", "100000"));
    ASSERT_TRUE(test::wait_for_file(first, folder / "run/checkpoints/latest.safetensors"));
    EXPECT_TRUE(says(train(words("run", "100000") + Words{"--resume"}), 3, "another process trains in this folder"));
    EXPECT_TRUE(says(train(words("run", "100000")), 3, "--resume"));
    EXPECT_TRUE(first.running());
}

// --- grids ---

struct GridFailures : Failures {
    std::string file;
    void SetUp() override {
        Failures::SetUp();
        file = folder.write("grid.json",
                            R"({"axes": {"model.feature_dropout": [0, 0.25], "loss.name": ["random", "equal"]},
                                             "seeds": [0, 1]})");
    }
    Words grid(const std::string& place) const {
        Words all = words(place, "12") + Words{"--grid", file};
        all.erase(all.begin() + 4, all.begin() + 6);  // seeds are the file's
        return all;
    }
    void expect_same_grid(const std::string& a, const std::string& b) const {
        const CsvTable table = read_csv(folder / a / "grid.csv");
        ASSERT_EQ(table.rows.size(), 8u);
        for (size_t r = 0; r < table.rows.size(); ++r)
            expect_same(a + "/" + table.text(r, 0), b + "/" + table.text(r, 0));
        EXPECT_EQ(json::parse(test::text_of(folder / a / "metrics.json")),
                  json::parse(test::text_of(folder / b / "metrics.json")));
    }
};

TEST_F(GridFailures, KilledGridsGoOnToTheSameBytes) {
    EXPECT_EQ(run_program("cmtl_train", grid("whole")).code, 0);
    const char* const runs[] = {"feature_dropout=0,loss=random/seed0", "feature_dropout=0,loss=equal/seed1",
                                "feature_dropout=0.25,loss=random/seed1"};
    bool resumed = false;
    for (const int number : {SIGKILL, SIGTERM, SIGKILL}) {
        test::Process process("cmtl_train", grid("cut") + (resumed ? Words{"--resume"} : Words{}));
        const char* run = runs[number == SIGTERM ? 1 : resumed ? 2 : 0];
        ASSERT_TRUE(test::wait_for_file(process, folder / "cut" / run / "checkpoints/latest.safetensors"));
        process.signal(number);
        EXPECT_EQ(process.wait().code, 128 + number);
        resumed = true;
    }
    EXPECT_FALSE(fs::exists(folder / "cut/report.html"));
    const auto result = run_program("cmtl_train", {"--resume", "-o", path("cut"), "--threads", "1"});
    EXPECT_TRUE(says(result, 0, "8 of 8 runs finished"));
    EXPECT_NE(result.out.find("grid of 8 runs, "), std::string::npos) << result.out;
    expect_same_grid("cut", "whole");
}

TEST_F(GridFailures, RunsThatFailAreListed) {
    folder.write("grid.json",
                 R"({"runs": [{"name": "wild", "set": {"train.lr": 1e30}}, {"name": "tame", "set": {}}]})");
    const auto result = run_program("cmtl_train", grid("g"));
    EXPECT_TRUE(says(result, 1, "failed: wild/seed0: "));
    EXPECT_TRUE(fs::exists(folder / "g/tame/seed0/report.html"));
    EXPECT_TRUE(says(run_program("cmtl_train", grid("g") + Words{"--folds", "3"}), 2, "in the file"));
    folder.write("grid.json", "[]");
    EXPECT_TRUE(says(run_program("cmtl_train", grid("h")), 2, "grid.json"));
}

TEST_F(GridFailures, AreOneReportOfCmtlEvaluate) {
    EXPECT_EQ(run_program("cmtl_train", grid("g")).code, 0);
    const auto result =
        run_program("cmtl_evaluate", {"predictions", path("g"), "-o", path("out"), "--bootstrap", "50"});
    EXPECT_TRUE(says(result, 0, "feature_dropout=0.25,loss=equal   AUC CT "));
    const json metrics = json::parse(test::text_of(folder / "out/metrics.json"));
    EXPECT_TRUE(metrics.contains("feature_dropout=0,loss=random"));
    EXPECT_EQ(metrics["grid"]["settings"][3]["values"]["loss.name"], "equal");
    const std::string page = test::text_of(folder / "out/report.html");
    EXPECT_NE(page.find("<th scope='row'>feature_dropout=0.25,loss=random</th><td>2</td>"), std::string::npos);
    EXPECT_TRUE(
        says(run_program("cmtl_evaluate", {"predictions", path("g"), "-o", path("o"), "--ensemble"}), 2, "by itself"));
    EXPECT_TRUE(says(run_program("cmtl_evaluate", {"predictions", path("g/feature_dropout=0,loss=random/seed0"), "-o",
                                                   path("o"), "--bootstrap", "20"}),
                     0, "AUC"));
}

}  // namespace
}  // namespace cmtl
