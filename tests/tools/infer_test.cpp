// cmtl_infer as a user runs it.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/safetensors.hpp"
#include "evaluation/page_check.hpp"
#include "evaluation/predictions.hpp"
#include "imaging/phantom.hpp"
#include "io/image_io.hpp"
#include "pipeline/model_file.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::run_program;
using test::says;
namespace fs = std::filesystem;

struct InferProgram : testing::Test {
    test::Folder folder;
    Context context;

    // Models with fresh weights: what is tested here is the way through the program.
    std::string model(const std::string& name, bool volume, bool features, bool metadata = true) {
        ModelFile file;
        file.options.volume = volume;
        file.options.features = features;
        file.options.feature_count = 2;
        if (volume) {
            file.preparation = preparation_preset("small");
            file.intensity = IntensityStatistics{50, 130};
        }
        if (features) file.scaler = FeatureScaler{"minmax", {"A", "B"}, {0, 0}, {1, 10}, {}};
        const CovidMtl net(context, file.options, 5);
        write_safetensors(folder / name, weights_of(context, net), metadata ? model_metadata(file) : Metadata{});
        return (folder / name).string();
    }
    std::string phantom(const std::string& name, uint64_t seed) {
        write_image(folder / name, phantom_case(seed, {.size = {64, 64, 40}, .spacing = {6, 6, 8}}).hu);
        return (folder / name).string();
    }
    std::string out() const { return (folder / "out").string(); }
};

TEST_F(InferProgram, ReadsACt) {
    const std::string m = model("m.safetensors", true, false), ct = phantom("P1.nii.gz", 4);
    EXPECT_TRUE(says(run_program("cmtl_infer", {"--model", m, "-i", ct, "-o", out()}), 0, "P1  CT 0."));
    const json result = json::parse(test::text_of(folder / "out/P1.json"));
    for (const char* task : {"CT", "NAT", "Severity"}) {
        double sum = 0;
        for (const double p : result["probabilities"][task]) sum += p;
        EXPECT_NEAR(sum, 1, 1e-9) << task;
    }
    EXPECT_EQ(result["probabilities"]["Severity"].size(), 3u);
    EXPECT_GT(result["lungs"]["litres"], 1.0);
    EXPECT_GT(result["timeline"]["segment"], 0.0);
    EXPECT_TRUE(result["timeline"].contains("network") && result["timeline"].contains("total"));
    EXPECT_TRUE(result["versions"].contains("cmtl"));
    const Mask lungs = read_mask(folder / "out/P1_lungs.nii.gz");
    EXPECT_EQ(lungs.geometry.size, (Index3{64, 64, 40}));
    const std::string page = test::text_of(folder / "out/P1.html");
    EXPECT_EQ(test::page_faults(page), std::vector<std::string>());
    EXPECT_EQ(test::count_of(page, "<img"), 4u);  // the lungs, and a heat map per task
    EXPECT_LT(page.size(), 5u << 20);
    // The same lungs given as a mask, under another name.
    EXPECT_EQ(run_program("cmtl_infer", {"--model", m, "-i", ct, "--mask", (folder / "out/P1_lungs.nii.gz").string(),
                                         "--id", "again", "-o", out(), "-q", "--no-heat-map"})
                  .out,
              "");
    EXPECT_EQ(test::count_of(test::text_of(folder / "out/again.html"), "<img"), 1u);
    const json again = json::parse(test::text_of(folder / "out/again.json"));
    EXPECT_NEAR(again["probabilities"]["CT"][0].get<double>(), result["probabilities"]["CT"][0].get<double>(), 0.05);
}

TEST_F(InferProgram, ReadsACohortAndNamesWhatItCouldNotRead) {
    const std::string m = model("m.safetensors", true, false);
    phantom("a.nii.gz", 1);
    phantom("b.nrrd", 2);
    folder.write("bad.nii", "nothing");
    const std::string manifest =
        folder.write("m.csv", "ID,Image,CT,Severity\np1,a.nii.gz,1,\np2,bad.nii,0,0\np3,b.nrrd,0,2\n").string();
    EXPECT_TRUE(says(run_program("cmtl_infer", {"--model", m, "--manifest", manifest, "-o", out(), "--report"}), 1,
                     "left out: p2"));
    const Predictions predictions = read_predictions(folder / "out/predictions.csv");
    EXPECT_EQ(predictions.ids, (std::vector<std::string>{"p1", "p3"}));
    EXPECT_EQ(predictions.find("CT")->labels, (std::vector<int>{1, 0}));
    EXPECT_EQ(predictions.find("Severity")->labels, (std::vector<int>{-1, 2}));
    EXPECT_TRUE(fs::exists(folder / "out/p1.html") && fs::exists(folder / "out/p3_lungs.nii.gz"));
    const json one = json::parse(test::text_of(folder / "out/p1.json"));
    EXPECT_NEAR(predictions.find("NAT")->probability(0, 1), one["probabilities"]["NAT"][1].get<double>(), 1e-8);
}

// Where no driver answers: one line, exit code 4.
TEST_F(InferProgram, SaysWhyThereIsNoGpu) {
    const std::string m = model("m.safetensors", false, true), table = folder.write("t.csv", "ID,B,A\nx,5,0.5\n").string();
    const auto result = run_program("cmtl_infer", {"--model", m, "--features", table, "-o", out(), "--device", "cuda:0"});
    if (result.code == 0) GTEST_SKIP() << "there is a GPU";
    EXPECT_EQ(result.code, 4);
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
    EXPECT_NE(result.out.find("cuda:0"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("--device cpu"), std::string::npos) << result.out;
}

TEST_F(InferProgram, ADeviceGivesTheCpusProbabilities) {
    const std::string m = model("m.safetensors", true, false), ct = phantom("P1.nii.gz", 3);
    for (const std::string device : {"cpu", "simt"})
        ASSERT_EQ(run_program("cmtl_infer", {"--model", m, "-i", ct, "--id", device, "-o", out(), "--device", device, "-q"}).out, "");
    const json a = json::parse(test::text_of(folder / "out/cpu.json")), b = json::parse(test::text_of(folder / "out/simt.json"));
    for (const char* task : {"CT", "NAT", "Severity"})
        for (size_t c = 0; c < a["probabilities"][task].size(); ++c)
            EXPECT_NEAR(a["probabilities"][task][c].get<double>(), b["probabilities"][task][c].get<double>(), 1e-5) << task;
}

TEST_F(InferProgram, ReadsFeatureTables) {
    const std::string m = model("m.safetensors", false, true);
    const std::string table = folder.write("t.csv", "PID,B,A\nx,5,0.5\ny,0,1\n").string();
    EXPECT_EQ(run_program("cmtl_infer", {"--model", m, "--features", table, "--id-column", "PID", "-o", out()}).code,
              0);
    const Predictions all = read_predictions(folder / "out/predictions.csv");
    EXPECT_EQ(all.ids, (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(
        run_program("cmtl_infer", {"--model", m, "--features", table, "--id-column", "PID", "--id", "y", "-o", out()})
            .code,
        0);
    const json y = json::parse(test::text_of(folder / "out/y.json"));
    EXPECT_NEAR(y["probabilities"]["CT"][1].get<double>(), all.find("CT")->probability(1, 1), 1e-8);
    EXPECT_TRUE(says(
        run_program("cmtl_infer", {"--model", m, "--features", table, "--id-column", "PID", "--id", "z", "-o", out()}),
        3, "no features for 'z'"));
    const std::string narrow = folder.write("n.csv", "PID,A\nx,5\n").string();
    EXPECT_TRUE(says(run_program("cmtl_infer", {"--model", m, "--features", narrow, "--id-column", "PID", "-o", out()}),
                     3, "absent (B)"));
    // Both branches: the row goes by the CT's name.
    const std::string both = model("both.safetensors", true, true), ct = phantom("x.nii.gz", 4);
    EXPECT_EQ(run_program("cmtl_infer", {"--model", both, "-i", ct, "--features", table, "--id-column", "PID", "-o",
                                         (folder / "o2").string()})
                  .code,
              0);
    // Without a table its features would have to be computed, and nobody knows them.
    const auto unknown = run_program("cmtl_infer", {"--model", both, "-i", ct, "-o", out()});
    EXPECT_TRUE(says(unknown, 2, "feature 'A', which is none of covid-mtl-375: give the case's features with --features"));
    EXPECT_EQ(std::count(unknown.out.begin(), unknown.out.end(), '\n'), 1) << unknown.out;
}

TEST_F(InferProgram, TakesReadyTensorsWithABareStateDict) {
    const std::string m = model("bare.safetensors", true, true, false);
    write_safetensors(folder / "in.safetensors",
                      {{"volume", context.full({2, 1, 33, 35, 34}, 0.5f)}, {"features", context.full({2, 2}, 0.25f)}});
    const std::string result = (folder / "out.safetensors").string();
    EXPECT_EQ(run_program("cmtl_infer", {"--model", m, "--tensors", (folder / "in.safetensors").string(), "-o", result,
                                         "--device", "cpu", "--threads", "1"})
                  .code,
              0);
    const Safetensors logits = read_safetensors(context, result);
    EXPECT_EQ(logits.find("logits_Severity")->shape(), (Shape{2, 3}));
    const auto ct = context.to_vector<float>(*logits.find("logits_CT"));
    EXPECT_EQ(ct[0], ct[2]);  // equal rows
    EXPECT_TRUE(std::isfinite(ct[0]));
}

TEST_F(InferProgram, RefusesWithOneLineAndNothingLeft) {
    const std::string m = model("m.safetensors", true, false), bare = model("bare.safetensors", true, false, false),
                      ct = phantom("P1.nii.gz", 4);
    const auto refused = [&](std::vector<std::string> words, int code, const std::string& part) {
        SCOPED_TRACE(part);
        const auto result = run_program("cmtl_infer", words);
        EXPECT_TRUE(says(result, code, part));
        EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
        EXPECT_FALSE(fs::exists(folder / "out"));
    };
    refused({"--model", bare, "-i", ct, "-o", out()}, 3, "intensity statistics");
    refused({"--model", m, "-i", (folder / "none.nii").string(), "-o", out()}, 3, "none.nii");
    refused({"--model", (folder / "none").string(), "-i", ct, "-o", out()}, 3, "none");
    refused({"--model", ct, "-i", ct, "-o", out()}, 3, "P1.nii.gz");
    refused({"--model", folder.path().string(), "-i", ct, "-o", out()}, 3, "run folder");
    refused({"--model", m, "-o", out()}, 2, "nothing to read");
    refused({"--model", m, "-i", ct, "--tensors", m, "-o", out()}, 2, "choose one");
    refused({"-i", ct, "-o", out()}, 2, "--model");
    Volume air(phantom_case(4, {.size = {64, 64, 40}, .spacing = {6, 6, 8}}).hu.geometry, 40.0f);
    air.voxels[0] = 50;
    write_image(folder / "solid.nii.gz", air);
    const auto solid = run_program("cmtl_infer", {"--model", m, "-i", (folder / "solid.nii.gz").string(), "-o", out()});
    EXPECT_EQ(solid.code, 3) << solid.out;
    EXPECT_NE(solid.out.find("solid.nii.gz"), std::string::npos) << solid.out;
    EXPECT_FALSE(fs::exists(folder / "out"));
    EXPECT_TRUE(says(run_program("cmtl_infer", {"--help"}), 0, "Exit codes"));
}

}  // namespace
}  // namespace cmtl
