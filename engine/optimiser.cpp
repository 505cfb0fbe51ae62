#include "engine/optimiser.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/cpu_dispatch.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"

namespace cmtl {
namespace {

struct Update {
    float learning_rate, momentum, weight_decay;
    bool nesterov;
};

CMTL_MULTIARCH void update(float* __restrict weight, float* __restrict velocity, const float* __restrict gradient,
                           int64_t count, const Update& u) {
    // Plain momentum steps along v, Nesterov's along g + momentum v.
    const float share = u.nesterov ? 1.0f : 0.0f, ahead = u.nesterov ? u.momentum : 1.0f;
    for (int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] + u.weight_decay * weight[i];
        const float v = u.momentum * velocity[i] + g;
        velocity[i] = v;
        weight[i] -= u.learning_rate * (share * g + ahead * v);
    }
}

}  // namespace

Sgd::Sgd(Context& context, NamedTensors parameters, const SgdOptions& options)
    : context_(context), parameters_(std::move(parameters)), options_(options) {
    for (const auto& [name, parameter] : parameters_)
        require(parameter.defined() && parameter.dtype() == Dtype::f32 && parameter.requires_grad(), "sgd",
                "parameter '{}' is not an f32 leaf that requires a gradient", name);
}

void Sgd::step(double learning_rate) {
    if (velocity_.empty())
        for (const auto& [name, parameter] : parameters_) velocity_.push_back(context_.zeros(parameter.shape()));
    const Update u{static_cast<float>(learning_rate), static_cast<float>(options_.momentum),
                   static_cast<float>(options_.weight_decay), options_.nesterov};
    for (size_t i = 0; i < parameters_.size(); ++i) {
        const auto& [name, parameter] = parameters_[i];
        const Tensor gradient = parameter.grad();
        if (!gradient.defined()) continue;
        require(gradient.shape() == parameter.shape(), "sgd", "'{}' is {}, its gradient {}", name,
                parameter.shape().text(), gradient.shape().text());
        float* weight = parameter.data<float>();
        float* velocity = velocity_[i].data<float>();
        const float* slope = gradient.data<float>();
        parallel_ranges(
            parameter.count(),
            [&](int64_t begin, int64_t end) {
                update(weight + begin, velocity + begin, slope + begin, end - begin, u);
            },
            1 << 15);
    }
}

void Sgd::clear_gradients() {
    for (auto& [name, parameter] : parameters_) parameter.clear_grad();
}

NamedTensors Sgd::state() const {
    NamedTensors state;
    for (size_t i = 0; i < velocity_.size(); ++i) state.emplace_back("momentum/" + parameters_[i].first, velocity_[i]);
    return state;
}

void Sgd::restore(const NamedTensors& state) {
    std::vector<Tensor> velocity;
    const bool fresh = std::none_of(state.begin(), state.end(),
                                    [](const auto& entry) { return entry.first.starts_with("momentum/"); });
    if (!fresh) {
        for (const auto& [name, parameter] : parameters_) {
            const auto found = std::find_if(state.begin(), state.end(),
                                            [&](const auto& entry) { return entry.first == "momentum/" + name; });
            if (found == state.end())
                fail(ErrorKind::input, "sgd", "the optimiser's state lacks momentum/{}: it belongs to another model",
                     name);
            const Tensor& value = found->second;
            if (value.dtype() != Dtype::f32 || value.shape() != parameter.shape())
                fail(ErrorKind::input, "sgd", "momentum/{} is {} {}, but the parameter is f32 {}", name,
                     name_of(value.dtype()), value.shape().text(), parameter.shape().text());
            velocity.push_back(context_.copy(value));
        }
    }
    velocity_ = std::move(velocity);
}

double cosine_schedule(double base, int64_t step, int64_t steps) {
    if (step >= steps) return 0.0;
    return 0.5 * base * (1.0 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps)));
}

}  // namespace cmtl
