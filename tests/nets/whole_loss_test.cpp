// The gradient of the whole multitask loss beside central differences of its definition in doubles (tests/reference).
//
// ReLUs and maxima make the loss smooth in pieces only. Every difference is taken inside one piece: the reference notes on
// which side of each of its kinks it went. Among half a million kinks one may lie so close that single precision takes its
// other side: that moves early gradients by 1e-3 on that volume. A wrong gradient is wrong on every volume, so of four
// volumes one must agree in every part of the network.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <ostream>
#include <random>

#include "device.hpp"
#include "engine/autograd.hpp"
#include "nets/losses.hpp"
#include "reference/covid_mtl.hpp"

namespace cmtl {

namespace {

using reference::Array;
using reference::Kinks;
using reference::Parameters;

Array normal_values(const reference::Sizes& sizes, uint64_t seed) {
    Array a(sizes);
    std::mt19937_64 engine(seed);
    const auto uniform = [&] { return (static_cast<double>(engine() >> 12) + 0.5) * 0x1p-52; };
    for (double& v : a.values) {
        const double u = uniform();
        const double angle = uniform();
        v = static_cast<double>(static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * angle)));
    }
    return a;
}

Tensor to_tensor(Context& context, const Array& a) {
    return context.from<float>(Shape(std::span<const int64_t>(a.sizes)), std::vector<float>(a.values.begin(), a.values.end()));
}

Array to_array(Context& context, const Tensor& t) {
    const std::vector<float> values = context.to_vector<float>(t);
    return Array({t.shape().sizes().begin(), t.shape().sizes().end()}, std::vector<double>(values.begin(), values.end()));
}

struct Setting {
    const char* name;
    bool training;
    const char* loss;
    reference::Sizes volume;
    friend void PrintTo(const Setting& s, std::ostream* out) { *out << s.name; }
};

class WholeLoss : public ::testing::TestWithParam<Setting> {};

struct Problem {
    Array volume, features;
    std::vector<std::vector<int64_t>> labels{{1, 0}, {0, -1}, {2, 1}};
    std::vector<double> weights;
    std::vector<int32_t> plan;
    bool training = false;

    double loss(Parameters parameters, Kinks& kinks) const {  // a copy: running statistics move
        return reference::covid_mtl_loss(volume, features, parameters, labels, weights, training, training ? &plan : nullptr, &kinks);
    }
};

// Derivative of the loss along `direction`; empty when a kink flips at every step.
std::optional<double> finite_difference(const Problem& problem, const Parameters& parameters, const Parameters& direction, double slope) {
    Kinks here;
    problem.loss(parameters, here);
    // The largest step, measured by how far it moves the loss, that stays inside one smooth piece.
    for (double change = 1e-6; change >= 1e-10; change /= 10) {
        const double step = change / std::abs(slope);
        const auto moved = [&](double by, Kinks& kinks) {
            Parameters at = parameters;
            for (const auto& [name, d] : direction)
                for (int64_t i = 0; i < d.count(); ++i) at[name][i] += by * d[i];
            return problem.loss(at, kinks);
        };
        Kinks up, down;
        const double above = moved(step, up);
        if (up.digest != here.digest) continue;
        const double below = moved(-step, down);
        if (down.digest == here.digest) return (above - below) / (2 * step);
    }
    return {};
}

// Largest deviation of a directional derivative on this volume, of the sum of its terms' magnitudes; NaN when none could be taken.
double worst_deviation(const Setting& setting, uint64_t seed, std::string& report) {
    Context context(on_test_device());
    ModelOptions options;
    options.dropout = 0;
    const CovidMtl model(context, options, 3);
    const MultitaskLoss multitask(context, {.name = setting.loss, .alpha = {}}, 3);

    // Scales and shifts away from 1 and 0, running statistics away from 0 and 1: nothing cancels by chance.
    Parameters parameters;
    uint64_t draw = 1000 * seed;
    for (const Parameter& p : model.parameters()) {
        Array values = to_array(context, p.value);
        const Array noise = normal_values(values.sizes, draw++);
        const bool norm = p.name.find("bn.") != std::string::npos || p.name.find("convbn.1.") != std::string::npos;
        for (int64_t i = 0; i < values.count(); ++i) {
            if (norm) values[i] = p.name.ends_with("running_var") ? 1 + 0.3 * std::abs(noise[i]) : values[i] + 0.1 * noise[i];
            values[i] = static_cast<double>(static_cast<float>(values[i]));
        }
        context.write<float>(p.value, std::vector<float>(values.values.begin(), values.values.end()));
        parameters[p.name] = values;
    }

    Problem problem;
    problem.volume = normal_values(setting.volume, draw++);
    problem.features = normal_values({2, 375}, draw++);
    problem.training = setting.training;
    problem.plan.assign(2 * 64 * 2, 0);
    for (size_t c = 0; c < 64; ++c) {  // the first sample shifts
        problem.plan[2 * c] = static_cast<int32_t>(c % 3);
        problem.plan[2 * c + 1] = static_cast<int32_t>(c % 5) - 2;
    }

    const Pass pass{context, setting.training, 7, 11};
    const Tensor volume = to_tensor(context, problem.volume), features = to_tensor(context, problem.features);
    Tape tape(context);
    const auto result = multitask(pass, model.forward(pass, volume, features, context.from<int32_t>({2, 64, 2}, problem.plan)), problem.labels);
    problem.weights = context.to_vector<double>(result.weights);
    tape.backward(result.total);
    EXPECT_FALSE(volume.grad().defined());

    Kinks kinks;
    const double loss = problem.loss(parameters, kinks);
    EXPECT_NEAR(static_cast<double>(element(context, result.total, 0)), loss, 1e-4 * loss);

    // One direction per part of the network, all of a part's parameters moving at once; the last one moves everything.
    double worst = 0;
    for (const char* part : {"features.convbn", "features.features.1.", "features.features.2.", "features.features.5.",
                             "features.features.8.", "features.features.10.", "features.features.11.", "radioFNN.", "classifier1",
                             "classifier2", "classifier3", ""}) {
        Parameters direction;
        double slope = 0, size = 0;
        for (const Parameter& p : model.parameters()) {
            if (!p.trainable || !p.name.starts_with(part)) continue;
            const Array gradient = to_array(context, p.value.grad());
            // Random, but leaning towards the gradient: the slope is not what noise leaves of millions of terms.
            Array d = normal_values(gradient.sizes, draw++);
            double square = 0;
            for (double g : gradient.values) square += g * g;
            const double typical = std::sqrt(square / static_cast<double>(gradient.count())) + 1e-12;
            for (int64_t i = 0; i < d.count(); ++i) {
                d[i] = 0.5 * d[i] + gradient[i] / typical;
                slope += d[i] * gradient[i];
                size += std::abs(d[i] * gradient[i]);
            }
            direction[p.name] = d;
        }
        const std::optional<double> difference = finite_difference(problem, parameters, direction, slope);
        const double deviation = difference ? std::abs(slope - *difference) / size : std::nan("");
        report += fmt::format("  '{}': slope {}, central difference {}, deviation {:.1e}\n", part, slope, difference.value_or(NAN), deviation);
        if (!(deviation <= worst)) worst = deviation;
    }
    return worst;
}

}  // namespace

TEST_P(WholeLoss, GradientsAgreeWithFiniteDifferences) {
    std::string report;
    for (uint64_t seed : {1, 2, 3, 4}) {
        report += fmt::format("volume {}\n", seed);
        if (worst_deviation(GetParam(), seed, report) <= 2e-5) return;
    }
    ADD_FAILURE() << "no volume agrees within 2e-5\n" << report;
}

INSTANTIATE_TEST_SUITE_P(CovidMtl, WholeLoss,
                         ::testing::Values(Setting{"training_random_weights", true, "random", {2, 33, 33, 34, 1}},
                                           Setting{"evaluation_equal_weights", false, "equal", {2, 17, 18, 33, 1}}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace cmtl
