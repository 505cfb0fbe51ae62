// Whole trainings on small made-up cohorts: what they leave, and that they go on where they stopped, bit for bit.
#include "training/trainer.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>

#include <set>
#include <sstream>

#include "pipeline/model_file.hpp"
#include "training/folds.hpp"
#include "training/request.hpp"
#include "training/trainer_fixture.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::expect_error;
namespace fs = std::filesystem;

using test::expect_same_run;
using test::FeatureTraining;
using test::metrics;
using test::train_with_deaths;

TEST_F(FeatureTraining, LeavesTheWholeRunFolder) {
    const TrainOutcome outcome = train_now();
    EXPECT_TRUE(outcome.failed.empty());
    EXPECT_EQ(outcome.val.ids.size(), 12u);
    for (const char* name : {"config.json", "metrics.jsonl", "log.txt", "report.html", "predictions_val.csv",
                             "checkpoints/latest.safetensors", "checkpoints/best.safetensors"})
        EXPECT_TRUE(fs::exists(request.run / name)) << name;
    EXPECT_FALSE(fs::exists(request.run / "predictions_test.csv"));
    const json config = json::parse(test::text_of(request.run / "config.json"));
    EXPECT_EQ(config["preset"], "features");
    EXPECT_EQ(config["train"]["epochs"], 6);
    EXPECT_EQ(config["run"]["seed"], 3);
    EXPECT_TRUE(config["run"].contains("version") && config["run"].contains("commit") &&
                config["run"].contains("threads"));
    const auto lines = metrics(request.run);
    ASSERT_EQ(lines.size(), 7u);
    EXPECT_EQ(lines[5]["epoch"], 6);
    EXPECT_LT(lines[5]["loss"], lines[0]["loss"]);
    EXPECT_EQ(lines[0]["lr"], 0.05 * 0.5 * (1 + std::cos(M_PI * 4 / 30)));
    double best = -1;
    for (int i = 0; i < 6; ++i) best = std::max(best, lines[static_cast<size_t>(i)]["val"]["mean_auc"].get<double>());
    EXPECT_EQ(lines[6]["final"]["val"]["mean_auc"], best);
}

TEST_F(FeatureTraining, TakesTheScalingFromTrainingCasesOnly) {
    // A validation case far out of range must not move the ranges.
    std::string labels = "ID,CT,NAT,Severity,Split\n", table = "ID,A,B\n";
    for (int i = 0; i < 12; ++i) {
        labels += fmt::format("c{},{},0,{},{}\n", i, i % 2, i % 3, i < 8 ? "train" : i < 10 ? "val" : "test");
        table += fmt::format("c{},{},{}\n", i, i < 8 ? i : 1e9, i < 8 ? 3 * i - 2 : -1e9);
    }
    folder.write("labels.csv", labels);
    folder.write("features.csv", table);
    request.settings = {"train.epochs=1", "train.lr=1e-6"};
    train_now();
    Context context;
    const ModelFile file = read_model(context, request.run);
    EXPECT_EQ(file.scaler->offset, (std::vector<double>{0, -2}));
    EXPECT_EQ(file.scaler->divisor, (std::vector<double>{7, 21}));
    EXPECT_TRUE(fs::exists(request.run / "predictions_test.csv"));
}

TEST_F(FeatureTraining, ResumesBitForBitWhereverItDied) {
    train_now();
    for (const int64_t every : {0, 1, 2, 3}) {
        SCOPED_TRACE(every);
        TrainRequest cut = request;
        cut.run = folder / fmt::format("cut{}", every);
        cut.settings.push_back(fmt::format("train.checkpoint_steps={}", every));
        // 30 steps, 5 per epoch: before the first checkpoint, within epochs, at their ends, in the last step.
        train_with_deaths(cut, {1, 4, 5, 8, 13, 25, 29, 30});
        expect_same_run(cut.run, request.run);
    }
}

TEST_F(FeatureTraining, ResumesBitForBitOnADevice) {
    request.device = parse_device("simt");
    train_now();
    TrainRequest cut = request;
    cut.run = folder / "cut";
    cut.settings.push_back("train.checkpoint_steps=2");
    train_with_deaths(cut, {4, 13, 29});
    expect_same_run(cut.run, request.run);
}

TEST_F(FeatureTraining, ADeviceTrainsAsTheCpu) {
    train_now();
    TrainRequest device = request;
    device.device = parse_device("simt");
    device.run = folder / "device";
    train(make_job(device));
    const auto a = metrics(request.run), b = metrics(device.run);
    ASSERT_EQ(a.size(), b.size());
    for (size_t epoch = 0; epoch < 6; ++epoch) {
        EXPECT_NEAR(a[epoch]["loss"].get<double>(), b[epoch]["loss"].get<double>(), 1e-4) << epoch;
        for (const char* task : {"CT", "NAT", "Severity"})  // the same Dirichlet draws
            EXPECT_EQ(a[epoch][std::string("weight_") + task], b[epoch][std::string("weight_") + task]) << epoch;
    }
}

TEST_F(FeatureTraining, RefusesToGoOnWithOtherSettingsOrAnotherCohort) {
    train_now();
    expect_error(ErrorKind::input, {"is not empty", "--resume"}, [&] { train_now(); });
    request.resume = true;
    request.settings.push_back("train.lr=0.04");
    expect_error(ErrorKind::usage, {"train.lr: 0.04 here, 0.05 there"}, [&] { train_now(); });
    request.settings = base;
    request.seed = 4;
    expect_error(ErrorKind::usage, {"run.seed: 4 here, 3 there"}, [&] { train_now(); });
    request.seed = 3;
    std::string labels = test::text_of(folder / "labels.csv");
    labels.replace(labels.find("case001,1"), 9, "case001,0");
    folder.write("labels.csv", labels);
    expect_error(ErrorKind::input, {"cohort", "changed"}, [&] { train_now(); });
}

TEST_F(FeatureTraining, ResumesFromTheFolderAlone) {
    train_now();
    const std::string before = test::text_of(request.run / "metrics.jsonl");
    TrainRequest again;
    again.run = request.run;
    again.resume = again.quiet = true;
    const TrainOutcome outcome = train(make_job(again));
    EXPECT_EQ(outcome.val.ids.size(), 12u);
    EXPECT_EQ(test::text_of(request.run / "metrics.jsonl"), before);
    again.run = folder / "elsewhere";
    expect_error(ErrorKind::usage, {"nothing to resume", "--manifest"}, [&] { make_job(again); });
}

TEST_F(FeatureTraining, FitsTheTableToTheCohort) {
    std::string table = test::text_of(folder / "features.csv");
    folder.write("short.csv", table.substr(0, table.find("case058")));
    request.features = folder / "short.csv";
    expect_error(ErrorKind::input, {"short.csv", "2 of the 60 cases", "case058, case059"}, [&] { train_now(); });
    request.features = folder / "features.csv";
    request.settings.push_back("model.feature_count=375");
    expect_error(ErrorKind::input, {"6 feature columns", "375"}, [&] { make_job(request); });
    request.settings.pop_back();
    request.features.clear();
    expect_error(ErrorKind::usage, {"--features is needed"}, [&] { make_job(request); });
}

TEST_F(FeatureTraining, BeginsWithGivenWeightsOfTheSameArchitecture) {
    train_now();
    request.init = request.run;
    request.run = folder / "second";
    request.settings = {"train.epochs=1", "train.lr=1e-9"};
    train_now();
    Context context;
    const ModelFile a = read_model(context, folder / "run"), b = read_model(context, folder / "second");
    ASSERT_EQ(a.weights.size(), b.weights.size());
    const auto x = context.to_vector<float>(a.weights[0].second), y = context.to_vector<float>(b.weights[0].second);
    for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-6);
    request.run = folder / "third";
    folder.write("wide.csv", [&] {
        std::string text, line;
        std::istringstream lines(test::text_of(folder / "features.csv"));
        for (int i = 0; std::getline(lines, line); ++i) text += line + (i ? ",1\n" : ",extra\n");
        return text;
    }());
    request.features = folder / "wide.csv";
    train_now();  // another number of features: what fits is taken, and the log says so
    const std::string log = test::text_of(request.run / "log.txt");
    EXPECT_NE(log.find("; fresh: radioFNN.features.0.weight (256x7, the file has 256x6)"), std::string::npos) << log;
}

TEST_F(FeatureTraining, StopsWhenTheLossIsNotFinite) {
    request.settings = {"train.lr=1e30"};
    expect_error(ErrorKind::input, {"the loss became", "in step", "lower train.lr"}, [&] { train_now(); });
}

TEST_F(FeatureTraining, OwnsTheUncertaintyWeights) {
    request.settings = {"train.epochs=3", "loss.name=uncertainty"};
    train_now();
    Context context;
    const ModelFile file = read_model(context, request.run / "checkpoints/latest.safetensors");
    bool found = false, momentum = false;
    for (const auto& [name, tensor] : file.other) {
        if (name == "loss.log_variances") {
            found = true;
            for (const float s : context.to_vector<float>(tensor)) EXPECT_NE(s, 0);
        }
        momentum = momentum || name == "momentum/loss.log_variances";
    }
    EXPECT_TRUE(found && momentum);
}

TEST_F(FeatureTraining, FoldsPredictEveryCaseOnceAndResume) {
    request.settings = {"train.epochs=2"};
    const FoldsOutcome outcome = cross_validate(make_job(request), 4);
    EXPECT_EQ(outcome.pooled.ids.size(), 60u);
    EXPECT_EQ(std::set<std::string>(outcome.pooled.ids.begin(), outcome.pooled.ids.end()).size(), 60u);
    const json folds = json::parse(test::text_of(request.run / "folds.json"));
    EXPECT_EQ(folds["tasks"]["CT"]["auc_by_fold"].size(), 4u);
    double mean = 0;
    for (const auto& fold : outcome.by_fold) mean += fold[0].auc / 4;
    EXPECT_NEAR(folds["tasks"]["CT"]["auc_mean"].get<double>(), mean, 1e-12);
    const std::string before = test::text_of(request.run / "predictions.csv");
    fs::remove_all(request.run / "fold2");
    request.resume = true;
    cross_validate(make_job(request), 4);
    EXPECT_EQ(test::text_of(request.run / "predictions.csv"), before);
}

TEST_F(FeatureTraining, LocksItsFolder) {
    // While one training holds the folder another is refused; a lock file without a holder does not count.
    fs::create_directories(request.run);
    std::ofstream(request.run / ".lock") << "";
    train_now();
    const int lock = ::open((request.run / ".lock").c_str(), O_RDWR);
    ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
    request.resume = true;
    expect_error(ErrorKind::input, {"another process trains"}, [&] { train_now(); });
    ::close(lock);
    train_now();
}

// --- volumes ---

using test::VolumeTraining;

TEST_F(VolumeTraining, ResumesBitForBitWithinAnEpoch) {
    request.settings.push_back("train.checkpoint_steps=1");
    train(make_job(request));
    TrainRequest cut = request;
    cut.run = folder / "cut";
    train_with_deaths(cut, {1, 3});
    expect_same_run(cut.run, request.run);
}

// Crops, noise, turns and flips are made by the device from the voxels.
TEST_F(VolumeTraining, ADeviceTakesTheCpusFirstStep) {
    request.max_steps = 1;
    train(make_job(request));
    TrainRequest device = request;
    device.device = parse_device("simt");
    device.run = folder / "device";
    train(make_job(device));
    const auto first = [](const fs::path& run) {
        const std::string text = test::text_of(run / "metrics.jsonl");
        return json::parse(text.substr(0, text.find('\n')));
    };
    const json a = first(request.run), b = first(device.run);
    EXPECT_NEAR(a["loss"].get<double>(), b["loss"].get<double>(), 2e-4);
    EXPECT_EQ(a["weight_CT"], b["weight_CT"]);
}

TEST_F(VolumeTraining, TakesStatisticsFromTrainingVolumesOnly) {
    request.settings.push_back("model.features=false");
    train(make_job(request));
    Context context;
    const ModelFile file = read_model(context, request.run);
    double sum = 0, squares = 0, n = 0;
    for (int i = 0; i < 5; ++i) {
        const auto p =
            prepare_case(folder / fmt::format("p{}.nii", i), *file.preparation, folder / fmt::format("m{}.nii", i));
        for (const double v : p.voxels) {
            sum += v;
            squares += v * v;
            ++n;
        }
    }
    EXPECT_NEAR(file.intensity->mean, sum / n, 1e-9 * sum / n);
    EXPECT_NEAR(file.intensity->deviation, std::sqrt(squares / n - sum * sum / n / n), 1e-6);
    EXPECT_FALSE(file.options.features || file.scaler || file.radiomics);
    EXPECT_EQ(file.options.tasks.size(), 3u);
    EXPECT_TRUE(fs::exists(request.run / "predictions_test.csv"));
}

TEST_F(VolumeTraining, LeavesBadCasesOutAndNamesThem) {
    std::ofstream(folder / "p1.nii") << "not an image";
    const TrainOutcome outcome = train(make_job(request));
    ASSERT_EQ(outcome.failed.size(), 1u);
    EXPECT_NE(outcome.failed[0].find("p1: "), std::string::npos) << outcome.failed[0];
    EXPECT_NE(outcome.failed[0].find("p1.nii"), std::string::npos) << outcome.failed[0];
    for (int i = 0; i < 7; ++i) std::ofstream(folder / fmt::format("p{}.nii", i)) << "not an image";
    request.run = folder / "second";
    expect_error(ErrorKind::input, {"none of the 7 cases"}, [&] { train(make_job(request)); });
    request.cache.clear();
    expect_error(ErrorKind::input, {"none of the 7 cases"},
                 [&] { train(make_job(request)); });  // and no --resume is asked for
}

TEST_F(VolumeTraining, ReadsVolumesAndFeaturesTogether) {
    std::string table = "ID,A,B\n";
    for (int i = 0; i < 7; ++i) table += fmt::format("p{},{},{}\n", i, i * i, -i);
    request.features = folder.write("features.csv", table);
    request.settings.push_back("data.memory_gib=0");  // volumes are read again for every batch
    train(make_job(request));
    Context context;
    const ModelFile file = read_model(context, request.run);
    EXPECT_TRUE(file.options.volume && file.options.features && file.scaler && file.intensity);
    EXPECT_FALSE(file.radiomics);  // the table comes first
    EXPECT_EQ(file.options.feature_count, 2);
}

}  // namespace
}  // namespace cmtl
