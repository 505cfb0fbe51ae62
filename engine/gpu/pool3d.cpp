#include "kernels/pool3d.hpp"

#include <limits>

#include "engine/gpu/target.hpp"
#include "engine/operators/pool3d_problem.hpp"

namespace cmtl {

namespace {

kernels::Pool3dSizes sizes_of(const Pool3dProblem& p) {
    return {p.n, p.d, p.h, p.w, p.channels, p.options.kernel, p.options.stride, p.options.padding};
}

void max_forward(Context& context, const Pool3dProblem& p, const Tensor& x, const Tensor& y, const Tensor& winner) {
    on_target(context, [&]<class Target>(Target) {
        kernels::max_pool3d_forward<Target>(context.stream(), sizes_of(p), x.device_data<float>(), y.device_data<float>(),
                                            winner.device_data<uint8_t>());
    });
}

void max_backward(Context& context, const Pool3dProblem& p, const Tensor& dy, const Tensor& winner, const Tensor& dx) {
    on_target(context, [&]<class Target>(Target) {
        kernels::max_pool3d_backward<Target>(context.stream(), sizes_of(p), dy.device_data<float>(), winner.device_data<uint8_t>(),
                                             dx.device_data<float>());
    });
}

void avg_forward(Context& context, const Pool3dProblem& p, const Tensor& x, const Tensor& y) {
    on_target(context, [&]<class Target>(Target) {
        kernels::avg_pool3d_forward<Target>(context.stream(), sizes_of(p), x.device_data<float>(), y.device_data<float>());
    });
}

void avg_backward(Context& context, const Pool3dProblem& p, const Tensor& dy, const Tensor& dx) {
    on_target(context, [&]<class Target>(Target) {
        kernels::avg_pool3d_backward<Target>(context.stream(), sizes_of(p), dy.device_data<float>(), dx.device_data<float>());
    });
}

void global_forward(Context& context, const Pool3dProblem& p, const Tensor& x, const Tensor& y) {
    on_target(context, [&]<class Target>(Target) {
        kernels::global_avg_pool3d_forward<Target>(context.stream(), p.n, p.d * p.h * p.w, p.channels, x.device_data<float>(),
                                                   y.device_data<float>());
    });
}

void global_backward(Context& context, const Pool3dProblem& p, const Tensor& dy, const Tensor& dx) {
    on_target(context, [&]<class Target>(Target) {
        kernels::global_avg_pool3d_backward<Target>(context.stream(), p.n, p.d * p.h * p.w, p.channels, dy.device_data<float>(),
                                                    dx.device_data<float>());
    });
}

// Offsets within a row and the numbers of blocks are 32-bit integers.
Refusal on_gpu(const Context& context, const Pool3dProblem& p) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    if (p.w * p.channels > most || p.n * p.d * p.h * p.w > most) return "rows or the number of positions are above 2^31";
    return only_on_gpu(context);
}

}  // namespace

std::vector<MaxPool3dForward> gpu_max_pool3d_forward() { return {{"gpu", on_gpu, max_forward}}; }
std::vector<MaxPool3dBackward> gpu_max_pool3d_backward() { return {{"gpu", on_gpu, max_backward}}; }
std::vector<AvgPool3dForward> gpu_avg_pool3d_forward() { return {{"gpu", on_gpu, avg_forward}}; }
std::vector<AvgPool3dBackward> gpu_avg_pool3d_backward() { return {{"gpu", on_gpu, avg_backward}}; }
std::vector<AvgPool3dForward> gpu_global_avg_pool3d_forward() { return {{"gpu", on_gpu, global_forward}}; }
std::vector<AvgPool3dBackward> gpu_global_avg_pool3d_backward() { return {{"gpu", on_gpu, global_backward}}; }

}  // namespace cmtl
