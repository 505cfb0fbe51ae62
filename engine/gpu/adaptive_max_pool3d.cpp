#include "kernels/adaptive_max_pool3d.hpp"

#include <limits>

#include "engine/gpu/target.hpp"
#include "engine/operators/adaptive_max_pool3d_problem.hpp"

namespace cmtl {

namespace {

kernels::AdaptiveMaxPool3dSizes sizes_of(const AdaptiveMaxPool3dProblem& p) {
    return {p.n, p.channels, {p.d, p.h, p.w}, p.out};
}

void forward(Context& context, const AdaptiveMaxPool3dProblem& p, const Tensor& x, const Tensor& y,
             const Tensor& winner) {
    on_target(context, [&]<class Target>(Target) {
        kernels::adaptive_max_pool3d_forward<Target>(context.stream(), sizes_of(p), x.device_data<float>(),
                                                     y.device_data<float>(), winner.device_data<int32_t>());
    });
}

void backward(Context& context, const AdaptiveMaxPool3dProblem& p, const Tensor& dy, const Tensor& winner,
              const Tensor& dx) {
    on_target(context, [&]<class Target>(Target) {
        kernels::adaptive_max_pool3d_backward<Target>(context.stream(), sizes_of(p), dy.device_data<float>(),
                                                      winner.device_data<int32_t>(), dx.device_data<float>());
    });
}

Refusal on_gpu(const Context& context, const AdaptiveMaxPool3dProblem& p) {
    // Products of two sizes are 32-bit integers there.
    if (std::max({p.d, p.h, p.w}) > 30000 || p.out.most() > 30000) return "an axis is longer than 30000";
    return only_on_gpu(context);
}

}  // namespace

std::vector<AdaptiveMaxPool3dForward> gpu_adaptive_max_pool3d_forward() { return {{"gpu", on_gpu, forward}}; }
std::vector<AdaptiveMaxPool3dBackward> gpu_adaptive_max_pool3d_backward() { return {{"gpu", on_gpu, backward}}; }

}  // namespace cmtl
