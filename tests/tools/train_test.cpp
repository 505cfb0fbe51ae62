// cmtl_train as a user runs it: options, bad input, interruption, kills, a full disk, the published table.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/safetensors.hpp"
#include "nets/covid_mtl.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using test::run_program;
using test::says;
namespace fs = std::filesystem;
using test::Words;
using test::operator+;

struct TrainProgram : testing::Test {
    test::Folder folder;
    Words base;
    void SetUp() override {
        test::write_feature_cohort(folder, 60);
        base = {"--manifest",     labels(), "--features", (folder / "features.csv").string(), "--seed", "7", "--set",
                "train.epochs=5", "-o",     run()};
    }
    std::string labels() const { return (folder / "labels.csv").string(); }
    std::string run() const { return (folder / "run").string(); }
    test::Result train(const Words& more = {}) const { return run_program("cmtl_train", base + more); }
};

TEST_F(TrainProgram, TrainsAndSaysHowWell) {
    const auto result = train();
    EXPECT_TRUE(says(result, 0, "CT         AUC"));
    EXPECT_TRUE(says(result, 0, "results in"));
    EXPECT_TRUE(fs::exists(folder / "run/report.html"));
    EXPECT_TRUE(says(train(), 3, "--resume"));
    EXPECT_TRUE(says(train({"--resume"}), 0, "go on after step"));
    EXPECT_EQ(run_program("cmtl_train", {"--resume", "-o", run(), "--quiet"}).out, "");
}

TEST_F(TrainProgram, TakesEveryOption) {
    EXPECT_TRUE(says(run_program("cmtl_train", {"--help"}), 0, "--save-weights"));
    EXPECT_TRUE(says(run_program("cmtl_train", {"--version"}), 0, "cmtl_train "));
    EXPECT_TRUE(says(run_program("cmtl_train", {"--help-config", "--preset", "small"}), 0, "\"spacing_mm\": 5"));
    folder.write("c.json", R"({"train": {"batch_size": 16}})");
    EXPECT_EQ(train({"--config", (folder / "c.json").string(), "--set", "loss.name=equal", "--max-steps", "7",
                     "--threads", "1", "--device", "cpu", "--id-column", "ID", "--preset", "features", "-v", "--cache",
                     (folder / "cache").string()})
                  .code,
              0);
    const auto config = nlohmann::json::parse(test::text_of(folder / "run/config.json"));
    EXPECT_EQ(config["train"]["batch_size"], 16);
    EXPECT_EQ(config["train"]["max_steps"], 7);
    EXPECT_EQ(config["loss"]["name"], "equal");
    EXPECT_EQ(config["run"]["threads"], 1);
    EXPECT_EQ(config["run"]["seed"], 7);
    const std::string second = (folder / "second").string();
    base.back() = second;
    EXPECT_EQ(train({"--init", run()}).code, 0);
    base.back() = (folder / "folds").string();
    EXPECT_TRUE(says(train({"--folds", "3", "--set", "train.epochs=1"}), 0, "over 3 folds"));
    EXPECT_TRUE(fs::exists(folder / "folds/folds.json"));
}

TEST_F(TrainProgram, RefusesBadInputWithOneLineAndNothingLeft) {
    const auto refused = [&](const Words& words, int code, const std::string& part) {
        SCOPED_TRACE(part);
        const auto result = run_program("cmtl_train", words);
        EXPECT_TRUE(says(result, code, part));
        EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
        EXPECT_FALSE(fs::exists(folder / "run/config.json"));
    };
    const auto with_labels = [&](const std::string& text) {
        Words words = base;
        words[1] = folder.write("bad.csv", text).string();
        return words;
    };
    const auto with_features = [&](const std::string& text) {
        Words words = base;
        words[3] = folder.write("badf.csv", text).string();
        return words;
    };
    refused({}, 2, "-o is needed");
    refused({"-o", run()}, 2, "--manifest is needed");
    refused({"--no-such-option"}, 2, "--help");
    refused(base + Words{"--set", "train.learningrate=1"}, 2, "train.learningrate");
    refused(base + Words{"--set", "train.epoch=1"}, 2, "did you mean train.epochs");
    refused(base + Words{"--set", "train.epochs=many"}, 2, "whole number");
    refused(base + Words{"--preset", "large"}, 2, "full, small, features");
    refused(base + Words{"--folds", "1"}, 2, "--folds");
    refused(base + Words{"--device", "tpu"}, 2, "tpu");
    refused({"--manifest", (folder / "none.csv").string(), "-o", run()}, 3, "none.csv");
    refused(with_labels("ID,CT,NAT,Severity,Age\na,1,1,1,70\n"), 3, "unknown column 'Age'");
    refused(with_labels("ID,CT,NAT,Severity\na,1,1,1\na,1,1,1\n"), 3, "twice");
    refused(with_labels("ID,CT,NAT,Severity\na,2,1,1\n"), 3, "bad.csv:2");
    refused(with_labels("ID,Image,CT,NAT,Severity\na,gone.nii,1,1,1\n"), 3, "gone.nii");
    refused(with_labels("ID,CT,NAT,Severity,Split\na,1,1,1,dev\n"), 3, "'dev'");
    refused(with_features("ID,A\ncase000,nan\n"), 3, "badf.csv:2");
    refused(with_features("ID,A\ncase000,inf\n"), 3, "inf");
    refused(with_features("ID,A\ncase000,1\n"), 3, "no features for 59 of the 60 cases");
    refused(base + Words{"--set", "model.feature_count=375"}, 3, "375");
    refused(base + Words{"--init", labels()}, 3, "labels.csv");
    folder.write("file", "x");
    Words into_file = base;
    into_file.back() = (folder / "file").string();
    refused(into_file, 3, "file");
}

TEST_F(TrainProgram, KilledRunsGoOnBitForBit) {
    base[7] = "train.epochs=40";
    EXPECT_EQ(train({"-q"}).code, 0);
    base.back() = (folder / "cut").string();
    const fs::path latest = folder / "cut/checkpoints/latest.safetensors";
    int kills = 0;
    for (; kills < 4; ++kills) {
        test::Process process("cmtl_train", base + (kills ? Words{"-q", "--resume"} : Words{"-q"}));
        if (!test::wait_for_file(process, latest)) break;
        process.signal(SIGKILL);
        EXPECT_EQ(process.wait().code, 128 + SIGKILL);
    }
    EXPECT_GE(kills, 2);
    EXPECT_EQ(train({"-q", "--resume"}).code, 0);
    for (const char* name : {"checkpoints/latest.safetensors", "checkpoints/best.safetensors"})
        EXPECT_TRUE(test::data_of(folder / "run" / name) == test::data_of(folder / "cut" / name)) << name;
    EXPECT_EQ(test::text_of(folder / "run/metrics.jsonl"), test::text_of(folder / "cut/metrics.jsonl"));
}

TEST_F(TrainProgram, SignalsSaveTheStateAndExitSaysSo) {
    base[7] = "train.epochs=100000";
    for (const int number : {SIGTERM, SIGINT}) {
        base.back() = (folder / fmt::format("run{}", number)).string();
        test::Process process("cmtl_train", base + Words{"-q"});
        ASSERT_TRUE(test::wait_for_file(process, fs::path(base.back()) / "checkpoints/latest.safetensors"));
        process.signal(number);
        const auto result = process.wait();
        EXPECT_EQ(result.code, 128 + number);
        EXPECT_NE(result.out.find("interrupted"), std::string::npos);
        Context context;
        const Safetensors file = read_safetensors(context, fs::path(base.back()) / "checkpoints/latest.safetensors");
        EXPECT_GT(nlohmann::json::parse(file.metadata.at("cmtl.position"))["step"], 0);
    }
}

TEST_F(TrainProgram, FullDiskLeavesTheOldCheckpoint) {
    EXPECT_EQ(train({"-q"}).code, 0);
    const std::string before = test::text_of(folder / "run/checkpoints/latest.safetensors");
    // A larger second run's first checkpoint in the same place would not fit.
    const auto limit = [] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit size{100'000, 100'000};
        ::setrlimit(RLIMIT_FSIZE, &size);
    };
    base.back() = (folder / "other").string();
    fs::create_directories(folder / "other");
    auto result = run_program("cmtl_train", base + Words{"-q"}, limit);
    EXPECT_TRUE(says(result, 4, "safetensors"));
    EXPECT_FALSE(fs::exists(folder / "other/checkpoints/latest.safetensors"));
    for (const auto& entry : fs::directory_iterator(folder / "other/checkpoints")) ADD_FAILURE() << entry.path();
    // In the middle of a run: the checkpoint before stays.
    base.back() = (folder / "cut").string();
    base[7] = "train.epochs=100000";
    {
        test::Process process("cmtl_train", base + Words{"-q"});
        ASSERT_TRUE(test::wait_for_file(process, folder / "cut/checkpoints/latest.safetensors"));
        process.signal(SIGKILL);
        process.wait();
    }
    const std::string old = test::text_of(folder / "cut/checkpoints/latest.safetensors");
    result = run_program("cmtl_train", base + Words{"-q", "--resume"}, limit);
    EXPECT_TRUE(says(result, 4, "cannot be written"));
    EXPECT_TRUE(test::text_of(folder / "cut/checkpoints/latest.safetensors") == old);
    EXPECT_TRUE(test::text_of(folder / "run/checkpoints/latest.safetensors") == before);
}

TEST_F(TrainProgram, TensorsMoveTheWeightsAsSgdDoes) {
    Context context;
    ModelOptions options;
    options.volume = false;
    options.feature_count = 4;
    const CovidMtl net(context, options, 1);
    write_safetensors(folder / "w.safetensors", weights_of(context, net));
    const auto f = context.from<float>({2, 4}, std::vector<float>{0.1f, 0.2f, 0.3f, 0.4f, 0.9f, 0.8f, 0.7f, 0.6f});
    const auto l = context.from<int64_t>({2}, std::vector<int64_t>{0, 1});
    const auto none = context.from<int64_t>({2}, std::vector<int64_t>{-1, -1});
    write_safetensors(folder / "in.safetensors",
                      {{"features", f}, {"labels_CT", l}, {"labels_NAT", none}, {"labels_Severity", l}});
    const Words words{"--tensors",      (folder / "in.safetensors").string(),
                      "--init",         (folder / "w.safetensors").string(),
                      "--set",          "model.dropout=0",
                      "--set",          "loss.name=equal",
                      "--set",          "train.schedule=constant",
                      "--set",          "train.lr=0.5",
                      "--save-weights", (folder / "out.safetensors").string()};
    EXPECT_TRUE(says(run_program("cmtl_train", words + Words{"--set", "train.batch_size=2", "--max-steps", "1"}), 0,
                     "step 1 loss"));
    const Safetensors out = read_safetensors(context, folder / "out.safetensors");
    // No NAT label is known: its head moves by weight decay alone, w (1 - (1 + momentum) lr decay), the others by more.
    const auto before =
        context.to_vector<float>(*read_safetensors(context, folder / "w.safetensors").find("classifier2.1.weight"));
    const auto after = context.to_vector<float>(*out.find("classifier2.1.weight"));
    for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i], before[i] * (1 - 1.9 * 0.5 * 5e-5), 1e-7);
    EXPECT_TRUE(says(run_program("cmtl_train", words + Words{"--set", "train.batch_size=3"}), 2, "holds 2 cases"));
    Words bare = words;
    bare[1] = (folder / "w.safetensors").string();
    EXPECT_TRUE(says(run_program("cmtl_train", bare), 3, "no tensor 'features'"));
    EXPECT_TRUE(says(run_program("cmtl_train", {"--save-weights", "x", "-o", run()}), 2, "--tensors"));
}

TEST_F(TrainProgram, LearnsFromThePublishedTable) {
    const char* set = std::getenv("CMTL_TEST_DATA");
    const fs::path data = set ? fs::path(set) : fs::path(CMTL_SOURCE_DIR) / "../shared/data";
    if (!fs::exists(data / "cohort/labels.csv"))
        GTEST_SKIP() << "no data folder (CMTL_TEST_DATA): the published table is not there";
    const auto result = run_program("cmtl_train", {"--manifest", (data / "cohort/labels.csv").string(), "--features",
                                                   (data / "cohort/radiofeatures.csv").string(), "--id-column", "PID",
                                                   "--seed", "1", "--set", "train.epochs=10", "-q", "-o", run()});
    EXPECT_EQ(result.code, 0) << result.out;
    std::istringstream lines(test::text_of(folder / "run/metrics.jsonl"));
    nlohmann::json last;
    for (std::string line; std::getline(lines, line);) last = nlohmann::json::parse(line);
    EXPECT_EQ(last["final"]["val"]["CT"]["cases"], 186);
    EXPECT_GT(last["final"]["val"]["CT"]["auc"], 0.75);
    EXPECT_GT(last["final"]["val"]["NAT"]["auc"], 0.6);
    EXPECT_GT(last["final"]["val"]["Severity"]["auc"], 0.6);
}

}  // namespace
}  // namespace cmtl
