#include "engine/optimiser.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "engine/operators/elementwise_problem.hpp"
#include "engine/optimiser_problem.hpp"
#include "kernels/optimiser.hpp"

namespace cmtl {

namespace {
constexpr int64_t control_norm_sum = 1;  // place in the control

const Tensor* find(const NamedTensors& tensors, const std::string& name) {
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
    return found == tensors.end() ? nullptr : &found->second;
}
}  // namespace

Optimiser::Optimiser(Context& context, NamedTensors parameters, const char* tag, std::vector<std::string> moments)
    : context_(context), parameters_(std::move(parameters)), tag_(tag), names_(std::move(moments)) {
    for (const auto& [name, parameter] : parameters_)
        require(parameter.defined() && parameter.dtype() == Dtype::f32 && parameter.requires_grad(), tag_,
                "parameter '{}' is not an f32 leaf that requires a gradient", name);
}

const Tensor& Optimiser::control() {
    if (!control_.defined()) control_ = context_.zeros({kernels::update_control_values}, Dtype::f64);
    return control_;
}

void Optimiser::step(double learning_rate, const Tensor& guard, int64_t micro_batches) {
    static const auto prepare = joined(cpu_prepare_update(), gpu_prepare_update());
    require(micro_batches >= 1, tag_, "the mean of {} micro-batches", micro_batches);
    if (moments_.empty()) {
        moments_.resize(names_.size());
        for (auto& moment : moments_)
            for (const auto& [name, parameter] : parameters_) moment.push_back(context_.zeros(parameter.shape()));
    }
    std::vector<Moving> tensors;
    std::vector<Tensor> gradients;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        const auto& [name, parameter] = parameters_[i];
        const Tensor gradient = parameter.grad();
        if (!gradient.defined()) continue;
        require(gradient.shape() == parameter.shape(), tag_, "'{}' is {}, its gradient {}", name,
                parameter.shape().text(), gradient.shape().text());
        Moving& moving = tensors.emplace_back(Moving{parameter.detach(), gradient, {}});
        for (size_t m = 0; m < moments_.size(); ++m) moving.moments[m] = moments_[m][i];
        gradients.push_back(gradient);
    }
    const bool controlled = needs_control() || clip_norm_ > 0 || micro_batches > 1;
    if (controlled)
        run_first(context_, "prepare_update", prepare,
                  PrepareProblem{learning_rate, clip_norm_, micro_batches, betas_and_decay(), tensors.size()},
                  gradients, guard, control());
    update(learning_rate, tensors, guard, controlled ? control_ : Tensor());
}

void Optimiser::clear_gradients() {
    for (auto& [name, parameter] : parameters_) parameter.clear_grad();
}

void Optimiser::zero_gradients() {
    static const auto fill = joined(cpu_fill(), gpu_fill());
    for (auto& [name, parameter] : parameters_) {
        Tensor& gradient = parameter.slot()->gradient;
        if (gradient.defined())
            run_first(context_, "fill", fill, ElementwiseProblem{gradient.count()}, 0.0f, gradient);
        else
            gradient = context_.zeros(parameter.shape());
    }
}

double Optimiser::norm_sum() const {
    return control_.defined() ? context_.to_vector<double>(control_)[control_norm_sum] : 0;
}

void Optimiser::set_norm_sum(double sum) {
    if (sum == 0 && !control_.defined()) return;
    std::vector<double> values = context_.to_vector<double>(control());
    values[control_norm_sum] = sum;
    context_.write<double>(control_, values);
}

NamedTensors Optimiser::state() const {
    NamedTensors state;
    for (size_t m = 0; m < moments_.size(); ++m)
        for (size_t i = 0; i < parameters_.size(); ++i)
            state.emplace_back(names_[m] + "/" + parameters_[i].first, context_.to_host(moments_[m][i]));
    return state;
}

void Optimiser::restore(const NamedTensors& state) {
    const auto known = [&](const auto& entry) {
        return std::ranges::any_of(names_,
                                   [&](const std::string& name) { return entry.first.starts_with(name + "/"); });
    };
    std::vector<std::vector<Tensor>> moments;
    if (std::ranges::any_of(state, known)) {
        for (const std::string& moment : names_) {
            auto& values = moments.emplace_back();
            for (const auto& [name, parameter] : parameters_) {
                const std::string full = moment + "/" + name;
                const Tensor* value = find(state, full);
                if (!value)
                    fail(ErrorKind::input, tag_, "the optimiser's state lacks {}: it belongs to another model", full);
                if (value->dtype() != Dtype::f32 || value->shape() != parameter.shape())
                    fail(ErrorKind::input, tag_, "{} is {} {}, but the parameter is f32 {}", full,
                         name_of(value->dtype()), value->shape().text(), parameter.shape().text());
                values.push_back(context_.on_gpu() ? context_.to_device(*value) : context_.copy(*value));
            }
        }
    }
    moments_ = std::move(moments);
}

Sgd::Sgd(Context& context, NamedTensors parameters, const SgdOptions& options)
    : Optimiser(context, std::move(parameters), "sgd", {"momentum"}), options_(options) {}

void Sgd::update(double learning_rate, const std::vector<Moving>& tensors, const Tensor& guard, const Tensor& control) {
    static const auto list = joined(cpu_sgd_update(), gpu_sgd_update());
    std::vector<SgdTensors> table;
    for (const Moving& t : tensors) table.push_back({t.weight, t.moments[0], t.gradient});
    run_first(context_, "sgd", list, SgdProblem{options_, learning_rate, table.size()}, table, guard, control);
}

AdamW::AdamW(Context& context, NamedTensors parameters, const AdamWOptions& options)
    : Optimiser(context, std::move(parameters), "adamw", {"exp_avg", "exp_avg_sq"}), options_(options) {
    for (const double beta : options.betas) require(beta >= 0 && beta < 1, tag_, "beta {} is outside [0, 1)", beta);
    require(options.epsilon >= 0, tag_, "epsilon {} is negative", options.epsilon);
}

void AdamW::update(double, const std::vector<Moving>& tensors, const Tensor& guard, const Tensor& control) {
    static const auto list = joined(cpu_adamw_update(), gpu_adamw_update());
    std::vector<AdamWTensors> table;
    for (const Moving& t : tensors) table.push_back({t.weight, t.moments[0], t.moments[1], t.gradient});
    run_first(context_, "adamw", list, AdamWProblem{options_, table.size()}, table, guard, control);
}

NamedTensors AdamW::state() const {
    NamedTensors state = Optimiser::state();
    if (state.empty()) return state;
    const auto steps = static_cast<int64_t>(context_.to_vector<double>(control_)[0]);
    state.emplace_back("optimiser.step", context_.host().from<int64_t>({1}, std::vector<int64_t>{steps}));
    return state;
}

void AdamW::restore(const NamedTensors& state) {
    const Tensor* steps = find(state, "optimiser.step");
    const bool fresh =
        std::ranges::none_of(state, [](const auto& entry) { return entry.first.starts_with("exp_avg/"); });
    if (!fresh && (!steps || steps->dtype() != Dtype::i64 || steps->count() != 1))
        fail(ErrorKind::input, tag_,
             "the optimiser's state lacks optimiser.step, one whole number: it belongs to another model");
    Optimiser::restore(state);
    control_ = Tensor();
    if (fresh) return;
    std::vector<double> control(kernels::update_control_values, 0.0);
    control[0] = static_cast<double>(context_.to_vector<int64_t>(*steps)[0]);
    control_ = context_.from<double>({kernels::update_control_values}, control);
}

double cosine_schedule(double base, int64_t step, int64_t steps) {
    if (step >= steps) return 0.0;
    return 0.5 * base * (1.0 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps)));
}

}  // namespace cmtl
