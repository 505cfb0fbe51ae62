#include "kernels/dropout.hpp"

#include "engine/gpu/draw_key.hpp"
#include "engine/gpu/target.hpp"
#include "engine/operators/dropout_problem.hpp"

namespace cmtl {

namespace {

void run(Context& context, const DropoutProblem& p, const Tensor& x, const Tensor& y) {
    on_target(context, [&]<class Target>(Target) {
        if (p.channels > 0)
            return kernels::channel_dropout<Target>(context.stream(), p.count, p.sample, p.channels, p.p, draw_key(context, p.key),
                                                    x.device_data<float>(), y.device_data<float>());
        kernels::dropout<Target>(context.stream(), p.count, p.p, draw_key(context, p.key), x.device_data<float>(), y.device_data<float>());
    });
}

Refusal supports(const Context& context, const DropoutProblem&) { return only_on_gpu(context); }

}  // namespace

std::vector<Dropout> gpu_dropout() { return {{"kernel", supports, run}}; }

}  // namespace cmtl
