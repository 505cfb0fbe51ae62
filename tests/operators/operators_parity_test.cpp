// Every operator against PyTorch in float64: tests/oracles/operators_oracle.py.
#include <gtest/gtest.h>

#include "device.hpp"
#include "engine/operators/batch_norm3d.hpp"
#include "engine/operators/conv3d.hpp"
#include "engine/operators/dropout.hpp"
#include "engine/operators/elementwise.hpp"
#include "engine/operators/linear.hpp"
#include "engine/operators/multitask_loss.hpp"
#include "engine/operators/pool3d.hpp"
#include "engine/operators/shift3d.hpp"
#include "engine/operators/softmax_cross_entropy.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

using Sizes = std::vector<int64_t>;
using Json = nlohmann::json;

constexpr double bar = 1e-5;  // of the largest value

// Results and inputs of one case, by the names of the golden file.
struct Trial {
    Context& context;
    const Json& spec;
    std::vector<std::pair<std::string, Tensor>> inputs;

    std::string name() const { return spec["name"]; }
    Tensor input(const std::string& as, const Sizes& sizes, float scale = 1.0f, float offset = 0.0f, bool leaf = true) {
        Tensor tensor = golden::uniform_tensor(context, name() + "/" + as, sizes, scale, offset);
        if (spec.value("quantised", false)) {
            std::vector<float> values = context.to_vector<float>(tensor);
            for (float& v : values) v = std::floor(v * 4) / 4;
            context.write<float>(tensor, values);
        }
        if (leaf) inputs.emplace_back(as, tensor.set_requires_grad());
        return tensor;
    }
};

using Operation = Tensor (*)(Trial&, const golden::File&);

void expect_equal(Context& context, const golden::File& file, const std::string& name, const Tensor& ours) {
    const std::vector<double> expected = file.values(name);
    const double error = golden::largest_difference(golden::file_values(context, ours), expected);
    EXPECT_LE(error, bar * std::max(golden::largest(expected), 1e-3)) << name;
}

Tensor run_batch_norm(Trial& trial, const golden::File& file) {
    const Sizes sizes = trial.spec["x"], channels{sizes[1]};
    const Tensor x = trial.input("x", sizes, 2.0f, 0.5f);
    const Tensor weight = trial.input("weight", channels, 0.5f, 1.0f), bias = trial.input("bias", channels);
    const Tensor mean = trial.input("mean", channels, 1.0f, 0.0f, false);
    const Tensor variance = trial.input("var", channels, 0.5f, 1.0f, false);
    Tensor y = batch_norm3d(trial.context, x, weight, bias, mean, variance,
                            {.training = trial.spec["training"], .relu = trial.spec["relu"]});
    expect_equal(trial.context, file, trial.name() + "/mean", mean);
    expect_equal(trial.context, file, trial.name() + "/var", variance);
    return y;
}

Pool3dOptions pool_options(const Json& spec) {
    return {.kernel = spec["kernel"].get<int64_t>(), .stride = spec["stride"].get<int64_t>(), .padding = spec["padding"].get<int64_t>()};
}

std::vector<Tensor> many(Trial& trial) {
    std::vector<Tensor> x;
    for (const Sizes sizes : trial.spec["shapes"]) x.push_back(trial.input("x" + std::to_string(x.size()), sizes));
    return x;
}

std::vector<Tensor> losses(Trial& trial) {
    std::vector<Tensor> x;
    for (int i = 0; i < trial.spec["count"]; ++i) x.push_back(trial.input("x" + std::to_string(i), {1}, 0.5f, 1.0f));
    return x;
}

const std::map<std::string, Operation> operations{
    {"conv3d",
     [](Trial& trial, const golden::File&) {
         const Tensor x = trial.input("x", trial.spec["x"]),
                      weight = trial.input("weight", trial.spec["weight"], 0.25f);
         const Tensor bias = trial.spec["bias"] ? trial.input("bias", {trial.spec["weight"][0]}) : Tensor();
         return conv3d(trial.context, x, weight, bias,
                       {.stride = trial.spec["stride"].get<int64_t>(), .padding = trial.spec["padding"].get<int64_t>()});
     }},
    {"batch_norm3d", run_batch_norm},
    {"max_pool3d",
     [](Trial& trial, const golden::File&) {
         return max_pool3d(trial.context, trial.input("x", trial.spec["x"]), pool_options(trial.spec));
     }},
    {"avg_pool3d",
     [](Trial& trial, const golden::File&) {
         return avg_pool3d(trial.context, trial.input("x", trial.spec["x"]), pool_options(trial.spec));
     }},
    {"global_avg_pool3d",
     [](Trial& trial, const golden::File&) {
         return global_avg_pool3d(trial.context, trial.input("x", trial.spec["x"]));
     }},
    {"relu", [](Trial& trial, const golden::File&) { return relu(trial.context, many(trial)[0]); }},
    {"add",
     [](Trial& trial, const golden::File&) {
         const std::vector<Tensor> x = many(trial);
         return add(trial.context, x[0], x[1]);
     }},
    {"concat", [](Trial& trial, const golden::File&) { return concat(trial.context, many(trial)); }},
    {"linear",
     [](Trial& trial, const golden::File&) {
         const Tensor x = trial.input("x", trial.spec["x"]),
                      weight = trial.input("weight", trial.spec["weight"], 0.25f);
         const Tensor bias = trial.spec["bias"] ? trial.input("bias", {trial.spec["weight"][0]}) : Tensor();
         return linear(trial.context, x, weight, bias);
     }},
    {"dropout",
     [](Trial& trial, const golden::File&) {
         return dropout(trial.context, trial.input("x", trial.spec["x"]), trial.spec["p"],
                        RandomKey{trial.spec["seed"], Purpose::test, trial.spec["step"]});
     }},
    {"shift3d",
     [](Trial& trial, const golden::File&) {
         std::optional<float> fill;
         if (!trial.spec["fill"].is_null()) fill = trial.spec["fill"].get<float>();
         return shift3d(trial.context, trial.input("x", trial.spec["x"]),
                        trial.spec["plan"].get<std::vector<int32_t>>(), fill);
     }},
    {"softmax_cross_entropy",
     [](Trial& trial, const golden::File&) {
         Tensor weights;
         if (!trial.spec["weights"].is_null())
             weights = trial.context.from<float>({trial.spec["x"][1]}, trial.spec["weights"].get<std::vector<float>>());
         return softmax_cross_entropy(trial.context, trial.input("x", trial.spec["x"], trial.spec["scale"]),
                                      trial.spec["labels"].get<std::vector<int64_t>>(), weights);
     }},
    {"weighted_sum",
     [](Trial& trial, const golden::File&) {
         return weighted_sum(trial.context, losses(trial), trial.spec["weights"].get<std::vector<double>>());
     }},
    {"uncertainty_sum",
     [](Trial& trial, const golden::File&) {
         const std::vector<Tensor> x = losses(trial);
         return uncertainty_sum(trial.context, x, trial.input("s", {3}));
     }},
};

TEST(OperatorsParity, AgreeWithPyTorchInFloat64) {
    Context context(on_test_device());
    const golden::File file(context, "operators.safetensors");
    const Json cases = file.metadata("cases");
    ASSERT_GE(cases.size(), 40u);
    for (const Json& spec : cases) {
        SCOPED_TRACE(spec["name"].get<std::string>());
        Trial trial{context, spec, {}};
        Tape tape(context);
        const Tensor y = operations.at(spec["op"])(trial, file);
        const Tensor& expected = file[trial.name() + "/y"];
        ASSERT_EQ(y.count(), expected.count());
        if (y.rank() == 5) {
            EXPECT_EQ(to_channels_first(context, context.to_host(y.detach())).shape(), expected.shape());
        }
        expect_equal(context, file, trial.name() + "/y", y);

        const Sizes file_sizes(expected.shape().sizes().begin(), expected.shape().sizes().end());
        const Tensor dy = golden::uniform_tensor(context, trial.name() + "/dy", file_sizes);
        tape.backward(golden::dot(context, y, dy));
        for (const auto& [name, tensor] : trial.inputs) {
            ASSERT_TRUE(tensor.grad().defined()) << name;
            expect_equal(context, file, trial.name() + "/d" + name, tensor.grad());
        }
    }
}

}  // namespace
}  // namespace cmtl
