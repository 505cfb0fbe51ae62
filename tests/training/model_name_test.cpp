// --model and --task: between the file's settings and those of the command line.
#include "training/model_name.hpp"

#include <gtest/gtest.h>

#include "training/request.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using test::expect_error;

Config with(const std::string& model, const std::string& task, const std::vector<std::string>& settings = {}) {
    TrainRequest request;
    request.model = model;
    request.task = task;
    request.settings = settings;
    return config_from_json(resolve_settings(request, "small").tree());
}

TEST(ModelName, SetsTheModelAndNothingElse) {
    const Config plain = preset_config("small"), resnet = with("resnet3d34_shift", "NAT");
    EXPECT_EQ(resnet.model.architecture, "resnet3d34");
    EXPECT_FALSE(resnet.model.features);
    EXPECT_EQ(resnet.model.shift3d.p, 0.25);
    ASSERT_EQ(resnet.model.tasks.size(), 1u);
    EXPECT_EQ(resnet.model.tasks[0], (Task{"NAT", 2}));
    EXPECT_EQ(resnet.train.batch_size, plain.train.batch_size);
    EXPECT_EQ(resnet.preparation, plain.preparation);
    EXPECT_FALSE(with("covid_mtl_features", "").model.volume);
    EXPECT_EQ(with("covid_mtl", "").model.tasks.size(), 3u);
}

TEST(ModelName, GivesWayToSettings) {
    const Config c = with("shiftnet3d", "CT", {"model.shift3d.p=0.5", "model.features=true"});
    EXPECT_EQ(c.model.shift3d.p, 0.5);
    EXPECT_TRUE(c.model.features);
}

TEST(ModelName, TaskStandsAloneAndInTheName) {
    const Config c = with("", "Severity");
    ASSERT_EQ(c.model.tasks.size(), 1u);
    EXPECT_EQ(c.model.tasks[0], (Task{"Severity", 3}));
    EXPECT_TRUE(c.model.volume);
    ConfigTree tree(to_json(preset_config("full")));
    apply_model_name(tree, "decovnet:CT");
    EXPECT_EQ(config_from_json(tree.tree()).model.architecture, "decovnet");
    EXPECT_TRUE(tree.was_set("model.architecture"));
    EXPECT_FALSE(tree.was_set("train"));
}

TEST(ModelName, RefusesWhatThereIsNot) {
    expect_error(ErrorKind::usage, {"'vgg'", "resnet3d34", "decovnet"}, [] { with("vgg", "CT"); });
    expect_error(ErrorKind::usage, {"squeezenet3d", "--task"}, [] { with("squeezenet3d", ""); });
    expect_error(ErrorKind::usage, {"'Death'", "CT, NAT, Severity"}, [] { with("", "Death"); });
}

}  // namespace
}  // namespace cmtl
