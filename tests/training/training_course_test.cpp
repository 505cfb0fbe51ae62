// How a training goes: its learning rate, when it stops, what it tells TensorBoard, and that threads change nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "training/epoch_notes.hpp"
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

struct Course : FeatureTraining {
    // Mean validation AUC by epoch.
    std::vector<double> scores(const fs::path& run) {
        std::vector<double> out;
        for (const json& line : metrics(run))
            if (line.contains("val")) out.push_back(line["val"]["mean_auc"]);
        return out;
    }
};

TEST_F(Course, FollowsItsSchedule) {
    set("train.schedule=step");
    set("train.step_epochs=2");
    set("train.step_factor=0.5");
    set("train.warmup_epochs=1");
    train_now();
    const auto lines = metrics(request.run);
    for (size_t e = 0; e < 6; ++e)  // of an epoch's last step: 5 of 5 + 1 in the climb
        EXPECT_NEAR(lines[e]["lr"].get<double>(), 0.05 * (e == 0 ? 5.0 / 6 : std::pow(0.5, e / 2)), 1e-15) << e;
}

TEST_F(Course, StopsWhenPatienceEnds) {
    set("train.epochs=40");
    train_now();
    const auto all = scores(request.run);
    ASSERT_EQ(all.size(), 40u);
    // The rule as Keras' EarlyStopping has it, on what the whole run measured.
    const auto stop = [&](int patience, double least) {
        double best = -1;
        int waited = 0;
        for (size_t e = 0; e < all.size(); ++e) {
            waited = all[e] > best + least ? 0 : waited + 1;
            if (waited == 0) best = all[e];
            if (waited == patience) return e + 1;
        }
        return all.size();
    };
    std::set<size_t> stops;
    for (const auto& [patience, least] : {std::pair{2, 0.0}, {4, 0.0}, {3, 0.02}}) {
        SCOPED_TRACE(patience);
        TrainRequest early = request;
        early.run = folder / fmt::format("p{}", patience);
        early.settings.push_back(fmt::format("train.patience={}", patience));
        early.settings.push_back(fmt::format("train.min_delta={}", least));
        train(make_job(early));
        const auto lines = metrics(early.run);
        const size_t epochs = stop(patience, least);
        stops.insert(epochs);
        ASSERT_LT(epochs, 40u);
        ASSERT_EQ(lines.size(), epochs + 1);
        EXPECT_EQ(scores(early.run), std::vector<double>(all.begin(), all.begin() + std::ptrdiff_t(epochs)));
        const json& final = lines.back()["final"];
        EXPECT_EQ(final["epochs"], epochs);
        EXPECT_EQ(final["stopped"], (json{{"epoch", epochs}, {"evaluations_waited", patience}}));
        const double best = *std::max_element(all.begin(), all.begin() + std::ptrdiff_t(epochs));
        EXPECT_EQ(final["val"]["mean_auc"], best);  // the best weights, not the last
        EXPECT_NE(test::text_of(early.run / "log.txt").find("stopped after epoch"), std::string::npos);

        TrainRequest cut = early;
        cut.run = folder / fmt::format("cut{}", patience);
        cut.settings.push_back("train.checkpoint_steps=3");
        const auto last = static_cast<int64_t>(5 * epochs);
        train_with_deaths(cut, {2, last - 7, last - 1, last});
        expect_same_run(cut.run, early.run);
        cut.resume = true;
        train(make_job(cut));  // a run that stopped stays stopped
        expect_same_run(cut.run, early.run);
    }
    EXPECT_GT(stops.size(), 1u);
    EXPECT_FALSE(metrics(request.run).back()["final"].contains("stopped"));
}

// Twelve validation cases have few AUCs to share.
TEST_F(Course, OfEqualScoresKeepsTheSmallerLoss) {
    for (const char* setting : {"train.epochs=40", "train.lr=0.1", "train.schedule=constant", R"(model.tasks=[{"name":"CT","classes":2}])"})
        set(setting);
    train_now();
    size_t best = 0, first = 0, refused = 0;  // epochs: the best, the first of its score, one of its score and a larger loss
    double best_score = -1, best_loss = 0;
    const auto lines = metrics(request.run);
    for (size_t e = 1; e <= 40; ++e) {
        const double score = lines[e - 1]["val"]["mean_auc"], loss = lines[e - 1]["val"]["CT"]["loss"];
        if (score > best_score) first = e;
        if (score == best_score && loss > best_loss) refused = e;
        if (score > best_score || (score == best_score && loss < best_loss))
            best = e, best_score = score, best_loss = loss, refused = 0;
    }
    ASSERT_NE(best, first);
    ASSERT_NE(refused, 0u);
    EXPECT_EQ(lines.back()["final"]["weights"], fmt::format("epoch {}", best));
    // The loss is remembered over an interruption in the epoch that must not count.
    TrainRequest cut = request;
    cut.run = folder / "cut";
    train_with_deaths(cut, {static_cast<int64_t>(5 * refused - 4)});
    expect_same_run(cut.run, request.run);
}

TEST_F(Course, KeepsTheLastWeightsOfAnEarlyEnd) {
    set("train.epochs=40");
    set("train.patience=2");
    set("train.select=last");
    train_now();
    EXPECT_TRUE(test::data_of(request.run / "checkpoints/best.safetensors") ==
                test::data_of(request.run / "checkpoints/latest.safetensors"));
    EXPECT_LT(metrics(request.run).size(), 41u);
}

TEST_F(Course, NeedsValidationCasesToBePatient) {
    set("train.patience=2");
    set("data.validation_share=0");
    expect_error(ErrorKind::usage, {"train.patience is 2", "no validation cases"}, [&] { train_now(); });
    EXPECT_FALSE(fs::exists(request.run / "config.json"));
}

// What TensorBoard shows of a run: the scalars of each epoch once, however often it was killed.
TEST_F(Course, TellsTensorBoardEachEpochOnce) {
    train_now();
    TrainRequest cut = request;
    cut.run = folder / "cut";
    cut.settings.push_back("train.checkpoint_steps=2");
    train_with_deaths(cut, {3, 5, 6, 14, 30});
    const auto file = [](const fs::path& run) {
        fs::path found;
        for (const auto& entry : fs::directory_iterator(run / "tensorboard")) {
            EXPECT_TRUE(found.empty());
            found = entry.path();
        }
        return test::text_of(found);
    };
    // Equal but for the wall times, 8 bytes behind the record's head, and their CRC.
    std::string a = file(request.run), b = file(cut.run);
    ASSERT_EQ(a.size(), b.size());
    for (std::string* bytes : {&a, &b})
        for (size_t at = 0; at < bytes->size();) {
            uint64_t length = 0;
            std::memcpy(&length, bytes->data() + at, 8);
            bytes->replace(at + 13, 8, 8, '\0');
            bytes->replace(at + 12 + length, 4, 4, '\0');
            at += 16 + length;
        }
    EXPECT_TRUE(a == b);
    TrainRequest off = request;
    off.run = folder / "off";
    off.settings.push_back("train.tensorboard=false");
    train(make_job(off));
    EXPECT_FALSE(fs::exists(off.run / "tensorboard"));
    off.resume = true;
    off.settings.back() = "train.tensorboard=true";  // changes no weight: may be switched on later
    train(make_job(off));
}

TEST(EpochNotes, HaveAllOfALine) {
    const auto line = nlohmann::ordered_json::parse(R"({"epoch": 3, "step": 15, "lr": 0.25, "loss": 1.5, "loss_CT": 0.5,
        "weight_CT": 0.75, "val": {"CT": {"loss": 0.25, "auc": 0.875, "accuracy": null}, "mean_auc": 0.875}})");
    const Scalars wanted{{"train/lr", 0.25},        {"train/loss", 1.5},   {"train/loss_CT", 0.5},
                         {"train/weight_CT", 0.75}, {"val/loss_CT", 0.25}, {"val/auc_CT", 0.875},
                         {"val/mean_auc", 0.875}};
    EXPECT_EQ(scalars_of(line), wanted);
    EXPECT_EQ(text_of(EpochNote{3, 80, 1.25, {0.5, 2}, {0.25, 0.75}, 0.00123456, 0.9}, {{"CT", 2}, {"NAT", 2}}),
              "epoch 3/80 loss 1.2500 (CT 0.500 x 0.25, NAT 2.000 x 0.75) lr 0.00123 AUC 0.9000");
}

struct VolumeCourse : test::VolumeTraining {};

TEST_F(VolumeCourse, IsTheSameForAnyCacheAndAnyNumberOfWorkers) {
    request.settings.push_back("data.cache=memory");
    train(make_job(request));
    for (const auto& [access, workers] : {std::pair{"mapped", 1}, {"mapped", 3}, {"compressed", 2}, {"memory", 4}}) {
        SCOPED_TRACE(access);
        TrainRequest other = request;
        other.run = folder / fmt::format("{}{}", access, workers);
        other.settings.push_back(fmt::format("data.cache={}", access));
        other.settings.push_back(fmt::format("data.workers={}", workers));
        train(make_job(other));
        expect_same_run(other.run, request.run);
    }
}

// A case that goes bad while the training runs.
TEST_F(VolumeCourse, RepairsACaseFromItsImageOrSavesAndNamesIt) {
    request.settings.push_back("data.cache=compressed");
    request.settings.push_back("model.features=false");
    request.settings.push_back("train.epochs=4");
    request.cache = folder / "whole";
    train(make_job(request));
    TrainRequest bad = request;
    bad.run = folder / "bad";
    bad.cache = folder / "cache";
    const auto spoil = [&](int64_t at, bool with_images) {
        TrainJob job = make_job(bad);
        job.after_step = [=, this](int64_t step) {
            if (step != at) return;
            for (int i = 0; i < 5; ++i) {
                fs::resize_file(folder / fmt::format("cache/p{}.cmtlvol", i), 1000);
                if (with_images) fs::rename(folder / fmt::format("p{}.nii", i), folder / fmt::format("gone{}.nii", i));
            }
        };
        return job;
    };
    // In epoch 3 of 4 (2 steps each) all entries are cut: made again from the images, the same bits at the end.
    train(spoil(5, false));
    expect_same_run(bad.run, request.run);
    EXPECT_NE(test::text_of(bad.run / "log.txt").find("prepared again"), std::string::npos);
    // Without the images: an error that names a case, and a run that goes on once they are back.
    bad.run = folder / "worse";
    expect_error(ErrorKind::input, {"case p", "damaged and cannot be made again"}, [&] { train(spoil(5, true)); });
    EXPECT_NE(test::text_of(bad.run / "log.txt").find("is saved"), std::string::npos);
    for (int i = 0; i < 5; ++i) fs::rename(folder / fmt::format("gone{}.nii", i), folder / fmt::format("p{}.nii", i));
    bad.resume = true;
    train(make_job(bad));
    EXPECT_NE(test::text_of(bad.run / "log.txt").find("go on after step"), std::string::npos);
    expect_same_run(bad.run, request.run);
}

}  // namespace
}  // namespace cmtl
