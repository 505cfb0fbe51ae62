#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "engine/operators/elementwise_problem.hpp"

namespace cmtl {

namespace {

constexpr int64_t share = 1 << 14;  // elements worth a thread

CMTL_MULTIARCH void relu_range(const float* x, float* y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? 0 : x[i];
}

CMTL_MULTIARCH void relu_gradient_range(const float* y, const float* dy, float* dx, int64_t count) {
    for (int64_t i = 0; i < count; ++i) dx[i] = y[i] <= 0 ? 0 : dy[i];  // NaN passes, as in PyTorch
}

CMTL_MULTIARCH void add_range(const float* a, const float* b, float* sum, int64_t count) {
    for (int64_t i = 0; i < count; ++i) sum[i] = a[i] + b[i];
}

void relu_forward(Context&, const ElementwiseProblem& p, const Tensor& x, const Tensor& y) {
    const float* source = x.data<float>();
    float* result = y.data<float>();
    parallel_ranges(p.count, [&](int64_t b, int64_t e) { relu_range(source + b, result + b, e - b); }, share);
}

void relu_backward(Context&, const ElementwiseProblem& p, const Tensor& y, const Tensor& dy, const Tensor& dx) {
    const float *values = y.data<float>(), *gradient = dy.data<float>();
    float* result = dx.data<float>();
    parallel_ranges(p.count, [&](int64_t b, int64_t e) { relu_gradient_range(values + b, gradient + b, result + b, e - b); }, share);
}

void add_forward(Context&, const ElementwiseProblem& p, const Tensor& a, const Tensor& b, const Tensor& sum) {
    const float *first = a.data<float>(), *second = b.data<float>();
    float* result = sum.data<float>();
    parallel_ranges(p.count, [&](int64_t s, int64_t e) { add_range(first + s, second + s, result + s, e - s); }, share);
}

void accumulate(Context&, const ElementwiseProblem& p, const Tensor& sum, const Tensor& more) {
    float* total = sum.data<float>();
    const float* values = more.data<float>();
    parallel_ranges(p.count, [&](int64_t b, int64_t e) { add_range(total + b, values + b, total + b, e - b); }, share);
}

void fill(Context&, const ElementwiseProblem& p, float value, const Tensor& target) { std::fill_n(target.data<float>(), p.count, value); }

// Copies every part from or to its columns of the whole.
template <bool to_whole>
void concat_copy(Context&, const ConcatProblem& p, const std::vector<Tensor>& parts, const Tensor& whole) {
    const int64_t width = std::accumulate(p.channels.begin(), p.channels.end(), int64_t{0});
    float* all = whole.data<float>();
    parallel_ranges(p.rows, [&](int64_t begin, int64_t end) {
        int64_t column = 0;
        for (size_t k = 0; k < parts.size(); ++k) {
            float* part = parts[k].data<float>();
            const int64_t channels = p.channels[k];
            for (int64_t r = begin; r < end; ++r) {
                float *inside = all + r * width + column, *outside = part + r * channels;
                std::memcpy(to_whole ? inside : outside, to_whole ? outside : inside, static_cast<size_t>(channels) * sizeof(float));
            }
            column += channels;
        }
    }, 64);
}

template <class Problem>
Refusal on_cpu(const Context& context, const Problem&) {
    return only_on(context, Device::Kind::cpu, "cpu");
}

}  // namespace

std::vector<Accumulate> cpu_accumulate() { return {{"cpu", on_cpu<ElementwiseProblem>, accumulate}}; }
std::vector<Fill> cpu_fill() { return {{"cpu", on_cpu<ElementwiseProblem>, fill}}; }
std::vector<ReluForward> cpu_relu_forward() { return {{"cpu", on_cpu<ElementwiseProblem>, relu_forward}}; }
std::vector<ReluBackward> cpu_relu_backward() { return {{"cpu", on_cpu<ElementwiseProblem>, relu_backward}}; }
std::vector<AddForward> cpu_add_forward() { return {{"cpu", on_cpu<ElementwiseProblem>, add_forward}}; }
std::vector<ConcatJoin> cpu_concat_join() { return {{"cpu", on_cpu<ConcatProblem>, concat_copy<true>}}; }
std::vector<ConcatSplit> cpu_concat_split() { return {{"cpu", on_cpu<ConcatProblem>, concat_copy<false>}}; }

}  // namespace cmtl
