// Steps of the optimisers beside PyTorch's: tests/oracles/optimiser_oracle.py.
#include <gtest/gtest.h>

#include "device.hpp"
#include "engine/optimiser.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

using Json = nlohmann::json;

std::unique_ptr<Optimiser> make(Context& context, const NamedTensors& parameters, const Json& spec) {
    std::unique_ptr<Optimiser> optimiser;
    if (spec["op"] == "adamw")
        optimiser = std::make_unique<AdamW>(
            context, parameters,
            AdamWOptions{.betas = spec["betas"], .epsilon = spec["eps"], .weight_decay = spec["weight_decay"]});
    else
        optimiser = std::make_unique<Sgd>(context, parameters,
                                          SgdOptions{.momentum = 0.9, .weight_decay = spec["weight_decay"]});
    optimiser->set_clip_norm(spec["clip_norm"]);
    return optimiser;
}

class OptimiserGolden : public testing::TestWithParam<const char*> {};

TEST_P(OptimiserGolden, StepsAreThoseOfPyTorch) {
    Context context({.device = parse_device(GetParam())});
    const golden::File file(context, "optimiser.safetensors");
    const Json cases = file.metadata("cases");
    ASSERT_EQ(cases.size(), 6u);
    for (const Json& spec : cases) {
        const std::string name = spec["name"];
        SCOPED_TRACE(name);
        NamedTensors parameters;
        for (const auto& [key, sizes] : spec["shapes"].items())
            parameters.emplace_back(key, golden::uniform_tensor(context, key, sizes).set_requires_grad());
        const auto optimiser = make(context, parameters, spec);
        double norm_sum = 0;
        for (int step = 0; step < spec["steps"].get<int>(); ++step) {
            for (auto& [key, parameter] : parameters)
                parameter.slot()->gradient = golden::uniform_tensor(context, fmt::format("{}/g{}", key, step),
                                                                    spec["shapes"][key], spec["gradient"]);
            optimiser->step(spec["lr"].get<double>() / (1 + step));
            if (spec["clip_norm"].get<double>() > 0) {
                norm_sum += file.values(name + "/norms")[static_cast<size_t>(step)];
                EXPECT_NEAR(optimiser->norm_sum(), norm_sum, 1e-6 * norm_sum);  // gradients are f32 here
            }
        }
        for (const auto& [key, parameter] : parameters) {
            const std::vector<float> ours = context.to_vector<float>(parameter);
            // As near to PyTorch's float64 as its float32 is, give or take one rounding a step.
            const std::vector<double> exact = file.values(name + "/" + key);
            const std::vector<double> theirs = file.values(name + "/f32/" + key);
            EXPECT_LE(golden::largest_difference(ours, exact), golden::largest_difference(theirs, exact) + 5e-7) << key;
            EXPECT_LE(golden::largest_difference(ours, theirs), 1e-6) << key;
        }
        for (const auto& [key, value] : optimiser->state()) {
            if (key == "optimiser.step") {
                EXPECT_EQ(context.host().to_vector<int64_t>(value)[0], spec["steps"].get<int64_t>());
                continue;
            }
            const std::vector<double> exact = file.values(name + "/" + key);
            EXPECT_LE(golden::largest_difference(context.host().to_vector<float>(value), exact),
                      1e-6 * golden::largest(exact))
                << key;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Devices, OptimiserGolden, testing::Values("cpu", "simt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace cmtl
