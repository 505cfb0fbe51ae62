// Whole trainings with the settings of optimiser, loss and precision.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>
#include <sstream>

#include "pipeline/model_file.hpp"
#include "training/class_weights.hpp"
#include "training/trainer_fixture.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::expect_error;
using test::expect_same_run;
using test::FeatureTraining;
using test::metrics;
using test::train_with_deaths;
namespace fs = std::filesystem;

struct OptimiserSettings : FeatureTraining {
    void SetUp() override {
        FeatureTraining::SetUp();
        request.settings = {"train.epochs=4", "train.lr=0.02", "train.batch_size=10", "model.dropout=0.3"};
    }
    std::string log() { return test::text_of(request.run / "log.txt"); }
};

TEST_F(OptimiserSettings, AdamWWithClippingAndAccumulationResumesBitForBit) {
    for (const char* s :
         {"train.optimiser=adamw", "train.clip_norm=0.5", "train.accumulate=2", "loss.class_weights=balanced"})
        set(s);
    for (const char* device : {"cpu", "simt"}) {
        SCOPED_TRACE(device);
        request.device = parse_device(device);
        request.run = folder / device;
        train(make_job(request));
        const auto lines = metrics(request.run);
        ASSERT_EQ(lines.size(), 5u);
        EXPECT_EQ(lines[0]["step"], 3);  // 5 batches: two steps of two, one of one
        EXPECT_EQ(lines[3]["step"], 12);
        EXPECT_EQ(lines[0]["lr"], 0.02 * 0.5 * (1 + std::cos(M_PI * 2 / 12)));  // the schedule counts optimiser steps
        EXPECT_LT(lines[3]["loss"], lines[0]["loss"]);
        EXPECT_GT(lines[0]["gradient_norm"], 0.0);
        Context context;
        const ModelFile file = read_model(context, request.run / "checkpoints/latest.safetensors");
        std::set<std::string> names;
        for (const auto& [name, tensor] : file.other) names.insert(name.substr(0, name.find('/')));
        EXPECT_EQ(names, (std::set<std::string>{"exp_avg", "exp_avg_sq", "optimiser.step"}));
        const fs::path whole = request.run;
        TrainRequest cut = request;
        cut.run = folder / fmt::format("{}-cut", device);
        cut.settings.push_back("train.checkpoint_steps=1");
        // Within an epoch, at its end, in the last step.
        train_with_deaths(cut, {1, 2, 3, 8, 12});
        expect_same_run(cut.run, whole);
    }
}

TEST_F(OptimiserSettings, WithoutClippingNoNormIsNoted) {
    train(make_job(request));
    EXPECT_FALSE(metrics(request.run)[0].contains("gradient_norm"));
    EXPECT_EQ(metrics(request.run)[0]["step"], 5);
}

TEST_F(OptimiserSettings, MaxStepsCountsOptimiserSteps) {
    set("train.accumulate=2");
    request.max_steps = 4;
    train(make_job(request));
    const auto lines = metrics(request.run);
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1]["step"], 4);
}

TEST_F(OptimiserSettings, ClassWeightsAreThoseOfTheTrainingCases) {
    train(make_job(request));
    const json plain = metrics(request.run)[0];
    request.run = folder / "weighted";
    set("loss.class_weights=balanced");
    const TrainJob job = make_job(request);
    train(job);
    EXPECT_NE(metrics(request.run)[0]["loss"], plain["loss"]);
    EXPECT_NE(log().find("class weights of CT: "), std::string::npos) << log();
    // The severities are a third each: their weights are about 1, those of CT about 1.5 and 0.75.
    const std::string text = log();
    const size_t at = text.find("class weights of CT: ") + 21;
    EXPECT_NEAR(std::stod(text.substr(at)), 1.5, 0.1) << text;
}

TEST(ClassWeights, AreThoseOfScikitLearn) {
    const std::vector<Task> tasks{{"A", 2}, {"B", 3}, {"C", 3}};
    // compute_class_weight("balanced", classes=unique(y), y=y) of [0,0,0,1], [0,1,1,2,2,2,2,2], [0,2,2]
    const ClassWeights w =
        class_weights("balanced", tasks, {{0, -1, 0, 0, 1}, {0, 1, 1, 2, 2, 2, 2, 2}, {0, 2, 2, -1}});
    ASSERT_EQ(w.size(), 3u);
    EXPECT_EQ(w[0], (std::vector<double>{4.0 / 6, 2}));
    EXPECT_EQ(w[1], (std::vector<double>{8.0 / 3, 4.0 / 3, 8.0 / 15}));
    EXPECT_EQ(w[2], (std::vector<double>{1.5, 1, 0.75}));  // a class without a case
    EXPECT_TRUE(class_weights("none", tasks, {}).empty());
    EXPECT_EQ(class_weights("[[1,2],[1,1,0.5],[3,2,1]]", tasks, {})[1], (std::vector<double>{1, 1, 0.5}));
    EXPECT_EQ(class_weights("balanced", {{"A", 2}}, {{-1, -1}})[0], (std::vector<double>{1, 1}));
}

TEST_F(OptimiserSettings, NonsenseIsRefused) {
    const auto refused = [&](const std::string& setting, std::initializer_list<std::string> parts) {
        const auto before = request.settings;
        set(setting);
        SCOPED_TRACE(setting);
        expect_error(ErrorKind::usage, parts, [&] { make_job(request); });
        request.settings = before;
    };
    refused("train.optimiser=adam", {"train.optimiser", "sgd or adamw"});
    refused("train.betas=0.9", {"train.betas", "two numbers"});
    refused("train.betas=0.9,1", {"train.betas", "[0, 1)"});
    refused("train.eps=0", {"train.eps is 0"});
    refused("train.clip_norm=-1", {"train.clip_norm is -1"});
    refused("train.accumulate=0", {"train.accumulate is 0"});
    refused("train.accumulate=257", {"train.accumulate is 257", "[1, 256]"});
    refused("train.precision=f16", {"train.precision", "f32 or bf16"});
    refused("loss.name=fixed", {"loss.weights", "one number per task (3)"});
    refused("loss.weights=1,1,1", {"loss.weights", "loss.name=fixed"});
    refused("loss.class_weights=heavy", {"loss.class_weights is 'heavy'", "balanced"});
    refused("loss.class_weights=[[1,2]]", {"1 lists for 3 tasks"});
    refused("loss.class_weights=[[1,2],[1,1],[1,2]]", {"loss.class_weights of Severity is [1,2]", "3 numbers"});
    refused("loss.class_weights=[[1,2],[1,0],[1,2,3]]", {"loss.class_weights of NAT"});
}

TEST_F(OptimiserSettings, FixedWeightsReachTheLoss) {
    set("loss.name=fixed");
    set("loss.weights=2,0,0.5");
    train(make_job(request));
    const json line = metrics(request.run)[0];
    EXPECT_EQ(line["weight_CT"], 2.0);
    EXPECT_EQ(line["weight_NAT"], 0.0);
    EXPECT_NEAR(line["loss"].get<double>(),
                2 * line["loss_CT"].get<double>() + 0.5 * line["loss_Severity"].get<double>(), 1e-6);
}

TEST_F(OptimiserSettings, BeginsWithAModelOfOtherTasks) {
    train(make_job(request));
    const fs::path first = request.run;
    request.run = folder / "second";
    request.init = first;
    set("train.lr=1e-9");
    set(R"(model.tasks=[{"name":"Severity","classes":3},{"name":"CT","classes":2}])");
    std::string labels = "ID,Severity,CT\n";
    for (int i = 0; i < 60; ++i) labels += fmt::format("case{:03},{},{}\n", i, i % 3, i % 3 > 0 ? 1 : 0);
    request.manifest = folder.write("two.csv", labels);
    train(make_job(request));
    Context context;
    const ModelFile a = read_model(context, first), b = read_model(context, request.run);
    const auto values = [&](const ModelFile& file, const std::string& name) {
        for (const auto& [key, value] : file.weights)
            if (key == name) return context.to_vector<float>(value);
        return std::vector<float>();
    };
    const auto severity = values(a, "classifier3.1.weight"), here = values(b, "classifier1.1.weight");
    ASSERT_EQ(severity.size(), here.size());
    for (size_t i = 0; i < here.size(); ++i) EXPECT_NEAR(here[i], severity[i], 1e-6);
    EXPECT_NE(log().find("took"), std::string::npos);
    EXPECT_NE(log().find("not used: classifier2.1.bias"), std::string::npos) << log();
}

// --- bf16 ---

using test::VolumeTraining;

TEST_F(VolumeTraining, MultipliesInBf16AndKeepsMastersInF32) {
    // One batch an epoch; at a rate that hardly moves, or steps would amplify the rounding of the first.
    for (const char* s : {"train.epochs=2", "train.batch_size=5", "train.lr=1e-6", "train.evaluate_every=2"})
        request.settings.push_back(s);
    for (const char* device : {"cpu", "simt"}) {
        SCOPED_TRACE(device);
        request.device = parse_device(device);
        request.run = folder / fmt::format("{}-f32", device);
        train(make_job(request));
        TrainRequest half = request;
        half.run = folder / fmt::format("{}-bf16", device);
        half.settings.push_back("train.precision=bf16");
        try {
            train(make_job(half));
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::resource) GTEST_SKIP() << error.what();
            throw;
        }
        const auto a = metrics(request.run), b = metrics(half.run);
        for (size_t epoch = 0; epoch < 2; ++epoch) {
            const double f32 = a[epoch]["loss"], bf16 = b[epoch]["loss"];
            EXPECT_NE(f32, bf16);
            // bf16 keeps 8 bits; twelve batch norms, in the end over 20 values, make of that some per cent.
            EXPECT_NEAR(f32, bf16, 0.06 * f32) << "epoch " << epoch;
        }
        Context context;
        const ModelFile file = read_model(context, half.run / "checkpoints/latest.safetensors");
        for (const NamedTensors* tensors : {&file.weights, &file.other})
            for (const auto& [name, value] : *tensors) EXPECT_EQ(value.dtype(), Dtype::f32) << name;
        // Weights that had been rounded to bf16 would have 16 zero bits at their ends.
        size_t fine = 0;
        for (const auto& [name, value] : file.weights)
            if (name == "features.convbn.0.weight")
                for (const float w : context.to_vector<float>(value))
                    fine += (std::bit_cast<uint32_t>(w) & 0xFFFF) != 0;
        EXPECT_GT(fine, 1000u);
    }
}

}  // namespace
}  // namespace cmtl
