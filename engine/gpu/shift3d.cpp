#include "kernels/shift3d.hpp"

#include <limits>

#include "engine/gpu/draw_key.hpp"
#include "engine/gpu/target.hpp"
#include "engine/operators/shift3d_problem.hpp"

namespace cmtl {

namespace {

void draw_plan(Context& context, const Shift3dPlanProblem& p, const Tensor& plan) {
    const kernels::Shift3dSizes sizes{p.x[0], p.x[1], p.x[2], p.x[3], p.x[4]};
    const kernels::Shift3dDraw draw{shift3d_probability(p.options, p.key.step), p.options.max_shift, p.options.whole_batch};
    on_target(context, [&]<class Target>(Target) {
        kernels::shift3d_plan<Target>(context.stream(), sizes, draw_key(context, p.key), draw, plan.device_data<int32_t>());
    });
}

void gather(Context& context, const Shift3dProblem& p, const Tensor& x, const Tensor& plan, const Tensor& y) {
    on_target(context, [&]<class Target>(Target) {
        kernels::shift3d_gather<Target>(context.stream(), {p.n, p.d, p.h, p.w, p.channels}, p.fill ? &*p.fill : nullptr, p.inverse,
                                        x.device_data<float>(), plan.device_data<int32_t>(), y.device_data<float>());
    });
}

Refusal plans(const Context& context, const Shift3dPlanProblem&) { return only_on_gpu(context); }

// Offsets within a row and the number of blocks are 32-bit integers.
Refusal gathers(const Context& context, const Shift3dProblem& p) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    if (p.w * p.channels > most || p.n * p.d * p.h * p.channels > most) return "rows or their number are above 2^31";
    return only_on_gpu(context);
}

}  // namespace

std::vector<Shift3dPlan> gpu_shift3d_plan() { return {{"kernel", plans, draw_plan}}; }
std::vector<Shift3d> gpu_shift3d() { return {{"kernel", gathers, gather}}; }

}  // namespace cmtl
