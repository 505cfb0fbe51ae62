// The model whole: volumes, and features computed from them.
#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/predictor.hpp"
#include "training/folds.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::expect_error;
using test::VolumeTraining;
namespace fs = std::filesystem;

std::vector<double> features_of(const test::Folder& folder, int i, const PreparationOptions& preparation) {
    Context context;
    auto voxels = prepare_case(folder / fmt::format("p{}.nii", i), preparation, folder / fmt::format("m{}.nii", i)).voxels;
    return case_features(context, voxels, preparation, {}, "case");
}

TEST_F(VolumeTraining, ComputesFeaturesFromTheImages) {
    const TrainOutcome outcome = train(make_job(request));
    Context context;
    const ModelFile file = read_model(context, request.run);
    EXPECT_TRUE(file.options.volume && file.options.features);
    EXPECT_EQ(file.options.feature_count, 375);
    EXPECT_EQ(*file.radiomics, FeatureOptions{});
    EXPECT_EQ(file.scaler->names, feature_names(FeatureOptions{}));
    // Ranges come from the five training cases.
    std::vector<double> low(375, 1e300), high(375, -1e300);
    for (int i = 0; i < 5; ++i) {
        const auto values = features_of(folder, i, *file.preparation);
        for (size_t f = 0; f < 375; ++f) {
            low[f] = std::min(low[f], values[f]);
            high[f] = std::max(high[f], values[f]);
        }
    }
    EXPECT_EQ(file.scaler->offset, low);
    for (size_t f = 0; f < 375; ++f) EXPECT_EQ(file.scaler->divisor[f], high[f] - low[f]) << file.scaler->names[f];
    // Who reads a case from its CT gets what the training predicted.
    Predictor predictor(context, request.run);
    EXPECT_EQ(predictor.computable_features(), FeatureOptions{});
    auto prepared = prepare_case(folder / "p6.nii", predictor.preparation(), folder / "m6.nii");
    const auto features = predictor.features(prepared.voxels, "p6");
    const auto p = predictor.probabilities(prepared.voxels, features);
    for (size_t k = 0; k < 3; ++k)
        for (size_t c = 0; c < p[k].size(); ++c)
            EXPECT_NEAR(p[k][c], outcome.test.tasks[k].probability(0, static_cast<int>(c)), 1e-7) << k;
}

TEST_F(VolumeTraining, TheTableOfItsFeaturesTrainsTheSameModel) {
    train(make_job(request));
    std::string table = "ID";
    for (const auto& name : feature_names(FeatureOptions{})) table += "," + name;
    for (int i = 0; i < 7; ++i) {
        table += fmt::format("\np{}", i);
        for (const double value : features_of(folder, i, make_job(request).config.preparation)) table += fmt::format(",{}", value);
    }
    request.features = folder.write("features.csv", table + "\n");
    request.run = folder / "second";
    train(make_job(request));
    EXPECT_TRUE(test::data_of(folder / "run/checkpoints/latest.safetensors") ==
                test::data_of(folder / "second/checkpoints/latest.safetensors"));
}

TEST_F(VolumeTraining, TrainsOnComputedFeaturesAlone) {
    request.settings.insert(request.settings.end(), {"model.volume=false", "radiomics.bin_width=50"});
    train(make_job(request));
    Context context;
    const Predictor predictor(context, request.run);
    EXPECT_FALSE(predictor.model().options.volume || predictor.model().intensity);
    EXPECT_EQ(predictor.preparation().spacing_mm, 10);
    EXPECT_EQ(predictor.computable_features().bin_width, 50);
}

TEST_F(VolumeTraining, ResumesWithFeaturesFromTheFolderAlone) {
    request.max_steps = 3;
    train(make_job(request));
    TrainRequest again;
    again.run = request.run;
    again.resume = again.quiet = true;
    const TrainJob job = make_job(again);
    EXPECT_TRUE(job.config.model.features);
    EXPECT_FALSE(job.features);
    EXPECT_EQ(train(job).test.ids.size(), 1u);
    // Other features than those it was begun with.
    again.settings = {"radiomics.bin_width=20"};
    expect_error(ErrorKind::usage, {"radiomics.bin_width: 20.0 here, 25.0 there"}, [&] { train(make_job(again)); });
}

TEST_F(VolumeTraining, LeavesOutCasesWithoutFeatures) {
    Mask mask = read_mask(folder / "m1.nii");
    std::fill(mask.voxels.begin(), mask.voxels.end(), uint8_t{0});
    mask.at(24, 24, 16) = 1;
    write_image(folder / "m1.nii", mask);
    const TrainOutcome outcome = train(make_job(request));
    ASSERT_EQ(outcome.failed.size(), 1u);
    EXPECT_EQ(outcome.failed[0].rfind("p1: [", 0), 0u) << outcome.failed[0];
    EXPECT_NE(outcome.failed[0].find("p1.nii"), std::string::npos) << outcome.failed[0];
}

TEST_F(VolumeTraining, ChecksFeatureSettingsBeforeTheWork) {
    const auto with = [&](const std::string& setting) {
        TrainRequest asked = request;
        asked.settings.push_back(setting);
        return make_job(asked);
    };
    EXPECT_EQ(with("radiomics.feature_set=all").config.model.feature_count, 666);
    expect_error(ErrorKind::usage, {"'some'", "covid-mtl-375"}, [&] { with("radiomics.feature_set=some"); });
    expect_error(ErrorKind::usage, {"binWidth", "-1"}, [&] { with("radiomics.bin_width=-1"); });
    expect_error(ErrorKind::usage, {"radiomics.binwidth", "radiomics.bin_width"}, [&] { with("radiomics.binwidth=1"); });
    expect_error(ErrorKind::input, {"375", "model.feature_count is 9"}, [&] { with("model.feature_count=9"); });
}

TEST_F(VolumeTraining, FoldsComputeEachCaseOnce) {
    request.settings.insert(request.settings.end(), {"train.epochs=1", "model.volume=false"});
    request.cache.clear();
    EXPECT_EQ(cross_validate(make_job(request), 2).pooled.ids.size(), 6u);
    EXPECT_TRUE(fs::exists(request.run / "cache/p0.cmtlvol"));
    EXPECT_FALSE(fs::exists(request.run / "fold0/cache"));
}

}  // namespace
}  // namespace cmtl
