// The stem on devices: the convolution, its statistics, then one kernel for batch norm, ReLU, Shift3D and pool (kernels/stem.cuh).
// Beside the input, the pooled result and its winners, one tensor of the convolution's size is kept for the backward pass, and its
// gradient takes its place; the operators one after the other have three such tensors at a time. In inference the convolution of a
// few samples at a time is all there is.
#include "kernels/stem.hpp"

#include <algorithm>
#include <limits>

#include "engine/autograd.hpp"
#include "engine/gpu/target.hpp"
#include "engine/operators/batch_norm3d_problem.hpp"
#include "engine/operators/conv3d.hpp"
#include "engine/operators/stem_problem.hpp"

namespace cmtl {

namespace {

constexpr int64_t bytes_at_once = int64_t{1} << 29;  // of the convolution, in inference

kernels::StemSizes sizes_of(const StemProblem& p) {
    const auto out = [](int64_t size) { return (size - 1) / 2 + 1; };  // of a 3x3x3 window, stride 2, padding 1
    return {p.x[0], out(p.x[1]), out(p.x[2]), out(p.x[3]), p.channels};
}

kernels::BatchNorm3dSaved saved(const BatchNorm3dStatistics& s) {
    return {s.mean.device_data<float>(), s.mean_rest.device_data<float>(), s.inverse_deviation.device_data<float>()};
}

Tensor scratch_for(Context& context, const kernels::StemSizes& s) {
    return context.empty({static_cast<int64_t>(kernels::batch_norm3d_scratch(s.rows()))}, Dtype::u8);
}

kernels::StemShift shift_of(const StemOptions& o) {
    return {o.plan.device_data<int32_t>(), o.fill.has_value(), o.fill.value_or(0.0f)};
}

// What follows the convolution, whose result is x.
void tail(Context& context, const kernels::StemSizes& s, const Tensor& x, const StemParameters& p, const StemOptions& o, const Tensor& y,
          const Tensor& winner, const BatchNorm3dStatistics& statistics) {
    const Tensor scratch = scratch_for(context, s);
    const kernels::BatchNorm3dForwardArguments norm{
        .sizes = s.rows(),
        .training = o.training,
        .relu = true,
        .eps = o.eps,
        .momentum = o.momentum,
        .x = x.device_data<float>(),
        .scale = p.scale.device_data<float>(),
        .shift = p.shift.device_data<float>(),
        .running_mean = p.running_mean.device_data<float>(),
        .running_variance = p.running_variance.device_data<float>(),
        .y = nullptr,
        .saved = saved(statistics),
        .scratch = scratch.device_data<uint8_t>(),
    };
    on_target(context, [&]<class Target>(Target) {
        kernels::batch_norm3d_forward<Target>(context.stream(), norm);
        kernels::stem_pool_forward<Target>(context.stream(), s, shift_of(o), norm.x, kernels::batch_norm3d_coefficients(norm.sizes, norm.scratch),
                                           y.device_data<float>(), winner.device_data<uint8_t>());
    });
}

void tail_backward(Context& context, const kernels::StemSizes& s, const Tensor& x, const Tensor& scale, const Tensor& shift,
                   const StemOptions& o, const Tensor& dy, const Tensor& winner, const BatchNorm3dStatistics& statistics, const Tensor& dx,
                   const Tensor& dscale, const Tensor& dshift) {
    const Tensor scratch = scratch_for(context, s);
    const kernels::BatchNorm3dBackwardArguments norm{
        .sizes = s.rows(),
        .training = o.training,
        .relu = true,
        .x = x.device_data<float>(),
        .dy = nullptr,
        .scale = scale.device_data<float>(),
        .shift = shift.device_data<float>(),
        .saved = saved(statistics),
        .dx = dx.device_data<float>(),
        .dscale = dscale.device_data<float>(),
        .dshift = dshift.device_data<float>(),
        .scratch = scratch.device_data<uint8_t>(),
    };
    on_target(context, [&]<class Target>(Target) {
        kernels::stem_pool_backward<Target>(context.stream(), s, shift_of(o), dy.device_data<float>(), winner.device_data<uint8_t>(), norm);
    });
}

void fused(Context& context, const StemProblem& problem, const Tensor& x, const StemParameters& p, const StemOptions& o, Tensor& result) {
    const kernels::StemSizes s = sizes_of(problem);
    for (const Tensor* t : {&p.scale, &p.shift, &p.running_mean, &p.running_variance})
        require(t->shape() == Shape{s.channels}, "stem", "a parameter is {}, the convolution has {} channels", t->shape().text(), s.channels);
    require(!o.plan.defined() || o.plan.shape() == Shape{s.n, s.channels, 2}, "stem", "a plan {} does not fit {} samples of {} channels",
            o.plan.shape().text(), s.n, s.channels);
    const Shape pooled{s.n, s.out(s.d), s.out(s.h), s.out(s.w), s.channels};
    const BatchNorm3dStatistics statistics{context.empty({s.channels}), context.empty({s.channels}), context.empty({s.channels})};
    result = context.empty(pooled);

    if (!problem.records && !o.training && !o.plan.defined()) {
        const int64_t sample = s.d * s.h * s.w * s.channels * static_cast<int64_t>(sizeof(float));
        const int64_t at_once = std::clamp<int64_t>(bytes_at_once / std::max<int64_t>(sample, 1), 1, std::max<int64_t>(s.n, 1));
        for (int64_t first = 0; first < s.n; first += at_once) {
            const int64_t last = std::min(first + at_once, s.n);
            kernels::StemSizes part = s;
            part.n = last - first;
            const Tensor convolved = conv3d(context, x.narrow(first, last), p.weight, p.bias, {.stride = 2, .padding = 1});
            tail(context, part, convolved, p, o, result.narrow(first, last), {}, statistics);
        }
        return;
    }

    Tensor convolved = conv3d(context, x, p.weight, p.bias, {.stride = 2, .padding = 1});
    Tensor winner;
    if (problem.records) winner = context.empty(pooled, Dtype::u8);
    tail(context, s, convolved, p, o, result, winner, statistics);
    record(context, "stem", {convolved, p.scale, p.shift}, {&result},
           [s, o, statistics, winner, x = convolved.detach(), scale = p.scale.detach(), shift = p.shift.detach()](
               Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
               // The convolution's result is used for the last time: its gradient takes its place.
               Tensor dx = x.unique() ? x : c.empty(x.shape());
               Tensor dscale = c.empty({s.channels}), dshift = c.empty({s.channels});
               tail_backward(c, s, x, scale, shift, o, dy[0], winner, statistics, dx, dscale, dshift);
               return std::vector<Tensor>{dx, dscale, dshift};
           });
}

Refusal fused_supports(const Context& context, const StemProblem& p) {
    if (Refusal r = only_on_gpu(context); !r.empty()) return r;
    const kernels::StemSizes s = sizes_of(p);
    constexpr int64_t most = std::numeric_limits<int32_t>::max();  // offsets within a row and the numbers of blocks
    if (s.w * s.channels > most || s.n * s.d * s.h * s.w > most) return "rows or the number of positions are above 2^31";
    if (p.training && s.n * s.d * s.h * s.w < 2) return "one value per channel";
    if (p.records && !kernels::stem_backward_fits(s)) return "more samples than partial sums";
    return {};
}

}  // namespace

std::vector<Stem> gpu_stem() { return {{"fused", fused_supports, fused}}; }

}  // namespace cmtl
