// A fire module's end on devices: the statistics of both halves, then one kernel for batch norm, concatenation, bypass and ReLU
// (kernels/fire_join.cuh). No tensor is made but the result; kept for the backward pass are what came in and, with a bypass, the
// result, which the next operator keeps anyway. Gradients take the place of what they are made of.
#include "kernels/fire_join.hpp"

#include "engine/autograd.hpp"
#include "engine/gpu/target.hpp"
#include "engine/operators/batch_norm3d_problem.hpp"
#include "engine/operators/fire_join_problem.hpp"

namespace cmtl {

namespace {

// One half as its kernels and its backward pass want it: its tensors without their places on the tape, statistics, scratch memory.
struct Norm {
    kernels::BatchNorm3dSizes sizes;
    FireJoinHalf half;
    BatchNorm3dStatistics statistics;

    Norm(Context& c, const FireJoinHalf& h, int64_t rows, int64_t channels)
        : sizes{rows, channels},
          half{h.x.detach(), h.scale.detach(), h.shift.detach(), h.running_mean.detach(), h.running_variance.detach()},
          statistics{c.empty({channels}), c.empty({channels}), c.empty({channels})} {}

    Tensor scratch(Context& c) const { return c.empty({static_cast<int64_t>(kernels::batch_norm3d_scratch(sizes))}, Dtype::u8); }
    kernels::BatchNorm3dSaved saved() const {
        const auto& s = statistics;
        return {s.mean.device_data<float>(), s.mean_rest.device_data<float>(), s.inverse_deviation.device_data<float>()};
    }
    kernels::BatchNorm3dForwardArguments forward(const FireJoinOptions& o, const Tensor& scratch) const {
        return {.sizes = sizes,
                .training = o.training,
                .relu = false,
                .eps = o.eps,
                .momentum = o.momentum,
                .x = half.x.device_data<float>(),
                .scale = half.scale.device_data<float>(),
                .shift = half.shift.device_data<float>(),
                .running_mean = half.running_mean.device_data<float>(),
                .running_variance = half.running_variance.device_data<float>(),
                .y = nullptr,
                .saved = saved(),
                .scratch = scratch.device_data<uint8_t>()};
    }
};

// The gradients of one half.
struct NormGradients {
    Tensor x, scale, shift, scratch;

    NormGradients(Context& c, const Norm& n)
        : x(n.half.x.unique() ? n.half.x : c.empty(n.half.x.shape())),  // used for the last time: its gradient takes its place
          scale(c.empty({n.sizes.channels})),
          shift(c.empty({n.sizes.channels})),
          scratch(n.scratch(c)) {}

    kernels::BatchNorm3dBackwardArguments backward(const Norm& n, bool training) const {
        return {.sizes = n.sizes,
                .training = training,
                .relu = false,
                .x = n.half.x.device_data<float>(),
                .dy = nullptr,
                .scale = n.half.scale.device_data<float>(),
                .shift = n.half.shift.device_data<float>(),
                .saved = n.saved(),
                .dx = x.device_data<float>(),
                .dscale = scale.device_data<float>(),
                .dshift = shift.device_data<float>(),
                .scratch = scratch.device_data<uint8_t>()};
    }
};

void fused(Context& context, const FireJoinProblem& p, FireJoinHalf& one, FireJoinHalf& three, Tensor& bypass, const FireJoinOptions& o,
           Tensor& result) {
    const Norm first(context, one, p.rows, p.one), second(context, three, p.rows, p.three);
    const Shape& s = one.x.shape();
    result = context.empty({s[0], s[1], s[2], s[3], p.one + p.three});
    {
        const Tensor scratch1 = first.scratch(context), scratch3 = second.scratch(context);
        const kernels::FireJoinForwardArguments arguments{first.forward(o, scratch1), second.forward(o, scratch3),
                                                          bypass.device_data<float>(), result.device_data<float>()};
        on_target(context, [&]<class Target>(Target) { kernels::fire_join_forward<Target>(context.stream(), arguments); });
    }
    std::vector<Tensor> inputs{one.x, one.scale, one.shift, three.x, three.scale, three.shift};
    if (p.bypass) inputs.push_back(bypass);
    Tensor y;  // where it is positive says which gradients pass
    if (p.bypass) y = result.detach();
    record(context, "fire_join", std::move(inputs), {&result},
           [p, first, second, y, training = o.training](Context& c, std::vector<Tensor> dy, const std::vector<bool>& wanted) {
               const NormGradients d1(c, first), d3(c, second);
               Tensor dbypass;
               if (p.bypass) dbypass = dy[0].unique() ? dy[0] : c.empty(dy[0].shape());
               const kernels::FireJoinBackwardArguments arguments{d1.backward(first, training), d3.backward(second, training),
                                                                  dy[0].device_data<float>(), y.device_data<float>(),
                                                                  dbypass.device_data<float>()};
               on_target(c, [&]<class Target>(Target) { kernels::fire_join_backward<Target>(c.stream(), arguments); });
               std::vector<Tensor> gradients{d1.x, d1.scale, d1.shift, d3.x, d3.scale, d3.shift};
               if (p.bypass) gradients.push_back(wanted[6] ? dbypass : Tensor());
               return gradients;
           });
}

Refusal fused_supports(const Context& context, const FireJoinProblem& p) {
    if (Refusal r = only_on_gpu(context); !r.empty()) return r;
    if (p.training && p.rows < 2) return "one value per channel";
    return {};
}

}  // namespace

std::vector<FireJoin> gpu_fire_join() { return {{"fused", fused_supports, fused}}; }

}  // namespace cmtl
