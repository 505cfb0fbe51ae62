#include "engine/gpu/target.hpp"
#include "engine/operators/linear_problem.hpp"
#include "kernels/linear.hpp"

namespace cmtl {

namespace {

void forward(Context& context, const LinearProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
    on_target(context, [&]<class Target>(Target) {
        kernels::linear_forward<Target>(context.stream(), {p.n, p.in, p.out}, x.device_data<float>(), weight.device_data<float>(),
                                        bias.device_data<float>(), y.device_data<float>());
    });
}

void backward(Context& context, const LinearProblem& p, const Tensor& x, const Tensor& weight, const Tensor& dy, const Tensor& dx,
              const Tensor& dweight, const Tensor& dbias) {
    on_target(context, [&]<class Target>(Target) {
        kernels::linear_backward<Target>(context.stream(), {p.n, p.in, p.out}, x.device_data<float>(), weight.device_data<float>(),
                                         dy.device_data<float>(), dx.device_data<float>(), dweight.device_data<float>(),
                                         dbias.device_data<float>());
    });
}

Refusal on_gpu(const Context& context, const LinearProblem&) { return only_on_gpu(context); }

}  // namespace

std::vector<LinearForward> gpu_linear_forward() { return {{"gpu", on_gpu, forward}}; }
std::vector<LinearBackward> gpu_linear_backward() { return {{"gpu", on_gpu, backward}}; }

}  // namespace cmtl
