// COVID-MTL's forms: parameters, names, first weights, state dicts, options, wrong input.
#include "nets/covid_mtl.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "device.hpp"
#include "engine/safetensors.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

using Json = nlohmann::json;

ModelOptions form(bool volume, bool features, int tasks = 3) {
    ModelOptions options;
    options.volume = volume;
    options.features = features;
    options.tasks.resize(static_cast<size_t>(tasks));
    return options;
}

const std::map<std::string, ModelOptions> forms{{"full", form(true, true)},
                                                {"volume3", form(true, false)},
                                                {"volume2", form(true, false, 2)},
                                                {"features3", form(false, true)}};

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

TEST(CovidMtl, HasThePublishedNumberOfParameters) {
    Context context(on_test_device());
    EXPECT_EQ(parameter_count(CovidMtl(context, {}, 1)), 3'848'199);
}

TEST(CovidMtl, NamesAndShapesArePyTorchs) {
    std::ifstream golden(golden::path_of("state_dicts.txt"));
    std::map<std::string, std::vector<std::string>> expected;
    std::string line, section;
    while (std::getline(golden, line)) {
        if (line.starts_with('['))
            section = line.substr(1, line.size() - 2);
        else
            expected[section].push_back(line);
    }
    ASSERT_EQ(expected.size(), forms.size());
    Context context(on_test_device());
    for (const auto& [name, options] : forms) {
        std::vector<std::string> ours;
        for (const auto& [tensor_name, tensor] : weights_of(context, CovidMtl(context, options, 1)))
            ours.push_back(tensor_name + " " + tensor.shape().text());
        EXPECT_EQ(ours, expected[name]) << name;
    }
}

// Draws start differently for another seed or name; batch normalisations start alike.
bool is_drawn(const std::string& name, const Shape& shape) {
    const bool norm = name.find("_bn.") != std::string::npos || name.find("convbn.1.") != std::string::npos;
    return shape.rank() > 1 || (name.ends_with(".bias") && !norm);
}

TEST(CovidMtl, FirstWeightsDependOnSeedAndNameAlone) {
    Context context(on_test_device());
    std::map<std::string, std::vector<float>> full;
    for (const auto& [name, tensor] : weights_of(context, CovidMtl(context, forms.at("full"), 7)))
        full[name] = context.to_vector<float>(tensor);
    for (const char* other : {"full", "volume2", "features3"})
        for (const auto& [name, tensor] : weights_of(context, CovidMtl(context, forms.at(other), 7))) {
            const bool scaled =
                name.starts_with("classifier") && name.find("_.") == std::string::npos;  // by its inputs
            if (!scaled || other == std::string("full")) {
                EXPECT_EQ(context.to_vector<float>(tensor), full.at(name)) << other << " " << name;
            }
        }
    for (const auto& [name, tensor] : weights_of(context, CovidMtl(context, forms.at("full"), 8))) {
        if (is_drawn(name, tensor.shape())) {
            EXPECT_NE(context.to_vector<float>(tensor), full.at(name)) << name;
        }
    }
    EXPECT_NE(full.at("classifier1.1.weight"), full.at("classifier2.1.weight"));
}

TEST(CovidMtl, FirstWeightsHaveTheirDistributions) {
    Context context(on_test_device());
    for (const auto& [name, tensor] : weights_of(context, CovidMtl(context, {}, 3))) {
        SCOPED_TRACE(name);
        const Shape& s = tensor.shape();
        double sum = 0.0, square = 0.0, most = 0.0;
        for (const float v : tensor.values<float>()) {
            sum += v;
            square += static_cast<double>(v) * v;
            most = std::max(most, static_cast<double>(std::abs(v)));
        }
        const auto n = static_cast<double>(tensor.count());
        const double mean = sum / n, deviation = std::sqrt(square / n);
        if (s.rank() == 5 || s.rank() == 2) {
            // Kaiming normal over the fan out, or uniform up to 1 / sqrt(fan in).
            const double expected = s.rank() == 5 ? std::sqrt(2.0 / static_cast<double>(s[0] * s[2] * s[3] * s[4]))
                                                  : 1.0 / std::sqrt(3.0 * static_cast<double>(s[1]));
            EXPECT_NEAR(mean, 0.0, 5.0 * expected / std::sqrt(n));
            EXPECT_NEAR(deviation, expected, 5.0 * expected / std::sqrt(n));
            if (s.rank() == 2) {
                EXPECT_LE(most, 1.0 / std::sqrt(static_cast<double>(s[1])));
            }
        } else if (name.ends_with("running_var") || (name.ends_with(".weight") && s.rank() == 1)) {
            EXPECT_EQ(context.to_vector<float>(tensor), std::vector<float>(static_cast<size_t>(n), 1.0f));
        } else if (!is_drawn(name, s)) {
            EXPECT_EQ(most, 0.0);
        } else {
            EXPECT_GT(most, 0.0);
            EXPECT_LE(most, 1.0);
        }
    }
}

TEST(Weights, GoOutAndComeBack) {
    Context context(on_test_device());
    for (const auto& [name, options] : forms) {
        SCOPED_TRACE(name);
        const CovidMtl from(context, options, 1), to(context, options, 2);
        NamedTensors weights = weights_of(context, from);
        weights.emplace_back("features.convbn.1.num_batches_tracked", context.zeros({}, Dtype::i64));
        load_weights(context, to, weights, "memory");
        const NamedTensors back = weights_of(context, to);
        ASSERT_EQ(back.size() + 1, weights.size());
        for (size_t i = 0; i < back.size(); ++i) {
            EXPECT_EQ(back[i].first, weights[i].first);
            EXPECT_EQ(context.to_vector<float>(back[i].second), context.to_vector<float>(weights[i].second));
        }
        // What was given out is a copy.
        back[0].second.data<float>()[0] += 1.0f;
        EXPECT_EQ(element(context, weights_of(context, to)[0].second, 0), element(context, weights[0].second, 0));
    }
}

TEST(Weights, OtherPrecisionsAreConverted) {
    Context context(on_test_device());
    const CovidMtl from(context, forms.at("features3"), 1), to(context, forms.at("features3"), 2);
    NamedTensors wide;
    for (const auto& [name, tensor] : weights_of(context, from))
        wide.emplace_back(name, context.host().cast(tensor, Dtype::f64));
    load_weights(context, to, wide, "memory");
    EXPECT_EQ(context.to_vector<float>(weights_of(context, to)[0].second),
              context.to_vector<float>(weights_of(context, from)[0].second));
}

TEST(Weights, OfAnotherArchitectureAreRefusedAndNothingChanges) {
    Context context(on_test_device());
    const CovidMtl model(context, forms.at("features3"), 1);
    const NamedTensors before = weights_of(context, model);
    const auto refused = [&](const std::string& part, auto&& change) {
        NamedTensors weights = weights_of(context, CovidMtl(context, forms.at("features3"), 2));
        change(weights);
        expect_error(ErrorKind::input, part, [&] { load_weights(context, model, weights, "w.safetensors"); });
        expect_error(ErrorKind::input, "w.safetensors: checkpoint of another architecture",
                     [&] { load_weights(context, model, weights, "w.safetensors"); });
    };
    refused("it lacks 'classifier3.1.bias'", [](NamedTensors& w) { w.pop_back(); });
    refused("no 'classifier4.1.bias'",
            [&](NamedTensors& w) { w.emplace_back("classifier4.1.bias", context.zeros({2})); });
    refused("'classifier3.1.bias' is 4, this model has 3",
            [&](NamedTensors& w) { w.back().second = context.zeros({4}); });
    refused("is i64", [&](NamedTensors& w) { w.back().second = context.zeros({3}, Dtype::i64); });
    const NamedTensors after = weights_of(context, model);
    for (size_t i = 0; i < before.size(); ++i)
        EXPECT_EQ(context.to_vector<float>(after[i].second), context.to_vector<float>(before[i].second));
}

TEST(InferOptions, KnowsEveryForm) {
    Context context(on_test_device());
    std::vector<ModelOptions> all;
    for (const auto& [name, options] : forms) all.push_back(options);
    all.push_back(form(true, true, 1));
    all.push_back(form(false, true, 2));
    all.back().feature_count = 10;
    all.push_back(form(true, false, 1));
    all.back().tasks = {{"Severity", 3}};
    all.push_back(form(true, true, 1));
    all.back().tasks = {{"CT", 2}, {"Severity", 3}};
    all.push_back(form(false, true, 1));
    all.back().tasks = {{"CT", 2}, {"task2", 5}, {"Severity", 3}, {"NAT", 2}, {"task5", 2}};
    for (const ModelOptions& options : all) {
        const ModelOptions read = infer_options(weights_of(context, CovidMtl(context, options, 1)), "w");
        EXPECT_EQ(read.volume, options.volume);
        EXPECT_EQ(read.features, options.features);
        EXPECT_EQ(read.feature_count, options.feature_count);
        EXPECT_TRUE(read.tasks == options.tasks);
        load_weights(context, CovidMtl(context, read, 2), weights_of(context, CovidMtl(context, options, 1)), "w");
    }
}

TEST(InferOptions, RefusesOtherStateDicts) {
    Context context(on_test_device());
    expect_error(ErrorKind::input, "w: is not a COVID-MTL state dict", [&] { infer_options({}, "w"); });
    expect_error(ErrorKind::input, "is not a COVID-MTL state dict", [&] {
        infer_options({{"conv1.weight", context.zeros({64, 3, 7, 7})}}, "w");
    });
    expect_error(ErrorKind::input, "is not a COVID-MTL state dict", [&] {
        infer_options({{"classifier1.1.weight", context.zeros({2, 64})}}, "w");
    });
    expect_error(ErrorKind::input, "has 5 axes", [&] {
        infer_options({{"features.convbn.0.weight", context.zeros({64, 3, 3})}}, "w");
    });
}

TEST(ModelOptions, SurviveJson) {
    ModelOptions options = form(false, true, 2);
    options.tasks[1] = {"Outcome", 5};
    options.feature_count = 107;
    options.dropout = 0.125;
    options.shift3d = {.p = 0.5, .max_shift = 0.1, .whole_batch = true, .fill = -1.5f, .decay_steps = 1000};
    const ModelOptions read = model_options_from_json(Json::parse(to_json(options).dump()));
    EXPECT_TRUE(read.tasks == options.tasks);
    EXPECT_FALSE(read.volume);
    EXPECT_TRUE(read.features);
    EXPECT_EQ(read.feature_count, 107);
    EXPECT_EQ(read.dropout, 0.125);
    EXPECT_EQ(read.shift3d.p, 0.5);
    EXPECT_EQ(read.shift3d.max_shift, 0.1);
    EXPECT_TRUE(read.shift3d.whole_batch);
    EXPECT_EQ(read.shift3d.fill, -1.5f);
    EXPECT_EQ(read.shift3d.decay_steps, 1000);
    EXPECT_EQ(to_json(read), to_json(options));
    EXPECT_EQ(to_json(model_options_from_json(Json::object())), to_json(ModelOptions{}));
}

TEST(ModelOptions, NonsenseIsNamed) {
    const auto refused = [](const std::string& part, const char* text) {
        expect_error(ErrorKind::usage, part, [&] { model_options_from_json(Json::parse(text)); });
    };
    refused("must be a JSON object", "[]");
    refused("unknown key featurs", R"({"featurs": true})");
    refused("unknown key shift3d.prob", R"({"shift3d": {"prob": 1}})");
    refused("unknown key tasks[1].class", R"({"tasks": [{"name": "a", "classes": 2}, {"name": "b", "class": 2}]})");
    refused("dropout is \"0.3\": a number is wanted", R"({"dropout": "0.3"})");
    refused("feature_count is 1.5: a whole number", R"({"feature_count": 1.5})");
    refused("volume is 1: true or false", R"({"volume": 1})");
    refused("architecture 'resnet' is unknown", R"({"architecture": "resnet"})");
    refused("volume branch or a feature branch", R"({"volume": false, "features": false})");
    refused("at least one task", R"({"tasks": []})");
    refused("task 'a'", R"({"tasks": [{"name": "a", "classes": 2}, {"name": "a", "classes": 2}]})");
    refused("has 1 classes", R"({"tasks": [{"name": "a", "classes": 1}]})");
    refused("dropout 1 is outside [0, 1)", R"({"dropout": 1.0})");
    refused("shift3d.p 1.5", R"({"shift3d": {"p": 1.5}})");
    refused("shift3d.max_shift -1", R"({"shift3d": {"max_shift": -1}})");
    refused("shift3d.fill", R"({"shift3d": {"fill": "0"}})");
    refused("feature_count 0", R"({"feature_count": 0})");
    Context context(on_test_device());
    ModelOptions options;
    options.dropout = NAN;
    expect_error(ErrorKind::usage, "dropout nan", [&] { CovidMtl(context, options, 1); });
}

TEST(CovidMtl, WrongInputIsNamed) {
    Context context(on_test_device());
    const Pass pass{context};
    const Tensor volume = context.zeros({2, 9, 10, 11, 1}), features = context.zeros({2, 375});
    const CovidMtl full(context, forms.at("full"), 1), only_features(context, forms.at("features3"), 1);
    EXPECT_EQ(full.forward(pass, volume, features).size(), 3u);
    expect_error(ErrorKind::input, "needs a volume", [&] { full.forward(pass, {}, features); });
    expect_error(ErrorKind::input, "needs features", [&] { full.forward(pass, volume, {}); });
    expect_error(ErrorKind::input, "no branch for it", [&] { only_features.forward(pass, volume, features); });
    expect_error(ErrorKind::input, "of shape 2x374", [&] { full.forward(pass, volume, context.zeros({2, 374})); });
    expect_error(ErrorKind::input, "of shape 2x9x10x11x3", [&] {
        full.forward(pass, context.zeros({2, 9, 10, 11, 3}), features);
    });
    expect_error(ErrorKind::input, "(f64)", [&] {
        full.forward(pass, context.zeros({2, 9, 10, 11, 1}, Dtype::f64), features);
    });
    expect_error(ErrorKind::input, "2 volumes, but features of 3 cases", [&] {
        full.forward(pass, volume, context.zeros({3, 375}));
    });
}

TEST(CovidMtl, RandomPassesRepeatAndDiffer) {
    Context context(on_test_device());
    ModelOptions options;
    options.shift3d.p = 1.0;
    const auto logits = [&](uint64_t seed, uint64_t step) {
        const CovidMtl model(context, options, 1);
        const Tensor volume = golden::volume(context, "repeat", {2, 33, 34, 35});
        const Tensor features = golden::uniform_tensor(context, "features", {2, 375});
        std::vector<float> all;
        for (const Tensor& task : model.forward({context, true, seed, step}, volume, features))
            for (const float v : context.to_vector<float>(task)) all.push_back(v);
        return all;
    };
    const std::vector<float> first = logits(1, 5);
    EXPECT_EQ(logits(1, 5), first);
    EXPECT_NE(logits(1, 6), first);
    EXPECT_NE(logits(2, 5), first);
}

TEST(CovidMtl, EvaluationIsIndependentOfTheBatch) {
    Context context(on_test_device());
    const CovidMtl model(context, {}, 1);
    const Tensor volume = golden::volume(context, "batch", {2, 33, 34, 35});
    const Tensor features = golden::uniform_tensor(context, "features", {2, 375});
    const std::vector<Tensor> both = model.forward({context}, volume, features);
    const auto half = [&](const Tensor& t, std::initializer_list<int64_t> sizes) {
        const std::vector<float> values = context.to_vector<float>(t);
        return context.from<float>(Shape(sizes), std::vector<float>(values.begin() + t.count() / 2, values.end()));
    };
    const std::vector<Tensor> second =
        model.forward({context}, half(volume, {1, 33, 34, 35, 1}), half(features, {1, 375}));
    for (size_t k = 0; k < both.size(); ++k)
        for (int64_t c = 0; c < both[k].size(1); ++c)
            EXPECT_NEAR(element(context, second[k], c), element(context, both[k], both[k].size(1) + c), 1e-5);
}

}  // namespace
}  // namespace cmtl
