// Linear layers by cuBLASLt, in f32: x (N, I), weight (O, I), y (N, O).
#include "engine/gpu/linear_cublaslt.hpp"

#include "engine/gpu/cublaslt.hpp"
#include "engine/gpu/library_choice.hpp"
#include "engine/gpu/target.hpp"
#include "kernels/column_sums.hpp"

namespace cmtl {

namespace {

Product forward_product(const LinearProblem& p, bool bias) { return {false, true, p.n, p.out, p.in, Dtype::f32, bias}; }
Product input_product(const LinearProblem& p) { return {false, false, p.n, p.in, p.out, Dtype::f32, false}; }
Product weight_product(const LinearProblem& p) { return {true, false, p.out, p.in, p.n, Dtype::f32, false}; }

Refusal supports(const Context& context, std::initializer_list<Product> products) {
    if (Refusal r = libraries_refusal(context.device()); !r.empty()) return r;
    if (Refusal r = cublaslt_not_preferred(library_choice()); !r.empty()) return r;
    // Algorithms are kept in the context: asking is the first half of running.
    CublasLt& cublaslt = const_cast<Context&>(context).cublaslt();
    for (const Product& product : products)
        if (Refusal r = cublaslt.refusal(product); !r.empty()) return r;
    return {};
}

void forward(Context& context, const LinearProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias,
             const Tensor& y) {
    context.cublaslt().run(context, forward_product(p, bias.defined()), x, weight, bias, y);
}

void backward(Context& context, const LinearProblem& p, const Tensor& x, const Tensor& weight, const Tensor& dy,
              const Tensor& dx, const Tensor& dweight, const Tensor& dbias) {
    if (dx.defined()) context.cublaslt().run(context, input_product(p), dy, weight, {}, dx);
    if (dweight.defined()) context.cublaslt().run(context, weight_product(p), dy, x, {}, dweight);
    if (!dbias.defined()) return;
    const Tensor scratch = context.empty({static_cast<int64_t>(kernels::column_sums_scratch(p.n, p.out))}, Dtype::u8);
    on_target(context, [&]<class Target>(Target) {
        kernels::column_sums<Target>(context.stream(), p.n, p.out, dy.device_data<float>(), dbias.device_data<float>(),
                                     scratch.raw());
    });
}

}  // namespace

std::vector<LinearForward> library_linear_forward() {
    return {{"cublaslt",
             [](const Context& context, const LinearProblem& p) {
                 return supports(context, {forward_product(p, false), forward_product(p, true)});
             },
             forward}};
}

std::vector<LinearBackward> library_linear_backward() {
    return {{"cublaslt",
             [](const Context& context, const LinearProblem& p) {
                 return supports(context, {input_product(p), weight_product(p)});
             },
             backward}};
}

}  // namespace cmtl
