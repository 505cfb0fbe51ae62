#include <cstring>

#include "engine/cpu/columns.hpp"
#include "engine/onednn.hpp"
#include "engine/operators/linear_problem.hpp"

namespace cmtl {

namespace {

void forward(Context&, const LinearProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
    if (bias.defined())
        for (int64_t n = 0; n < p.n; ++n)
            std::memcpy(y.data<float>() + n * p.out, bias.data<float>(), static_cast<size_t>(p.out) * sizeof(float));
    OneDnn::sgemm(false, true, p.n, p.out, p.in, 1, x.data<float>(), p.in, weight.data<float>(), p.in, bias.defined() ? 1 : 0,
                  y.data<float>(), p.out);
}

void backward(Context&, const LinearProblem& p, const Tensor& x, const Tensor& weight, const Tensor& dy, const Tensor& dx,
              const Tensor& dweight, const Tensor& dbias) {
    const float* gradient = dy.data<float>();
    if (dx.defined())
        OneDnn::sgemm(false, false, p.n, p.in, p.out, 1, gradient, p.out, weight.data<float>(), p.in, 0, dx.data<float>(), p.in);
    if (dweight.defined())
        OneDnn::sgemm(true, false, p.out, p.in, p.n, 1, gradient, p.out, x.data<float>(), p.in, 0, dweight.data<float>(), p.in);
    if (dbias.defined()) column_sums(gradient, p.n, p.out, dbias.data<float>());
}

Refusal on_cpu(const Context& context, const LinearProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }

}  // namespace

std::vector<LinearForward> cpu_linear_forward() { return {{"matmul", on_cpu, forward}}; }
std::vector<LinearBackward> cpu_linear_backward() { return {{"matmul", on_cpu, backward}}; }

}  // namespace cmtl
