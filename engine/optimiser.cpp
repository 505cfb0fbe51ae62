#include "engine/optimiser.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "engine/optimiser_problem.hpp"

namespace cmtl {
Sgd::Sgd(Context& context, NamedTensors parameters, const SgdOptions& options)
    : context_(context), parameters_(std::move(parameters)), options_(options) {
    for (const auto& [name, parameter] : parameters_)
        require(parameter.defined() && parameter.dtype() == Dtype::f32 && parameter.requires_grad(), "sgd",
                "parameter '{}' is not an f32 leaf that requires a gradient", name);
}

void Sgd::step(double learning_rate, const Tensor& guard) {
    static const auto list = joined(cpu_sgd_update(), gpu_sgd_update());
    if (velocity_.empty())
        for (const auto& [name, parameter] : parameters_) velocity_.push_back(context_.zeros(parameter.shape()));
    std::vector<SgdTensors> tensors;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        const auto& [name, parameter] = parameters_[i];
        const Tensor gradient = parameter.grad();
        if (!gradient.defined()) continue;
        require(gradient.shape() == parameter.shape(), "sgd", "'{}' is {}, its gradient {}", name,
                parameter.shape().text(), gradient.shape().text());
        tensors.push_back({parameter.detach(), velocity_[i], gradient});
    }
    run_first(context_, "sgd", list, SgdProblem{options_, learning_rate, tensors.size()}, tensors, guard);
}

void Sgd::clear_gradients() {
    for (auto& [name, parameter] : parameters_) parameter.clear_grad();
}

NamedTensors Sgd::state() const {
    NamedTensors state;
    for (size_t i = 0; i < velocity_.size(); ++i) state.emplace_back("momentum/" + parameters_[i].first, context_.to_host(velocity_[i]));
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
            velocity.push_back(context_.on_gpu() ? context_.to_device(value) : context_.copy(value));
        }
    }
    velocity_ = std::move(velocity);
}

double cosine_schedule(double base, int64_t step, int64_t steps) {
    if (step >= steps) return 0.0;
    return 0.5 * base * (1.0 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps)));
}

}  // namespace cmtl
