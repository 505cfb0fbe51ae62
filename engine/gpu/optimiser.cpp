#include "kernels/optimiser.hpp"

#include "engine/gpu/device_buffer.hpp"
#include "engine/gpu/target.hpp"
#include "engine/optimiser_problem.hpp"

namespace cmtl {

namespace {

const double* last_of(const Tensor& guard) {
    return guard.defined() ? guard.device_data<double>() + guard.count() - 1 : nullptr;
}

kernels::UpdateControl* control_of(const Tensor& control) {
    return reinterpret_cast<kernels::UpdateControl*>(control.device_data<double>());
}

void sgd(Context& context, const SgdProblem& p, const std::vector<SgdTensors>& tensors, const Tensor& guard,
         const Tensor& control) {
    const kernels::SgdUpdate u{static_cast<float>(p.learning_rate),
                               context.queue().step_state(),
                               static_cast<float>(p.options.momentum),
                               static_cast<float>(p.options.weight_decay),
                               p.options.nesterov,
                               last_of(guard),
                               control.defined() ? &control_of(control)->scale : nullptr};
    std::vector<kernels::SgdTensor> table;
    for (const SgdTensors& t : tensors)
        table.push_back({t.weight.device_data<float>(), t.velocity.device_data<float>(),
                         t.gradient.device_data<float>(), t.weight.count()});
    on_target(context, [&]<class Target>(Target) {
        kernels::sgd_step<Target>(context.stream(), u, table.data(), static_cast<int64_t>(table.size()));
    });
}

void adamw(Context& context, const AdamWProblem& p, const std::vector<AdamWTensors>& tensors, const Tensor& guard,
           const Tensor& control) {
    const kernels::AdamWUpdate u{static_cast<float>(1 - p.options.betas[0]),
                                 static_cast<float>(p.options.betas[1]),
                                 static_cast<float>(1 - p.options.betas[1]),
                                 static_cast<float>(p.options.epsilon),
                                 last_of(guard),
                                 control_of(control)};
    std::vector<kernels::AdamWTensor> table;
    for (const AdamWTensors& t : tensors)
        table.push_back({t.weight.device_data<float>(), t.mean.device_data<float>(), t.square.device_data<float>(),
                         t.gradient.device_data<float>(), t.weight.count()});
    on_target(context, [&]<class Target>(Target) {
        kernels::adamw_step<Target>(context.stream(), u, table.data(), static_cast<int64_t>(table.size()));
    });
}

void prepare(Context& context, const PrepareProblem& p, const std::vector<Tensor>& gradients, const Tensor& guard,
             const Tensor& control) {
    const kernels::UpdateRules rules{
        p.learning_rate,      context.queue().step_state(), p.clip_norm,          p.micro_batches,
        p.betas_and_decay[0], p.betas_and_decay[1],         p.betas_and_decay[2], last_of(guard)};
    std::vector<kernels::GradientTensor> table;
    int64_t blocks = 0;
    if (p.clip_norm > 0)
        for (const Tensor& gradient : gradients) {
            table.push_back({gradient.device_data<float>(), gradient.count()});
            blocks += kernels::update_blocks(gradient.count());
        }
    const Tensor sums = blocks ? context.empty({blocks}, Dtype::f64) : Tensor();
    on_target(context, [&]<class Target>(Target) {
        if (blocks)
            kernels::sum_squares<Target>(context.stream(), table.data(), static_cast<int64_t>(table.size()),
                                         sums.device_data<double>());
        kernels::prepare_update<Target>(context.stream(), rules, sums.device_data<double>(), blocks,
                                        control_of(control));
    });
}

template <class Problem>
Refusal supports(const Context& context, const Problem&) {
    return only_on_gpu(context);
}

}  // namespace

std::vector<SgdUpdate> gpu_sgd_update() { return {{"kernel", supports<SgdProblem>, sgd}}; }
std::vector<AdamWUpdate> gpu_adamw_update() { return {{"kernel", supports<AdamWProblem>, adamw}}; }
std::vector<PrepareUpdate> gpu_prepare_update() { return {{"kernel", supports<PrepareProblem>, prepare}}; }

}  // namespace cmtl
