// Convolutions through our own implicit matrix products: they take every problem, on every device.
#include "kernels/conv3d.hpp"

#include "engine/gpu/device_queue.hpp"
#include "engine/gpu/target.hpp"
#include "engine/operators/conv3d_problem.hpp"
#include "kernels/runtime.hpp"

namespace cmtl {

namespace {

using Direction = kernels::Conv3dDirection;

kernels::Conv3dSizes sizes_of(const Conv3dProblem& p) {
    return {p.n,
            p.d,
            p.h,
            p.w,
            p.in,
            p.out,
            p.kernel,
            p.stride,
            p.padding,
            p.compute == Dtype::bf16};
}

Refusal supports(const Context& context, const Conv3dProblem& p) {
    if (Refusal r = only_on_gpu(context); !r.empty()) return r;
    const int capability = context.queue().runtime().properties().capability;
    if (p.compute == Dtype::bf16 && capability < 80) return fmt::format("bf16 wants sm_80, this is sm_{}", capability);
    if (!kernels::conv3d_fits(sizes_of(p))) return "sizes are beyond 32-bit indices";
    return {};
}

// Undefined where nothing is needed.
Tensor workspace(Context& context, const Conv3dProblem& p, Direction direction) {
    const int64_t bytes = kernels::conv3d_workspace_bytes(sizes_of(p), direction);
    return bytes == 0 ? Tensor() : context.empty({bytes}, Dtype::u8);
}

void forward(Context& context, const Conv3dProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias,
             const Tensor& y) {
    const Tensor space = workspace(context, p, Direction::forward);
    on_target(context, [&]<class Target>(Target) {
        kernels::conv3d_forward<Target>(context.stream(), sizes_of(p), x.device_data<float>(),
                                        weight.device_data<float>(), bias.device_data<float>(), y.device_data<float>(),
                                        space.device_data<uint8_t>());
    });
}

void backward_data(Context& context, const Conv3dProblem& p, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
    const Tensor space = workspace(context, p, Direction::backward_data);
    on_target(context, [&]<class Target>(Target) {
        kernels::conv3d_backward_data<Target>(context.stream(), sizes_of(p), dy.device_data<float>(),
                                              weight.device_data<float>(), dx.device_data<float>(),
                                              space.device_data<uint8_t>());
    });
}

void backward_weights(Context& context, const Conv3dProblem& p, const Tensor& x, const Tensor& dy,
                      const Tensor& dweight, const Tensor& dbias) {
    const Tensor space = workspace(context, p, Direction::backward_weights);
    on_target(context, [&]<class Target>(Target) {
        kernels::conv3d_backward_weights<Target>(context.stream(), sizes_of(p), x.device_data<float>(),
                                                 dy.device_data<float>(), dweight.device_data<float>(),
                                                 dbias.device_data<float>(), space.device_data<uint8_t>());
    });
}

}  // namespace

std::vector<Conv3dForward> gpu_conv3d_forward() { return {{"implicit gemm", supports, forward}}; }
std::vector<Conv3dBackwardData> gpu_conv3d_backward_data() { return {{"implicit gemm", supports, backward_data}}; }
std::vector<Conv3dBackwardWeights> gpu_conv3d_backward_weights() {
    return {{"implicit gemm", supports, backward_weights}};
}

}  // namespace cmtl
