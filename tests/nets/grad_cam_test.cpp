// Grad-CAM against PyTorch in float64: tests/oracles/grad_cam_oracle.py.
#include "nets/grad_cam.hpp"

#include <gtest/gtest.h>

#include "device.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

using Json = nlohmann::json;

struct Case {
    Case(Context& c, const std::string& name) : context(c), file(c, "grad_" + name + ".safetensors") {
        const Json spec = file.metadata("case");
        ModelOptions options;
        options.features = spec["features"];
        options.tasks.clear();
        for (const int64_t classes : spec["classes"])
            options.tasks.push_back({"task" + std::to_string(options.tasks.size()), classes});
        net.emplace(context, options, 1);
        NamedTensors weights;
        for (const auto& [parameter, tensor] : weights_of(c, *net))
            weights.emplace_back(parameter, golden::parameter(c, parameter, tensor.shape()));
        load_weights(c, *net, weights, "formula");
        const std::string batch = fmt::format("{}/{}", name, spec["variant"].get<int>());
        volume = golden::volume(c, batch + "/volume", spec["size"]);
        if (options.features) features = golden::uniform_tensor(c, batch + "/features", {1, 375}, 0.5f, 0.5f);
    }
    Context& context;
    golden::File file;
    std::optional<CovidMtl> net;
    Tensor volume, features;
};

struct GradCamGolden : testing::TestWithParam<const char*> {};

TEST_P(GradCamGolden, MapsOfEveryClassAgreeWithPyTorch) {
    Context context(on_test_device());
    const Case one(context, GetParam());
    const GradCam cam(context, *one.net, one.volume, one.features);
    const auto logits = cam.logits();
    double largest = 0;
    for (size_t k = 0; k < logits.size(); ++k)
        for (int64_t c = 0; c < logits[k].size(1); ++c)
            largest = std::max(largest, golden::largest(one.file.values(fmt::format("cam_{}_{}", k + 1, c))));
    ASSERT_GT(largest, 0.1);
    for (size_t k = 0; k < logits.size(); ++k) {
        const auto expected = one.file.values(fmt::format("logits_{}", k + 1));
        EXPECT_LE(golden::largest_difference(context.to_vector<float>(logits[k]), expected),
                  1e-5 * golden::largest(expected));
        for (int64_t c = 0; c < logits[k].size(1); ++c) {
            const std::string name = fmt::format("cam_{}_{}", k + 1, c);
            const CamMap map = cam.map(k, c);
            EXPECT_EQ(map.size,
                      (std::array<int64_t, 3>{one.file[name].size(0), one.file[name].size(1), one.file[name].size(2)}));
            EXPECT_LE(golden::largest_difference(map.values, one.file.values(name)), 1e-5 * largest) << name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Forms, GradCamGolden, testing::Values("cam_full", "cam_volume"),
                         [](const auto& info) { return std::string(info.param); });

TEST(GradCam, LeavesGradientsAndALivingTapeAsTheyAre) {
    Context context(on_test_device());
    const Case one(context, "cam_full");
    const std::vector<Parameter> parameters = one.net->parameters();
    const auto same = one.net->forward({context}, one.volume, one.features);
    {
        Tape tape(context);
        const auto logits = one.net->forward({context}, one.volume, one.features);
        const GradCam cam(context, *one.net, one.volume, one.features);
        const size_t entries = tape.entries();
        EXPECT_GT(cam.map(2, 1).values.size(), 0u);
        EXPECT_EQ(tape.entries(), entries);
        EXPECT_EQ(context.tape(), &tape);
        for (const Parameter& p : parameters) EXPECT_FALSE(p.value.grad().defined()) << p.name;
        tape.backward(golden::dot(context, logits[0], context.full(logits[0].shape(), 1.0f)));
    }
    std::vector<std::vector<float>> before;
    for (const Parameter& p : parameters)
        before.push_back(p.value.grad().defined() ? context.to_vector<float>(p.value.grad()) : std::vector<float>{});
    const GradCam cam(context, *one.net, one.volume, one.features);
    for (size_t k = 0; k < same.size(); ++k) {
        EXPECT_EQ(context.to_vector<float>(cam.logits()[k]), context.to_vector<float>(same[k]));
        cam.map(k, 0);
    }
    EXPECT_EQ(cam.map(1, 1).values, cam.map(1, 1).values);
    for (size_t i = 0; i < parameters.size(); ++i) {
        const Tensor gradient = parameters[i].value.grad();
        EXPECT_EQ(gradient.defined() ? context.to_vector<float>(gradient) : std::vector<float>{}, before[i])
            << parameters[i].name;
    }
}

TEST(GradCam, RefusesWhatItCannotRead) {
    Context context(on_test_device());
    const Case one(context, "cam_full");
    EXPECT_THROW(GradCam(context, *one.net, context.zeros({2, 33, 33, 33, 1}), context.zeros({2, 375})), Error);
    EXPECT_THROW(GradCam(context, *one.net, one.features, one.features), Error);
    const GradCam cam(context, *one.net, one.volume, one.features);
    EXPECT_THROW(cam.map(3, 0), Error);
    EXPECT_THROW(cam.map(0, 2), Error);
    EXPECT_THROW(cam.map(0, -1), Error);
    ModelOptions options;
    options.volume = false;
    const CovidMtl table(context, options, 1);
    EXPECT_THROW(GradCam(context, table, {}, one.features), Error);
}

TEST(GradCam, CellsOfHalvingNetworksLieAStepApart) {
    // The published input: five halvings, rounded up.
    EXPECT_EQ(cell_step(200, 7), 32);
    EXPECT_EQ(cell_step(250, 8), 32);
    EXPECT_EQ(cell_step(65, 3), 32);
    EXPECT_EQ(cell_step(64, 2), 32);
    EXPECT_EQ(cell_step(200, 25), 8);
    EXPECT_EQ(cell_step(9, 9), 1);
    EXPECT_EQ(cell_step(200, 16), 0);  // pooled to a fixed size
}

}  // namespace
}  // namespace cmtl
