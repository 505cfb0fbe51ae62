#include "engine/gpu/target.hpp"
#include "engine/operators/batch_norm3d_problem.hpp"
#include "kernels/batch_norm3d.hpp"

namespace cmtl {

namespace {

kernels::BatchNorm3dSaved saved(const BatchNorm3dStatistics& s) {
    return {s.mean.device_data<float>(), s.mean_rest.device_data<float>(), s.inverse_deviation.device_data<float>()};
}

Tensor scratch_for(Context& context, const kernels::BatchNorm3dSizes& sizes) {
    return context.empty({static_cast<int64_t>(kernels::batch_norm3d_scratch(sizes))}, Dtype::u8);
}

void forward(Context& context, const BatchNorm3dProblem& p, const Tensor& x, const Tensor& scale, const Tensor& shift,
             const Tensor& running_mean, const Tensor& running_variance, const Tensor& y, const BatchNorm3dStatistics& statistics) {
    const kernels::BatchNorm3dSizes sizes{p.rows, p.channels};
    const Tensor scratch = scratch_for(context, sizes);
    const kernels::BatchNorm3dForwardArguments arguments{
        .sizes = sizes,
        .training = p.options.training,
        .relu = p.options.relu,
        .eps = p.options.eps,
        .momentum = p.options.momentum,
        .x = x.device_data<float>(),
        .scale = scale.device_data<float>(),
        .shift = shift.device_data<float>(),
        .running_mean = running_mean.device_data<float>(),
        .running_variance = running_variance.device_data<float>(),
        .y = y.device_data<float>(),
        .saved = saved(statistics),
        .scratch = scratch.device_data<uint8_t>(),
    };
    on_target(context, [&]<class Target>(Target) { kernels::batch_norm3d_forward<Target>(context.stream(), arguments); });
}

void backward(Context& context, const BatchNorm3dProblem& p, const Tensor& x, const Tensor& dy, const Tensor& scale, const Tensor& shift,
              const BatchNorm3dStatistics& statistics, const Tensor& dx, const Tensor& dscale, const Tensor& dshift) {
    const kernels::BatchNorm3dSizes sizes{p.rows, p.channels};
    const Tensor scratch = scratch_for(context, sizes);
    const kernels::BatchNorm3dBackwardArguments arguments{
        .sizes = sizes,
        .training = p.options.training,
        .relu = p.options.relu,
        .x = x.device_data<float>(),
        .dy = dy.device_data<float>(),
        .scale = scale.device_data<float>(),
        .shift = shift.device_data<float>(),
        .saved = saved(statistics),
        .dx = dx.device_data<float>(),
        .dscale = dscale.device_data<float>(),
        .dshift = dshift.device_data<float>(),
        .scratch = scratch.device_data<uint8_t>(),
    };
    on_target(context, [&]<class Target>(Target) { kernels::batch_norm3d_backward<Target>(context.stream(), arguments); });
}

Refusal on_gpu(const Context& context, const BatchNorm3dProblem& p) {
    if (p.channels > int64_t{1} << 24) return "more than 2^24 channels";
    return only_on_gpu(context);
}

}  // namespace

std::vector<BatchNorm3dForward> gpu_batch_norm3d_forward() { return {{"gpu", on_gpu, forward}}; }
std::vector<BatchNorm3dBackward> gpu_batch_norm3d_backward() { return {{"gpu", on_gpu, backward}}; }

}  // namespace cmtl
