// COVID-MTL and its baselines against PyTorch in float64: tests/oracles/{covid_mtl,baselines}_oracle.py.
#include <gtest/gtest.h>

#include "device.hpp"
#include "engine/operators/multitask_loss.hpp"
#include "engine/operators/softmax_cross_entropy.hpp"
#include "nets/covid_mtl.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

using Json = nlohmann::json;

constexpr double logit_bar = 1e-5;     // of the largest logit
constexpr double gradient_bar = 1e-2;  // of a tensor's norm: one flipped ReLU or pool winner shows
constexpr double median_bar = 1e-4;    // of the same, over all tensors
constexpr double zero_bar = 1e-5;      // where the true gradient is zero (biases in front of a batch normalisation)
constexpr double learning_rate = 0.005;

ModelOptions options_of(const Json& spec) {
    ModelOptions options;
    options.architecture = spec.value("architecture", "covid_mtl");
    options.volume = spec["volume"];
    options.features = spec["features"];
    options.tasks.clear();
    for (const int64_t classes : spec["classes"])
        options.tasks.push_back({"task" + std::to_string(options.tasks.size()), classes});
    options.dropout = spec["dropout"];
    options.shift3d.p = spec["drawn"] ? 0.5 : 0.0;
    return options;
}

// The model of a case with the formula's weights, and its batch.
struct Setting {
    Setting(Context& c, const Json& s) : context(c), spec(s), model(c, options_of(s), 1) {
        NamedTensors weights;
        for (const auto& [name, tensor] : weights_of(c, model))
            weights.emplace_back(name, golden::parameter(c, name, tensor.shape()));
        load_weights(c, model, weights, "formula");
        const std::string name = fmt::format("{}/{}", s["name"].get<std::string>(), s["variant"].get<int>());
        const std::vector<int64_t> size = s["size"];
        if (s["volume"]) volume = golden::volume(c, name + "/volume", size);
        if (s["features"]) features = golden::uniform_tensor(c, name + "/features", {size[0], 375}, 0.5f, 0.5f);
    }
    Pass pass() const { return {context, spec["training"], spec["seed"], spec["step"]}; }
    std::vector<Tensor> logits() const {
        if (spec["plan"].is_null() || spec["drawn"]) return model.forward(pass(), volume, features);
        const std::vector<int32_t> plan = spec["plan"];
        const int64_t n = volume.size(0), channels = static_cast<int64_t>(plan.size()) / 2 / n;
        return model.forward(pass(), volume, features, context.from<int32_t>({n, channels, 2}, plan));
    }
    Tensor loss(const std::vector<Tensor>& logits) const {
        std::vector<Tensor> losses;
        for (size_t k = 0; k < logits.size(); ++k)
            losses.push_back(softmax_cross_entropy(context, logits[k], spec["labels"][k].get<std::vector<int64_t>>()));
        return weighted_sum(context, losses, spec["weights"].get<std::vector<double>>());
    }
    NamedTensors leaves() const {
        NamedTensors leaves;
        for (const Parameter& parameter : model.parameters())
            if (parameter.trainable) leaves.emplace_back(parameter.name, parameter.value);
        return leaves;
    }

    Context& context;
    const Json& spec;
    CovidMtl model;
    Tensor volume, features;
};

class CovidMtlParity : public ::testing::TestWithParam<const char*> {};

TEST_P(CovidMtlParity, LogitsGradientsAndOneStep) {
    Context context(on_test_device());
    const golden::File file(context, "net_" + std::string(GetParam()) + ".safetensors");
    const Json spec = file.metadata("case");
    Setting setting(context, spec);
    const NamedTensors leaves = setting.leaves(), before = weights_of(context, setting.model);

    Tape tape(context);
    const std::vector<Tensor> logits = setting.logits();
    double logit_error = 0.0, largest_logit = 0.0;
    for (size_t k = 0; k < logits.size(); ++k) {
        const std::vector<double> expected = file.values("logits_" + std::to_string(k + 1));
        logit_error = std::max(logit_error, golden::largest_difference(context.to_vector<float>(logits[k]), expected));
        largest_logit = std::max(largest_logit, golden::largest(expected));
    }
    const double worst_logit = logit_error / largest_logit;
    EXPECT_LE(worst_logit, logit_bar);
    const Tensor loss = setting.loss(logits);
    EXPECT_NEAR(element(context, loss, 0), file.values("loss")[0], logit_bar * largest_logit);
    tape.backward(loss);

    std::vector<double> errors;
    double worst_zero = 0.0;
    std::string worst_name;
    size_t worst = 0;
    for (const auto& [name, leaf] : leaves) {
        SCOPED_TRACE(name);
        ASSERT_TRUE(leaf.grad().defined());
        const std::vector<float> gradient = golden::file_values(context, leaf.grad());
        const std::vector<double> ours = golden::subset(name, gradient), expected = file.values("grad/" + name);
        const double whole = file.values("norm/" + name)[0];
        if (whole < 1e-9) {
            worst_zero = std::max(worst_zero, golden::largest_difference(ours, std::vector<double>(ours.size(), 0.0)));
            continue;
        }
        errors.push_back(golden::difference_norm(ours, expected) / golden::norm(expected));
        if (errors.back() >= errors[worst]) worst = errors.size() - 1, worst_name = name;
        EXPECT_LE(errors.back(), gradient_bar);
        EXPECT_NEAR(golden::norm({gradient.begin(), gradient.end()}), whole, gradient_bar * whole);
    }
    EXPECT_LE(worst_zero, zero_bar);
    EXPECT_LE(golden::median(errors), median_bar);

    Sgd optimiser(context, leaves, {});
    optimiser.step(learning_rate);
    std::vector<double> moves;
    for (const auto& [name, value] : weights_of(context, setting.model)) {
        SCOPED_TRACE(name);
        if (name.ends_with("running_mean") || name.ends_with("running_var")) {
            if (!spec["training"]) continue;
            const std::vector<double> expected = file.values("after/" + name);
            EXPECT_LE(golden::largest_difference(context.to_vector<float>(value), expected),
                      1e-5 * golden::largest(expected));
            continue;
        }
        const auto start =
            std::find_if(before.begin(), before.end(), [&](const auto& entry) { return entry.first == name; });
        std::vector<float> moved = context.to_vector<float>(value);
        double size = 0.0;
        for (size_t i = 0; i < moved.size(); ++i) {
            size = std::max(size, static_cast<double>(std::abs(moved[i])));
            moved[i] -= start->second.data<float>()[i];
        }
        const std::vector<double> expected = file.values("moved/" + name);
        // Beside the gradient's own error, a weight in f32 is only kept to half a unit in its last place.
        const double rounding = size * 0x1p-24 * std::sqrt(static_cast<double>(expected.size()));
        const double error = golden::difference_norm(golden::subset(name, moved), expected);
        // One Nesterov step from rest moves a weight by 1.9 gradients.
        const double zero = 1.9 * learning_rate * zero_bar * std::sqrt(static_cast<double>(expected.size()));
        EXPECT_LE(error, std::max(gradient_bar * golden::norm(expected), zero) + rounding);
        if (file.values("norm/" + name)[0] >= 1e-9)
            moves.push_back(std::max(0.0, error - rounding) / golden::norm(expected));
    }
    EXPECT_LE(golden::median(moves), median_bar);

    fmt::print("{}: logits {:.1e} of the largest; gradients worst {:.1e} ({}), median {:.1e}, true zeros {:.1e}\n",
               GetParam(), worst_logit, errors[worst], worst_name, golden::median(errors), worst_zero);
}

INSTANTIATE_TEST_SUITE_P(Forms, CovidMtlParity,
                         ::testing::Values("full_train", "full_eval", "full_shift", "full_random", "volume3_train",
                                           "volume3_eval", "volume2_train", "volume2_eval", "features3", "features2",
                                           "resnet3d34_train", "resnet3d34_full_eval", "decovnet_train",
                                           "decovnet_full_eval"),
                         [](const auto& info) { return std::string(info.param); });

TEST(CovidMtlTrajectory, FeatureNetworkOverTenSteps) {
    Context context(on_test_device());
    const golden::File file(context, "trajectory_features3.safetensors");
    const Json spec = file.metadata("case");
    Setting setting(context, spec);
    Sgd optimiser(context, setting.leaves(), {});
    const std::vector<double> losses = file.values("losses");
    ASSERT_EQ(losses.size(), 10u);
    for (const double expected : losses) {
        optimiser.clear_gradients();
        Tape tape(context);
        const Tensor loss = setting.loss(setting.logits());
        EXPECT_NEAR(element(context, loss, 0), expected, 1e-6);
        tape.backward(loss);
        optimiser.step(learning_rate);
    }
    for (const auto& [name, value] : weights_of(context, setting.model)) {
        const std::vector<double> expected = file.values("after/" + name);
        EXPECT_LE(golden::difference_norm(golden::subset(name, context.to_vector<float>(value)), expected),
                  1e-4 * golden::norm(expected))
            << name;
    }
}

}  // namespace
}  // namespace cmtl
