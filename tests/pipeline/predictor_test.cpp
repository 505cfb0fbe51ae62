// Model files and what is done with them.
#include "pipeline/predictor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using test::expect_error;
namespace fs = std::filesystem;

struct Models : testing::Test {
    test::Folder folder;
    Context context;

    ModelFile described(bool volume, bool features) {
        ModelFile file;
        file.options.volume = volume;
        file.options.features = features;
        file.options.feature_count = 3;
        if (volume) {
            file.preparation = preparation_preset("small");
            file.intensity = IntensityStatistics{100.5, 300.25};
        }
        if (features) file.scaler = FeatureScaler{"minmax", {"A", "B", "C"}, {0, 1, 2}, {1, 2, 4}, {}};
        return file;
    }
    fs::path write(const ModelFile& file, const std::string& name, bool metadata, uint64_t seed = 5) {
        const CovidMtl net(context, file.options, seed);
        fs::create_directories((folder / name).parent_path());
        write_safetensors(folder / name, weights_of(context, net), metadata ? model_metadata(file) : Metadata{});
        return folder / name;
    }
};

TEST_F(Models, TellTheirWholeDescription) {
    const ModelFile file = read_model(context, write(described(true, true), "m.safetensors", true));
    EXPECT_EQ(file.options.feature_count, 3);
    EXPECT_EQ(*file.preparation, preparation_preset("small"));
    EXPECT_EQ(file.intensity->mean, 100.5);
    EXPECT_EQ(file.intensity->deviation, 300.25);
    EXPECT_EQ(file.scaler->names, (std::vector<std::string>{"A", "B", "C"}));
    EXPECT_EQ(file.scaler->divisor, (std::vector<double>{1, 2, 4}));
}

TEST_F(Models, WithoutStatisticsReadTensorsOnly) {
    Predictor predictor(context, write(described(true, true), "bare.safetensors", false));
    expect_error(ErrorKind::input, {"bare.safetensors", "intensity statistics", "--tensors", "run folder"},
                 [&] { predictor.require_ct(); });
    expect_error(ErrorKind::input, {"bare.safetensors", "feature ranges", "--tensors"},
                 [&] { predictor.require_features(); });
    const auto logits = predictor.logits(context.zeros({2, 1, 33, 34, 35}), context.zeros({2, 3}));
    ASSERT_EQ(logits.size(), 3u);
    EXPECT_EQ(logits[2].shape(), (Shape{2, 3}));
    expect_error(ErrorKind::input, {"volume", "(N, 1, D, H, W)"}, [&] {
        predictor.logits(context.zeros({2, 2, 8, 8, 8}), context.zeros({2, 3}));
    });
    expect_error(ErrorKind::input, {"'features'"}, [&] {
        predictor.logits(context.zeros({2, 1, 33, 33, 33}), Tensor());
    });
}

TEST_F(Models, SayWhatTheyTake) {
    const Predictor features(context, write(described(false, true), "f.safetensors", true));
    expect_error(ErrorKind::input, {"f.safetensors", "no CT"}, [&] { features.require_ct(); });
    const Predictor volume(context, write(described(true, false), "v.safetensors", true));
    expect_error(ErrorKind::input, {"v.safetensors", "no features"}, [&] { volume.require_features(); });
}

TEST_F(Models, KnowWhetherTheirFeaturesCanBeComputed) {
    const auto computable = [&](const ModelFile& file) {
        return Predictor(context, write(file, "m.safetensors", true)).computable_features();
    };
    // Trained on a table of unknown features.
    expect_error(ErrorKind::usage, {"m.safetensors", "feature 'A'", "covid-mtl-375", "--features"},
                 [&] { computable(described(false, true)); });
    // On the published table's names: as they were made, at 1 mm.
    ModelFile file = described(false, true);
    file.scaler->names = {"Maximum", "Energy", "LLH_glcm_Contrast"};
    EXPECT_EQ(computable(file), FeatureOptions{});
    file.options.volume = true;
    file.preparation = preparation_preset("full");
    EXPECT_EQ(computable(file), FeatureOptions{});
    file.preparation = preparation_preset("small");
    expect_error(ErrorKind::usage, {"m.safetensors", "volumes of 5 mm", "--features", "train without"}, [&] { computable(file); });
    // Computed in its training, on whatever grid.
    file.radiomics = FeatureOptions{"covid-mtl-375", 10};
    EXPECT_EQ(computable(file).bin_width, 10);
    expect_error(ErrorKind::input, {"v.safetensors", "no features"},
                 [&] { Predictor(context, write(described(true, false), "v.safetensors", true)).computable_features(); });
}

TEST_F(Models, ComputeFeaturesInTheirOrder) {
    ModelFile file = described(true, true);
    file.radiomics = FeatureOptions{};
    file.scaler->names = {"Maximum", "LLH_glcm_Contrast", "Energy"};
    Predictor predictor(context, write(file, "m.safetensors", true));
    EXPECT_EQ(predictor.model().radiomics, FeatureOptions{});
    std::vector<uint16_t> voxels(72 * 80 * 80);
    for (size_t i = 0; i < voxels.size(); ++i) voxels[i] = i / 6400 > 10 && i % 80 > 30 && i % 80 < 60 ? 200 + i % 89 : 0;
    const auto all = case_features(context, voxels, predictor.preparation(), {}, "x");
    const auto names = feature_names(FeatureOptions{});
    const auto chosen = predictor.features(voxels, "x");
    ASSERT_EQ(chosen.size(), 3u);
    for (size_t i = 0; i < 3; ++i)
        EXPECT_EQ(chosen[i], all[static_cast<size_t>(std::find(names.begin(), names.end(), file.scaler->names[i]) - names.begin())]);
    file.scaler->names[1] = "Age";
    Predictor other(context, write(file, "m.safetensors", true));
    expect_error(ErrorKind::input, {"'Age'", "covid-mtl-375"}, [&] { other.features(voxels, "x"); });
}

TEST_F(Models, ScaleRawFeaturesAsTheirLogitsExpect) {
    Predictor predictor(context, write(described(false, true), "f.safetensors", true));
    const std::vector<double> raw{0.5, 2, 4};
    const auto p = predictor.probabilities({}, raw);
    const auto logits = predictor.logits(Tensor(), context.from<float>({1, 3}, std::vector<float>{0.5f, 0.5f, 0.5f}));
    for (size_t k = 0; k < 3; ++k) {
        EXPECT_EQ(p[k], class_probabilities(context, logits[k]));
        double sum = 0;
        for (const double x : p[k]) sum += x;
        EXPECT_NEAR(sum, 1, 1e-12);
    }
}

// Two models of one kind with other weights and statistics, as fold0 and an ensemble's fold1/seed0 would be.
TEST_F(Models, AreAveragedWhereAFolderHoldsSeveral) {
    ModelFile file = described(true, true);
    const fs::path one = write(file, "run/fold0/checkpoints/best.safetensors", true, 1);
    file.intensity = IntensityStatistics{80, 200};
    file.options.dropout = 0.1;
    file.options.shift3d.p = 0;
    file.scaler->divisor = {2, 2, 2};
    const fs::path two = write(file, "run/fold1/seed0/checkpoints/latest.safetensors", true, 2);
    expect_error(ErrorKind::input, {"run", "not finished", "--resume"}, [&] { Predictor(context, folder / "run"); });
    folder.write("run/folds.json", "{}");
    expect_error(ErrorKind::input, {"run/fold1", "not finished"}, [&] { Predictor(context, folder / "run"); });
    folder.write("run/fold1/ensemble.json", "{}");

    const auto& size = file.preparation->size;
    std::vector<uint16_t> voxels(size_t(size[0] * size[1] * size[2]));
    for (size_t i = 0; i < voxels.size(); ++i) voxels[i] = uint16_t(i % 7 ? 100 + i % 301 : 0);
    const std::vector<double> row{0.5, 2, 4};
    Predictor both(context, folder / "run"), a(context, one), b(context, two);
    EXPECT_EQ(both.members(), 2u);
    EXPECT_EQ(both.source(), (folder / "run").string());
    std::vector<CamMap> mean, first, second;
    const auto got = both.probabilities(voxels, row, &mean);
    const auto pa = a.probabilities(voxels, row, &first), pb = b.probabilities(voxels, row, &second);
    ASSERT_EQ(got.size(), 3u);
    int maps_compared = 0;
    for (size_t k = 0; k < 3; ++k) {
        for (size_t c = 0; c < got[k].size(); ++c) EXPECT_NEAR(got[k][c], (pa[k][c] + pb[k][c]) / 2, 1e-12);
        const auto top = [](const std::vector<double>& v) { return std::max_element(v.begin(), v.end()) - v.begin(); };
        if (top(pa[k]) != top(pb[k])) continue;  // then one of the maps is of another class
        ++maps_compared;
        ASSERT_EQ(mean[k].values.size(), first[k].values.size());
        for (size_t i = 0; i < mean[k].values.size(); ++i)
            EXPECT_NEAR(mean[k].values[i], (first[k].values[i] + second[k].values[i]) / 2, 1e-6f);
    }
    EXPECT_GT(maps_compared, 0);
    EXPECT_NE(pa, pb);
    expect_error(ErrorKind::usage, {"run", "2 models"}, [&] {
        both.logits(context.zeros({1, 1, 33, 33, 33}), context.zeros({1, 3}));
    });

    file.scaler->names[2] = "D";
    write(file, "run/fold2/checkpoints/best.safetensors", true);
    expect_error(ErrorKind::input, {"run/fold2", "cannot be averaged"}, [&] { Predictor(context, folder / "run"); });
}

TEST_F(Models, NameDamage) {
    const fs::path file = write(described(true, true), "m.safetensors", true);
    Safetensors content = read_safetensors(context, file);
    const auto with = [&](const char* key, const char* value) {
        Metadata metadata = content.metadata;
        metadata[key] = value;
        write_safetensors(folder / "damaged.safetensors", content.tensors, metadata);
        read_model(context, folder / "damaged.safetensors");
    };
    expect_error(ErrorKind::input, {"damaged.safetensors", "cmtl.intensity"}, [&] { with("cmtl.intensity", "{"); });
    expect_error(ErrorKind::input, {"damaged.safetensors"}, [&] { with("cmtl.intensity", "{\"mean\": 1}"); });
    expect_error(ErrorKind::input, {"damaged.safetensors"}, [&] { with("cmtl.model", "{\"depth\": 1}"); });
    expect_error(ErrorKind::input, {"damaged.safetensors", "radiomics"}, [&] { with("cmtl.radiomics", "{\"depth\": 1}"); });
    expect_error(ErrorKind::input, {"damaged.safetensors", "feature ranges"},
                 [&] { with("cmtl.features", "{\"method\": \"minmax\"}"); });
    expect_error(ErrorKind::input, {"checkpoints/best.safetensors", "run folder"},
                 [&] { read_model(context, folder.path()); });
    expect_error(ErrorKind::input, {"nothing.safetensors"},
                 [&] { read_model(context, folder / "nothing.safetensors"); });
}

TEST(CaseId, IsTheNameWithoutExtension) {
    EXPECT_EQ(case_id("/data/P001.nii.gz"), "P001");
    EXPECT_EQ(case_id("P001.v2.nrrd"), "P001.v2");
    EXPECT_EQ(case_id("series/P001/"), "P001");
    EXPECT_EQ(case_id("P001"), "P001");
}

}  // namespace
}  // namespace cmtl
