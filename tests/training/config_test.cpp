// Settings: presets, files, --set, and what is refused.
#include "training/config.hpp"

#include <gtest/gtest.h>

#include "training/config_tree.hpp"
#include "training/request.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::expect_error;

Config with(const std::vector<std::string>& settings, const std::string& preset = "full") {
    TrainRequest request;
    request.settings = settings;
    return config_from_json(resolve_settings(request, preset).tree());
}

TEST(Config, PresetsSurviveJson) {
    for (const auto& name : preset_names()) {
        const Config config = preset_config(name);
        const json tree = to_json(config);
        EXPECT_EQ(to_json(config_from_json(json::parse(tree.dump()))), tree) << name;
    }
    expect_error(ErrorKind::usage, {"'huge'", "full, small, features"}, [] { preset_config("huge"); });
}

TEST(Config, FullIsAsPublished) {
    const Config c = preset_config("full");
    EXPECT_EQ(c.train.epochs, 80);
    EXPECT_EQ(c.train.batch_size, 10);
    EXPECT_EQ(c.train.lr, 0.005);
    EXPECT_EQ(c.train.momentum, 0.9);
    EXPECT_EQ(c.train.weight_decay, 5e-5);
    EXPECT_EQ(c.train.schedule, "cosine");
    EXPECT_EQ(c.loss.name, "random");
    EXPECT_EQ(c.loss.draws, 2);
    EXPECT_EQ(c.model.shift3d.p, 0.25);
    EXPECT_EQ(c.augment.noise_p, 0.2);
    EXPECT_EQ(c.preparation, preparation_preset("full"));
}

TEST(Config, TreesAreNoNetwork) {
    const Config c = preset_config("trees");
    EXPECT_EQ(c.model.architecture, "xgboost");
    EXPECT_FALSE(c.model.volume);
    EXPECT_EQ(with({"trees.max_depth=5"}, "trees").trees.max_depth, 5);
    expect_error(ErrorKind::usage, {"architecture", "xgboost"}, [&] { check(c.model); });
}

TEST(Config, SetTakesJsonTextAndLists) {
    const Config c =
        with({"train.lr=0.01", "train.epochs=3", "loss.name=equal", "augment.noise_sd=2,4", "model.shift3d.p=1",
              "augment.crop=false", "train.nesterov=false", "model.shift3d.fill=-1.5", "loss.alpha=[1,2,3]",
              R"(model.tasks=[{"name":"CT","classes":2},{"name":"NAT","classes":2},{"name":"Severity","classes":3}])"});
    EXPECT_EQ(c.train.lr, 0.01);
    EXPECT_EQ(c.train.epochs, 3);
    EXPECT_EQ(c.loss.name, "equal");
    EXPECT_EQ(c.augment.noise_sd, (std::array<double, 2>{2, 4}));
    EXPECT_EQ(c.model.shift3d.p, 1);
    EXPECT_FALSE(c.augment.crop);
    EXPECT_FALSE(c.train.nesterov);
    EXPECT_EQ(c.model.shift3d.fill, -1.5f);
    EXPECT_EQ(c.loss.alpha, (std::vector<double>{1, 2, 3}));
}

TEST(Config, UnknownKeysNameNearOnes) {
    expect_error(ErrorKind::usage, {"'train.learning_rate'"}, [] { with({"train.learning_rate=1"}); });
    expect_error(ErrorKind::usage, {"'train.epoch'", "did you mean train.epochs"}, [] { with({"train.epoch=1"}); });
    expect_error(ErrorKind::usage, {"'lr'", "train.lr"}, [] { with({"lr=1"}); });
    expect_error(ErrorKind::usage, {"'model.shift3d.q'", "model.shift3d.p"}, [] { with({"model.shift3d.q=1"}); });
    expect_error(ErrorKind::usage, {"key=value"}, [] { with({"train.lr"}); });
}

TEST(Config, WrongTypesAndValuesAreRefused) {
    expect_error(ErrorKind::usage, {"train.epochs", "whole number", "1.5"}, [] { with({"train.epochs=1.5"}); });
    expect_error(ErrorKind::usage, {"train.lr", "a number", "fast"}, [] { with({"train.lr=fast"}); });
    expect_error(ErrorKind::usage, {"augment.crop", "true or false"}, [] { with({"augment.crop=1"}); });
    expect_error(ErrorKind::usage, {"train takes a group"}, [] { with({"train=1"}); });
    expect_error(ErrorKind::usage, {"train.epochs is 0"}, [] { with({"train.epochs=0"}); });
    expect_error(ErrorKind::usage, {"train.lr is -1"}, [] { with({"train.lr=-1"}); });
    expect_error(ErrorKind::usage, {"train.schedule", "cosine, step or constant"}, [] { with({"train.schedule=linear"}); });
    expect_error(ErrorKind::usage, {"loss.name", "uncertainty"}, [] { with({"loss.name=focal"}); });
    expect_error(ErrorKind::usage, {"loss.alpha", "one number per task"}, [] { with({"loss.alpha=1,2"}); });
    expect_error(ErrorKind::usage, {"shift3d.p 1.2", "[0, 1]"}, [] { with({"model.shift3d.p=1.2"}); });
    expect_error(ErrorKind::usage, {"dropout 1"}, [] { with({"model.dropout=1"}); });
    expect_error(ErrorKind::usage, {"augment.noise_sd"}, [] { with({"augment.noise_sd=5"}); });
    expect_error(ErrorKind::usage, {"data.feature_scaling", "minmax"}, [] { with({"data.feature_scaling=none"}); });
    expect_error(ErrorKind::usage, {"preparation.crop"}, [] { with({"preparation.crop=400,250,250"}); });
}

TEST(Config, FilesComeBeforeSettingsAndTheRunRecordIsPassedOver) {
    const test::Folder folder;
    TrainRequest request;
    request.config_file =
        folder.write("c.json", R"({"preset": "small", "train": {"epochs": 7, "lr": 0.02}, "run": {"seed": 4}})");
    request.settings = {"train.lr=0.03"};
    const Config c = config_from_json(resolve_settings(request, "full").tree());
    EXPECT_EQ(c.preset, "small");
    EXPECT_EQ(c.preparation, preparation_preset("small"));
    EXPECT_EQ(c.train.epochs, 7);
    EXPECT_EQ(c.train.lr, 0.03);
    request.config_file = folder.write("d.json", R"({"train": {"epoch": 7}})");
    expect_error(ErrorKind::usage, {"d.json", "train.epoch", "train.epochs"},
                 [&] { resolve_settings(request, "full"); });
    request.config_file = folder.write("e.json", "{");
    expect_error(ErrorKind::usage, {"e.json", "JSON"}, [&] { resolve_settings(request, "full"); });
}

TEST(Config, TellsTheFirstDifference) {
    json a = to_json(preset_config("full")), b = a;
    EXPECT_EQ(first_difference(a, b), "");
    b["train"]["lr"] = 0.5;
    EXPECT_EQ(first_difference(a, b), "train.lr: 0.005 here, 0.5 there");
}

}  // namespace
}  // namespace cmtl
