#include "engine/operators/softmax_cross_entropy.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/softmax_cross_entropy.hpp"

namespace cmtl::testing {

namespace {

std::vector<OperatorCase> cross_entropy_cases() {
    std::vector<OperatorCase> cases;
    struct Row {
        const char* name;
        int64_t classes;
        std::vector<int64_t> labels;
        std::vector<double> weights{};
    };
    for (const Row& row : std::vector<Row>{{"one_of_one", 1, {0}},
                                           {"one_sample", 2, {1}},
                                           {"three_classes", 3, {2, 0, 1, 1, 0}},
                                           {"some_unknown", 3, {-1, 0, 2, -1, 1, -1}},
                                           {"one_known", 2, {-1, -1, 1, -1}},
                                           {"none_known", 2, {-1, -1, -1}},
                                           {"many_classes", 17, {16, 0, 8, -1, 3}},
                                           {"weighted", 3, {2, 0, -1, 1, 1, 0}, {0.5, 2, 1.25}},
                                           {"weightless_class", 2, {1, 0, -1, 1}, {0, 3}},
                                           {"weightless_labels", 2, {0, 0, -1}, {0, 3}}}) {
        OperatorCase c;
        c.name = row.name;
        c.inputs = {{static_cast<int64_t>(row.labels.size()), row.classes}};
        c.run = [row](Context& context, const std::vector<Tensor>& in) {
            const std::vector<float> weights(row.weights.begin(), row.weights.end());
            return softmax_cross_entropy(context, in[0], row.labels,
                                         weights.empty() ? Tensor() : context.from<float>({row.classes}, weights));
        };
        c.define = [row](const std::vector<Array>& in) {
            return reference::softmax_cross_entropy(in[0], row.labels, row.weights);
        };
        c.adjust = [](size_t, Array& values) {
            for (double& v : values.values) v *= 3;
        };
        c.same_bits_over_threads = true;
        cases.push_back(c);
    }
    return cases;
}

}  // namespace

INSTANTIATE_OPERATOR(SoftmaxCrossEntropy, cross_entropy_cases());

TEST(SoftmaxCrossEntropy, SurvivesLargeLogits) {
    Context context(on_test_device());
    const Array logits({3, 2}, std::vector<double>{1000, -1000, 1e6, 1e6, -3e4, 3e4});
    const std::vector<int64_t> labels{1, 0, 1};
    const Array loss = to_array(context, softmax_cross_entropy(context, to_tensor(context, logits), labels));
    expect_close(loss, reference::softmax_cross_entropy(to_array(context, to_tensor(context, logits)), labels), 1e-6, "loss");
    EXPECT_NEAR(loss[0], (2000 + std::log(2.0)) / 3, 1e-3);
}

TEST(SoftmaxCrossEntropy, NotANumberReachesTheLoss) {
    Context context(on_test_device());
    for (int64_t at = 0; at < 4; ++at) {
        Array logits({2, 2}, 1.0);
        logits[at] = std::numeric_limits<double>::quiet_NaN();
        EXPECT_TRUE(std::isnan(to_array(context, softmax_cross_entropy(context, to_tensor(context, logits), {0, 1}))[0])) << at;
        // A sample without label is not looked at.
        EXPECT_EQ(std::isnan(to_array(context, softmax_cross_entropy(context, to_tensor(context, logits), {-1, 1}))[0]), at >= 2) << at;
    }
}

TEST(SoftmaxCrossEntropy, RefusesLabelsOutOfRange) {
    Context context(on_test_device());
    const Tensor logits = context.zeros({2, 3});
    const auto kind_of = [&](const std::vector<int64_t>& labels) {
        try {
            softmax_cross_entropy(context, logits, labels);
        } catch (const Error& e) {
            EXPECT_TRUE(std::string_view(e.what()).starts_with("[softmax_cross_entropy] ")) << e.what();
            return e.kind();
        }
        ADD_FAILURE() << "accepted";
        return ErrorKind::partial;
    };
    EXPECT_EQ(kind_of({0, 3}), ErrorKind::input);
    EXPECT_EQ(kind_of({-2, 0}), ErrorKind::input);
    EXPECT_EQ(kind_of({0}), ErrorKind::internal);
    EXPECT_EQ(kind_of({0, 1, 2}), ErrorKind::internal);
    EXPECT_THROW(softmax_cross_entropy(context, logits, {0, 1}, context.zeros({2})), Error);  // weights of two classes
}

TEST(Softmax, AgreesWithItsDefinitionAndIsNotRecorded) {
    Context context(on_test_device());
    for (const Sizes& sizes : {Sizes{1, 1}, {3, 2}, {5, 3}, {2, 17}}) {
        Array logits = spread_values(sizes, 1);
        for (double& v : logits.values) v *= 8;
        Tensor x = to_tensor(context, logits);
        x.set_requires_grad();
        Tape tape(context);
        const Tensor p = softmax(context, x);
        EXPECT_EQ(tape.entries(), 0u);
        EXPECT_FALSE(p.requires_grad());
        expect_close(to_array(context, p), reference::softmax(to_array(context, x)), 1e-6, "probabilities");
    }
    EXPECT_THROW(softmax(context, context.zeros({3})), Error);
}

}  // namespace cmtl::testing
