// ResNet3D-34, DeCoVNet and the named models: parameters, names, first weights, state dicts, shapes, wrong input. Their
// numbers are compared with PyTorch's in covid_mtl_parity_test.cpp.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.hpp"
#include "device.hpp"
#include "nets/covid_mtl.hpp"
#include "nets/named_models.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

using Json = nlohmann::json;

ModelOptions baseline(const std::string& architecture, bool features = false) {
    ModelOptions options;
    options.architecture = architecture;
    options.features = features;
    if (!features) options.tasks = {{"CT", 2}};
    return options;
}

template <class Action>
void expect_error(ErrorKind kind, const std::string& part, Action&& action) {
    try {
        action();
        ADD_FAILURE() << "no error, expected: " << part;
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
}

// With features and all tasks, as baselines_oracle.py lists them: "[architecture parameters]", then names and shapes.
TEST(Baselines, NamesShapesAndCountsArePyTorchs) {
    std::ifstream golden(golden::path_of("baseline_state_dicts.txt"));
    std::map<std::string, std::vector<std::string>> expected;
    std::map<std::string, int64_t> counts;
    std::string line, section;
    while (std::getline(golden, line)) {
        if (line.starts_with('[')) {
            std::istringstream header(line.substr(1));
            header >> section >> counts[section];
        } else {
            expected[section].push_back(line);
        }
    }
    ASSERT_EQ(expected.size(), 2u);
    Context context(on_test_device());
    for (const auto& [architecture, names] : expected) {
        const CovidMtl model(context, baseline(architecture, true), 1);
        EXPECT_EQ(parameter_count(model), counts[architecture]) << architecture;
        std::vector<std::string> ours;
        for (const Parameter& p : model.parameters()) {
            const Shape s = p.value.shape();
            ours.push_back(p.name + " " + (s.rank() == 5 ? Shape{s[0], s[4], s[1], s[2], s[3]} : s).text());
        }
        EXPECT_EQ(ours, names) << architecture;
    }
}

double deviation(Context& context, const Tensor& t) {
    double square = 0;
    for (const float v : context.to_vector<float>(t)) square += static_cast<double>(v) * v;
    return std::sqrt(square / static_cast<double>(t.count()));
}

TEST(Baselines, FirstWeightsAreTheirAuthors) {
    Context context(on_test_device());
    const CovidMtl decovnet(context, baseline("decovnet"), 3);
    int zeros = 0, fives = 0;
    for (const Parameter& p : decovnet.parameters()) {
        SCOPED_TRACE(p.name);
        const Shape s = p.value.shape();
        const double n = static_cast<double>(p.value.count());
        if (s.rank() == 5) {
            const double expected = std::sqrt(2.0 / static_cast<double>(s[0] * s[1] * s[2] * s[3]));
            EXPECT_NEAR(deviation(context, p.value), expected, 5 * expected / std::sqrt(n));
            ++fives;
        } else if (s.rank() == 2) {
            EXPECT_NEAR(deviation(context, p.value), 0.01, 0.05 / std::sqrt(n));
        } else if (p.name.ends_with("c_bn.weight") || p.name.ends_with(".bias")) {
            EXPECT_EQ(deviation(context, p.value), 0.0);
            ++zeros;
        }
    }
    EXPECT_EQ(fives, 12);
    EXPECT_EQ(zeros, 2 + 9 + 5);
    const CovidMtl resnet(context, baseline("resnet3d34"), 3);
    for (const Parameter& p : resnet.parameters()) {
        const Shape s = p.value.shape();
        if (s.rank() != 5 || !p.name.starts_with("features.layer2")) continue;
        const double expected = std::sqrt(2.0 / static_cast<double>(s[1] * s[2] * s[3] * s[4]));
        EXPECT_NEAR(deviation(context, p.value), expected,
                    5 * expected / std::sqrt(static_cast<double>(p.value.count())))
            << p.name;
    }
}

TEST(Baselines, AreReadFromTheirWeights) {
    Context context(on_test_device());
    for (const char* architecture : {"resnet3d34", "decovnet"})
        for (const bool features : {false, true}) {
            if (features && std::string(architecture) == "resnet3d34") continue;  // 63 million weights once are enough
            SCOPED_TRACE(architecture);
            const ModelOptions options = baseline(architecture, features);
            const NamedTensors weights = weights_of(context, CovidMtl(context, options, 1));
            const ModelOptions read = infer_options(weights, "w");
            EXPECT_EQ(read.architecture, architecture);
            EXPECT_EQ(read.features, features);
            EXPECT_TRUE(read.tasks == options.tasks);
            const CovidMtl to(context, read, 2);
            load_weights(context, to, weights, "w");
            const NamedTensors back = weights_of(context, to);
            ASSERT_EQ(back.size(), weights.size());
            for (size_t i = 0; i < back.size(); i += 7)
                EXPECT_EQ(context.to_vector<float>(back[i].second), context.to_vector<float>(weights[i].second));
        }
    // The published single-task networks have another classifier.
    expect_error(ErrorKind::input, "a volume branch by itself", [&] {
        infer_options({{"conv1.weight", context.zeros({64, 1, 5, 5, 5})},
                       {"layer1.0.conv1.weight", context.zeros({64, 64, 3, 3, 3})},
                       {"fc.weight", context.zeros({2, 512})}},
                      "w");
    });
    EXPECT_EQ(model_options_from_json(Json::parse(to_json(baseline("decovnet")).dump())).architecture, "decovnet");
}

TEST(Baselines, MapsHaveTheirSizesAndGoToTheHeads) {
    Context context(on_test_device());
    const CovidMtl decovnet(context, baseline("decovnet", true), 1);
    const Pass pass{context};
    const Tensor volume = golden::volume(context, "maps", {2, 9, 20, 33});
    const Tensor features = golden::uniform_tensor(context, "maps/features", {2, 375}, 0.5f, 0.5f);
    const Tensor maps = decovnet.volume_maps(pass, volume);
    EXPECT_EQ(maps.shape(), (Shape{2, 4, 3, 5, 128}));
    const std::vector<Tensor> whole = decovnet.forward(pass, volume, features),
                              parts = decovnet.logits_from(pass, maps, features);
    ASSERT_EQ(parts.size(), 3u);
    for (size_t k = 0; k < parts.size(); ++k)
        EXPECT_EQ(context.to_vector<float>(parts[k]), context.to_vector<float>(whole[k]));
    expect_error(ErrorKind::input, "maps of shape", [&] { decovnet.logits_from(pass, volume, features); });
    expect_error(ErrorKind::input, "two or more", [&] {
        decovnet.forward(pass, golden::volume(context, "maps", {2, 1, 20, 33}), features);
    });

    const CovidMtl resnet(context, baseline("resnet3d34"), 1);
    EXPECT_EQ(resnet.volume_maps(pass, golden::volume(context, "maps", {1, 65, 20, 33})).shape(),
              (Shape{1, 2, 1, 1, 512}));
}

// Shift3D acts in training passes alone, with a p above 0, and differs from step to step.
TEST(Baselines, ShiftInTraining) {
    Context context(on_test_device());
    const Tensor volume = golden::volume(context, "shift", {2, 12, 24, 20});
    const auto maps = [&](double p, bool training, uint64_t step) {
        ModelOptions options = baseline("decovnet");
        options.shift3d.p = p;
        const CovidMtl model(context, options, 1);
        return context.to_vector<float>(model.volume_maps({context, training, 5, step}, volume));
    };
    EXPECT_EQ(maps(1, false, 0), maps(0, false, 0));
    EXPECT_EQ(maps(0, true, 0), maps(0, true, 1));
    EXPECT_NE(maps(1, true, 0), maps(0, true, 0));
    EXPECT_NE(maps(1, true, 0), maps(1, true, 1));
    EXPECT_EQ(maps(1, true, 1), maps(1, true, 1));
}

TEST(NamedModels, AreOptionsThatMakeSense) {
    std::vector<std::string> names;
    for (const NamedModel& model : named_models()) {
        SCOPED_TRACE(model.name);
        names.emplace_back(model.name);
        Json all = to_json(ModelOptions{});
        all.merge_patch(named_model_options(std::string(model.name), model.single_task ? "Severity" : ""));
        const ModelOptions options = model_options_from_json(all);
        EXPECT_EQ(options.tasks.size(), model.single_task ? 1u : 3u);
        if (model.single_task) {
            EXPECT_EQ(options.tasks[0], (Task{"Severity", 3}));
            EXPECT_FALSE(options.features);
            expect_error(ErrorKind::usage, "choose it with --task",
                         [&] { named_model_options(std::string(model.name)); });
        }
    }
    EXPECT_EQ(names, (std::vector<std::string>{"covid_mtl", "covid_mtl_volume", "covid_mtl_features", "shiftnet3d",
                                               "squeezenet3d", "resnet3d34", "resnet3d34_shift", "decovnet"}));
    EXPECT_EQ(named_model_options("resnet3d34_shift:NAT"), named_model_options("resnet3d34_shift", "NAT"));
    EXPECT_EQ(named_model_options("resnet3d34_shift", "NAT")["shift3d"]["p"], 0.25);
    EXPECT_EQ(named_model_options("squeezenet3d", "CT")["shift3d"]["p"], 0.0);
    EXPECT_FALSE(named_model_options("covid_mtl").contains("tasks"));
    expect_error(ErrorKind::usage, "'resnet' is unknown: choose covid_mtl, covid_mtl_volume",
                 [] { named_model_options("resnet", "CT"); });
    expect_error(ErrorKind::usage, "task 'ct' is unknown: choose CT, NAT, Severity",
                 [] { named_model_options("decovnet", "ct"); });
    expect_error(ErrorKind::usage, "task '' is unknown", [] { named_model_options("decovnet:"); });
    expect_error(ErrorKind::usage, "contradict", [] { named_model_options("decovnet:CT", "NAT"); });
}

}  // namespace
}  // namespace cmtl
