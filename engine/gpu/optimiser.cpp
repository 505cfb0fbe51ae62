#include "kernels/optimiser.hpp"

#include "engine/gpu/device_queue.hpp"
#include "engine/gpu/target.hpp"
#include "engine/optimiser_problem.hpp"

namespace cmtl {

namespace {

void update(Context& context, const SgdProblem& p, const std::vector<SgdTensors>& tensors, const Tensor& guard) {
    const kernels::SgdUpdate u{static_cast<float>(p.learning_rate), context.queue().step_state(), static_cast<float>(p.options.momentum),
                               static_cast<float>(p.options.weight_decay), p.options.nesterov,
                               guard.defined() ? guard.device_data<double>() + guard.count() - 1 : nullptr};
    std::vector<kernels::SgdTensor> table;
    for (const SgdTensors& t : tensors)
        table.push_back({t.weight.device_data<float>(), t.velocity.device_data<float>(), t.gradient.device_data<float>(), t.weight.count()});
    on_target(context, [&]<class Target>(Target) {
        kernels::sgd_step<Target>(context.stream(), u, table.data(), static_cast<int64_t>(table.size()));
    });
}

Refusal supports(const Context& context, const SgdProblem&) { return only_on_gpu(context); }

}  // namespace

std::vector<SgdUpdate> gpu_sgd_update() { return {{"kernel", supports, update}}; }

}  // namespace cmtl
