#include "kernels/elementwise.hpp"

#include <numeric>

#include "engine/gpu/target.hpp"
#include "engine/operators/elementwise_problem.hpp"

namespace cmtl {

namespace {

void accumulate(Context& context, const ElementwiseProblem& p, const Tensor& sum, const Tensor& more) {
    on_target(context, [&]<class Target>(Target) {
        kernels::accumulate<Target>(context.stream(), p.count, sum.device_data<float>(), more.device_data<float>());
    });
}

void fill(Context& context, const ElementwiseProblem& p, float value, const Tensor& target) {
    on_target(context, [&]<class Target>(Target) {
        kernels::fill<Target>(context.stream(), p.count, value, target.device_data<float>());
    });
}

void cast(Context& context, const ElementwiseProblem& p, const Tensor& from, const Tensor& to) {
    const auto element = [](Dtype dtype) { return static_cast<kernels::Element>(dtype); };
    static_assert(static_cast<int>(Dtype::bf16) == static_cast<int>(kernels::Element::bf16) &&
                  static_cast<int>(Dtype::f64) == static_cast<int>(kernels::Element::f64) &&
                  static_cast<int>(Dtype::i32) == static_cast<int>(kernels::Element::i32) &&
                  static_cast<int>(Dtype::i64) == static_cast<int>(kernels::Element::i64) &&
                  static_cast<int>(Dtype::u8) == static_cast<int>(kernels::Element::u8));
    on_target(context, [&]<class Target>(Target) {
        kernels::convert<Target>(context.stream(), p.count, element(from.dtype()), from.raw(), element(to.dtype()), to.raw());
    });
}

void relu_forward(Context& context, const ElementwiseProblem& p, const Tensor& x, const Tensor& y) {
    on_target(context, [&]<class Target>(Target) {
        kernels::relu_forward<Target>(context.stream(), p.count, x.device_data<float>(), y.device_data<float>());
    });
}

void relu_backward(Context& context, const ElementwiseProblem& p, const Tensor& y, const Tensor& dy, const Tensor& dx) {
    on_target(context, [&]<class Target>(Target) {
        kernels::relu_backward<Target>(context.stream(), p.count, y.device_data<float>(), dy.device_data<float>(),
                                       dx.device_data<float>());
    });
}

void add_forward(Context& context, const ElementwiseProblem& p, const Tensor& a, const Tensor& b, const Tensor& sum) {
    on_target(context, [&]<class Target>(Target) {
        kernels::add<Target>(context.stream(), p.count, a.device_data<float>(), b.device_data<float>(), sum.device_data<float>());
    });
}

// Copies every part from or to its columns of the whole.
template <bool to_whole>
void concat_copy(Context& context, const ConcatProblem& p, const std::vector<Tensor>& parts, const Tensor& whole) {
    const int64_t width = std::accumulate(p.channels.begin(), p.channels.end(), int64_t{0});
    float* inside = whole.device_data<float>();
    for (size_t k = 0; k < parts.size(); ++k) {
        const int64_t channels = p.channels[k];
        float* const part = parts[k].device_data<float>();
        on_target(context, [&]<class Target>(Target) {
            if (to_whole) kernels::copy_columns<Target>(context.stream(), p.rows, channels, part, channels, inside, width);
            else kernels::copy_columns<Target>(context.stream(), p.rows, channels, inside, width, part, channels);
        });
        inside += channels;
    }
}

template <class Problem>
Refusal on_gpu(const Context& context, const Problem&) {
    return only_on_gpu(context);
}

}  // namespace

std::vector<Accumulate> gpu_accumulate() { return {{"gpu", on_gpu<ElementwiseProblem>, accumulate}}; }
std::vector<Fill> gpu_fill() { return {{"gpu", on_gpu<ElementwiseProblem>, fill}}; }
std::vector<Cast> gpu_cast() { return {{"gpu", on_gpu<ElementwiseProblem>, cast}}; }
std::vector<ReluForward> gpu_relu_forward() { return {{"gpu", on_gpu<ElementwiseProblem>, relu_forward}}; }
std::vector<ReluBackward> gpu_relu_backward() { return {{"gpu", on_gpu<ElementwiseProblem>, relu_backward}}; }
std::vector<AddForward> gpu_add_forward() { return {{"gpu", on_gpu<ElementwiseProblem>, add_forward}}; }
std::vector<ConcatJoin> gpu_concat_join() { return {{"gpu", on_gpu<ConcatProblem>, concat_copy<true>}}; }
std::vector<ConcatSplit> gpu_concat_split() { return {{"gpu", on_gpu<ConcatProblem>, concat_copy<false>}}; }

}  // namespace cmtl
