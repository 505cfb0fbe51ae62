#include "engine/operators/multitask_loss.hpp"

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/multitask_loss.hpp"

namespace cmtl::testing {

namespace {

std::vector<OperatorCase> weighted_sum_cases() {
    std::vector<OperatorCase> cases;
    for (const std::vector<double>& weights : {std::vector<double>{1}, {0.25, 0.75}, {1.0 / 3, 1.0 / 3, 1.0 / 3}, {0, 1, 0.5, 3}}) {
        OperatorCase c;
        c.name = "tasks" + std::to_string(weights.size());
        c.inputs.assign(weights.size(), {1});
        c.run = [weights](Context& context, const std::vector<Tensor>& in) { return weighted_sum(context, in, weights); };
        c.define = [weights](const std::vector<Array>& in) { return reference::weighted_sum(in, weights); };
        // One spread value alone is always 0.25 / n: make them differ.
        c.adjust = [](size_t input, Array& values) { values[0] = 0.3 + 0.7 * static_cast<double>(input); };
        c.step = 1e-2;
        c.same_bits_over_threads = true;
        cases.push_back(c);
    }
    return cases;
}

std::vector<OperatorCase> uncertainty_sum_cases() {
    std::vector<OperatorCase> cases;
    for (int64_t tasks : {1, 2, 3}) {
        OperatorCase c;
        c.name = "tasks" + std::to_string(tasks);
        c.inputs.assign(static_cast<size_t>(tasks), {1});
        c.inputs.push_back({tasks});
        c.run = [](Context& context, const std::vector<Tensor>& in) {
            return uncertainty_sum(context, {in.begin(), in.end() - 1}, in.back());
        };
        c.define = [](const std::vector<Array>& in) {
            return reference::uncertainty_sum({in.begin(), in.end() - 1}, in.back());
        };
        c.adjust = [tasks](size_t input, Array& values) {
            if (input < static_cast<size_t>(tasks)) values[0] = 0.3 + 0.7 * static_cast<double>(input);
        };
        c.same_bits_over_threads = true;
        cases.push_back(c);
    }
    return cases;
}

}  // namespace

INSTANTIATE_OPERATOR(WeightedSum, weighted_sum_cases());
INSTANTIATE_OPERATOR(UncertaintySum, uncertainty_sum_cases());

TEST(WeightedSum, NotANumberReachesTheTotal) {
    Context context(on_test_device());
    const Tensor bad = context.full({1}, std::numeric_limits<float>::quiet_NaN()), good = context.full({1}, 1);
    EXPECT_TRUE(std::isnan(element(context, weighted_sum(context, {good, bad}, {0.5, 0.5}))));
    EXPECT_TRUE(std::isnan(element(context, uncertainty_sum(context, {good, bad}, context.zeros({2})))));
}

TEST(WeightedSum, RefusesWhatDoesNotFit) {
    Context context(on_test_device());
    const Tensor one = context.full({1}, 1);
    const auto refused = [&](const char* tag, auto&& call) {
        try {
            call();
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::internal);
            EXPECT_TRUE(std::string_view(e.what()).starts_with(std::string("[") + tag + "]")) << e.what();
            return;
        }
        ADD_FAILURE() << tag << " accepted it";
    };
    refused("weighted_sum", [&] { weighted_sum(context, {}, std::vector<double>{}); });
    refused("weighted_sum", [&] { weighted_sum(context, {one}, std::vector<double>{0.5, 0.5}); });
    refused("weighted_sum", [&] { weighted_sum(context, {context.zeros({2})}, std::vector<double>{1}); });
    refused("uncertainty_sum", [&] { uncertainty_sum(context, {one, one}, context.zeros({3})); });
}

}  // namespace cmtl::testing
