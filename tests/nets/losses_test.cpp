// The multitask losses: their weights, their value, what they learn.
#include "nets/losses.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "base/error.hpp"
#include "device.hpp"
#include "engine/autograd.hpp"
#include "engine/operators/softmax_cross_entropy.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

using Labels = std::vector<std::vector<int64_t>>;

class Losses : public ::testing::Test {
  protected:
    Losses() {
        for (int64_t k = 0; k < 3; ++k)
            logits_.push_back(golden::uniform_tensor(context_, "logits" + std::to_string(k), {4, k < 2 ? 2 : 3}, 2.0f)
                                  .set_requires_grad());
    }
    MultitaskLoss make(const LossOptions& options) { return MultitaskLoss(context_, options, 3); }
    double entropy(size_t k) {
        return static_cast<double>(element(context_, softmax_cross_entropy(context_, logits_[k], labels_[k]), 0));
    }
    std::vector<double> values(const Tensor& weights) { return context_.to_vector<double>(weights); }
    static double sum(const std::vector<double>& w) { return std::accumulate(w.begin(), w.end(), 0.0); }

    Context context_{on_test_device()};
    std::vector<Tensor> logits_;
    Labels labels_{{0, 1, -1, 1}, {1, 1, 0, 0}, {2, -1, -1, 0}};
};

TEST_F(Losses, RandomWeightsAreTheMeanOfDirichletDraws) {
    const std::vector<double> alpha{1.0, 0.5, 2.5};
    const MultitaskLoss loss = make({.name = "random", .draws = 3, .alpha = alpha});
    for (uint64_t step : {uint64_t{0}, uint64_t{1}, uint64_t{1000}}) {
        const auto result = loss({context_, true, 42, step}, logits_, labels_);
        std::vector<double> expected(3, 0.0), draw(3);
        for (uint64_t i = 0; i < 3; ++i) {
            RandomStream({42, Purpose::loss_weights, step}, i).dirichlet(alpha, draw);
            for (size_t k = 0; k < 3; ++k) expected[k] += draw[k] / 3.0;
        }
        const std::vector<double> weights = values(result.weights);
        ASSERT_EQ(weights.size(), 3u);
        double total = 0.0;
        for (size_t k = 0; k < 3; ++k) {
            EXPECT_NEAR(weights[k], expected[k], 1e-15);
            EXPECT_GT(weights[k], 0.0);
            EXPECT_NEAR(element(context_, result.tasks[k], 0), entropy(k), 1e-7);
            total += expected[k] * entropy(k);
        }
        EXPECT_NEAR(sum(weights), 1.0, 1e-12);
        EXPECT_NEAR(element(context_, result.total, 0), total, 1e-6);
    }
}

TEST_F(Losses, RandomWeightsChangeWithStepAndSeed) {
    const MultitaskLoss loss = make({});
    const auto weights = [&](uint64_t seed, uint64_t step) {
        return values(loss({context_, true, seed, step}, logits_, labels_).weights);
    };
    EXPECT_EQ(weights(1, 1), weights(1, 1));
    EXPECT_NE(weights(1, 1), weights(1, 2));
    EXPECT_NE(weights(1, 1), weights(2, 1));
    // The mean of two draws from Dirichlet(1, 1, 1): expectation 1/3, variance (1/3)(2/3)/4 / 2.
    double mean = 0.0, square = 0.0;
    for (uint64_t step = 0; step < 2000; ++step) {
        const double w = weights(5, step)[0] - 1.0 / 3;
        mean += w / 2000;
        square += w * w / 2000;
    }
    EXPECT_NEAR(mean, 0.0, 5 * std::sqrt(1.0 / 36 / 2000));
    EXPECT_NEAR(square, 1.0 / 36, 0.1 / 36);
}

TEST_F(Losses, RandomWeightsOutsideTrainingAreTheirExpectation) {
    const auto result = make({.alpha = {1.0, 2.0, 1.0}})({context_}, logits_, labels_);
    EXPECT_EQ(values(result.weights), (std::vector<double>{0.25, 0.5, 0.25}));
}

TEST_F(Losses, EqualWeights) {
    const auto result = make({.name = "equal"})({context_, true}, logits_, labels_);
    EXPECT_EQ(values(result.weights), std::vector<double>(3, 1.0 / 3));
    EXPECT_NEAR(element(context_, result.total, 0), (entropy(0) + entropy(1) + entropy(2)) / 3, 1e-6);
}

TEST_F(Losses, FixedWeightsAreTakenAsGiven) {
    const auto result = make({.name = "fixed", .weights = {2.0, 0.0, 0.5}})({context_, true, 3, 4}, logits_, labels_);
    EXPECT_EQ(values(result.weights), (std::vector<double>{2.0, 0.0, 0.5}));
    EXPECT_NEAR(element(context_, result.total, 0), 2.0 * entropy(0) + 0.5 * entropy(2), 2e-6);
}

TEST_F(Losses, ClassWeightsCountInTrainingOnly) {
    const ClassWeights weights{{1.0, 3.0}, {0.5, 0.5}, {1.0, 1.0, 2.0}};
    const MultitaskLoss loss(context_, {.name = "equal"}, 3, weights);
    const auto training = loss({context_, true}, logits_, labels_), plain = loss({context_}, logits_, labels_);
    for (size_t k = 0; k < 3; ++k) {
        const std::vector<float> w(weights[k].begin(), weights[k].end());
        const Tensor expected = softmax_cross_entropy(context_, logits_[k], labels_[k],
                                                      context_.from<float>({static_cast<int64_t>(w.size())}, w));
        EXPECT_EQ(element(context_, training.tasks[k], 0), element(context_, expected, 0));
        EXPECT_NEAR(element(context_, plain.tasks[k], 0), entropy(k), 1e-7);
    }
    EXPECT_NE(element(context_, training.tasks[0], 0), element(context_, plain.tasks[0], 0));
    EXPECT_NEAR(element(context_, training.tasks[1], 0), entropy(1), 1e-6);  // equal weights are none
}

TEST_F(Losses, MicroBatchesOfAStepShareTheirRandomWeights) {
    const MultitaskLoss loss = make({});
    const auto weights = [&](uint64_t step) {
        return values(loss({context_, true, 9, step}, logits_, labels_).weights);
    };
    EXPECT_EQ(weights(micro_step(7, 0)), weights(7));
    EXPECT_EQ(weights(micro_step(7, 5)), weights(7));
    EXPECT_EQ(weights(micro_step(7, 255)), weights(7));
    EXPECT_NE(weights(micro_step(8, 5)), weights(7));
}

TEST_F(Losses, MissingLabelsAreLeftOut) {
    const MultitaskLoss loss = make({.name = "equal"});
    labels_[1] = {-1, -1, -1, -1};
    Tape tape(context_);
    const auto result = loss({context_, true}, logits_, labels_);
    EXPECT_EQ(element(context_, result.tasks[1], 0), 0.0f);
    tape.backward(result.total);
    for (const float g : context_.to_vector<float>(logits_[1].grad())) EXPECT_EQ(g, 0.0f);
    const std::vector<float> first = context_.to_vector<float>(logits_[0].grad());
    EXPECT_EQ(first[4], 0.0f);  // sample 2 of task 0 is unknown
    EXPECT_EQ(first[5], 0.0f);
    EXPECT_NE(first[0], 0.0f);
}

TEST_F(Losses, UncertaintyWeightsAreLearned) {
    const MultitaskLoss loss = make({.name = "uncertainty"});
    const std::vector<Parameter> parameters = loss.parameters();
    ASSERT_EQ(parameters.size(), 1u);
    EXPECT_EQ(parameters[0].name, "loss.log_variances");
    EXPECT_TRUE(parameters[0].trainable);
    Tensor s = parameters[0].value;
    Sgd sgd(context_, {{parameters[0].name, s}}, {.momentum = 0.0, .weight_decay = 0.0, .nesterov = false});
    double before = INFINITY;
    for (int step = 0; step < 200; ++step) {
        sgd.clear_gradients();
        Tape tape(context_);
        const auto result = loss({context_, true}, logits_, labels_);
        for (size_t k = 0; k < 3; ++k)
            EXPECT_NEAR(values(result.weights)[k], std::exp(-static_cast<double>(element(context_, s, k))), 1e-6);
        EXPECT_LE(element(context_, result.total, 0), before + 1e-6);
        before = element(context_, result.total, 0);
        tape.backward(result.total);
        sgd.step(0.2);
    }
    // exp(-s) CE + s / 2 is least where exp(s) = 2 CE.
    for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(element(context_, s, k), std::log(2.0 * entropy(k)), 1e-3);
}

TEST_F(Losses, OthersHaveNoParameters) {
    EXPECT_TRUE(make({}).parameters().empty());
    EXPECT_TRUE(make({.name = "equal"}).parameters().empty());
}

TEST_F(Losses, NonsenseIsNamed) {
    const auto refused = [&](const LossOptions& options, const std::string& part) {
        try {
            make(options);
            ADD_FAILURE() << part;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::usage);
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        }
    };
    refused({.name = "dwa"}, "loss 'dwa' is unknown: use random, equal, uncertainty or fixed");
    refused({.name = "fixed"}, "0 weights for 3 tasks");
    refused({.name = "fixed", .weights = {1.0, 1.0}}, "2 weights for 3 tasks");
    refused({.name = "fixed", .weights = {1.0, 1.0, -1.0}}, "weight -1");
    refused({.draws = 0}, "draws 0");
    refused({.alpha = {1.0, 1.0}}, "alpha has 2 values for 3 tasks");
    refused({.alpha = {1.0, 1.0, 0.0}}, "alpha 0 is not positive");
}

}  // namespace
}  // namespace cmtl
