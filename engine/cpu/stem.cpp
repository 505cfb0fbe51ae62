// The stem without its large intermediate results, for inference: at the published size the convolution alone gives 400 MB of
// which pooling keeps an eighth. Here a slab of planes goes through convolution and pooling while it is in the caches.
//
// Batch norm is folded into the convolution's weights, and the ReLU moves behind the pool, where it has an eighth of the work:
// max(relu(a), relu(b)) = relu(max(a, b)).
#include <algorithm>
#include <cmath>

#include "engine/operators/conv3d_problem.hpp"
#include "engine/operators/elementwise_problem.hpp"
#include "engine/operators/pool3d_problem.hpp"
#include "engine/operators/stem_problem.hpp"

namespace cmtl {

namespace {

constexpr int64_t pooled_planes = 8;  // per slab: 18 planes of convolution, two of them for the overlap

Refusal slabs_support(const Context& context, const StemProblem& p) {
    if (Refusal r = only_on(context, Device::Kind::cpu, "cpu"); !r.empty()) return r;
    if (p.training) return "batch statistics need the whole convolution first";
    if (p.shifted) return "a shift along D moves planes between slabs";
    if (p.records) return "nothing is kept for a backward pass";
    return {};
}

void slabs(Context& context, const StemProblem& problem, const Tensor& x, const StemParameters& p, const StemOptions& o, Tensor& result) {
    const int64_t channels = problem.channels, taps = p.weight.count() / channels;
    Tensor weight = context.empty(p.weight.shape()), bias = context.empty({channels});
    for (int64_t c = 0; c < channels; ++c) {
        const double a = static_cast<double>(p.scale.data<float>()[c]) /
                         std::sqrt(static_cast<double>(p.running_variance.data<float>()[c]) + o.eps);
        for (int64_t t = 0; t < taps; ++t)
            weight.data<float>()[c * taps + t] = static_cast<float>(a * static_cast<double>(p.weight.data<float>()[c * taps + t]));
        const double from = p.bias.defined() ? static_cast<double>(p.bias.data<float>()[c]) : 0.0;
        bias.data<float>()[c] = static_cast<float>(a * (from - static_cast<double>(p.running_mean.data<float>()[c])) +
                                                   static_cast<double>(p.shift.data<float>()[c]));
    }

    const int64_t n = x.size(0), depth = x.size(1), height = x.size(2), width = x.size(3), in = x.size(4);
    const auto conv_of = [&](int64_t planes) {
        return Conv3dProblem{1, planes, height, width, in, channels, 3, 2, 1, context.compute()};
    };
    const Conv3dProblem whole = conv_of(depth);
    const auto pool_of = [&](int64_t planes) { return Pool3dProblem{1, planes, whole.oh(), whole.ow(), channels, {}}; };
    static const auto pool = cpu_max_pool3d_forward();
    static const auto relu = cpu_relu_forward();
    const Shape pooled = pool_of(whole.od()).y_shape();
    result = context.empty({n, pooled[1], pooled[2], pooled[3], channels});
    const int64_t plane = pooled[2] * pooled[3] * channels;
    const Tensor planes = result.reshape({n * pooled[1], plane});
    const double counted = context.flops();

    for (int64_t sample = 0; sample < n; ++sample) {
        const Tensor volume = x.narrow(sample, sample + 1).reshape({depth, height, width, in});
        for (int64_t first = 0; first < pooled[1]; first += pooled_planes) {
            const int64_t last = std::min(first + pooled_planes, pooled[1]);
            // Both windows reach one plane back. Starting two planes (of the convolution) early keeps the strides in step; the
            // first plane of both results then saw padding where the volume goes on, and is dropped.
            const int64_t skip = first ? 1 : 0, conv_begin = 2 * (first - skip), conv_end = std::min(whole.od(), 2 * last);
            const Tensor slab = volume.narrow(2 * conv_begin, std::min(depth, 2 * conv_end));
            const Conv3dProblem conv = conv_of(slab.size(0));
            Tensor convolved = context.empty(conv.y_shape());
            run_first(context, "conv3d", conv3d_forward_implementations(), conv, slab.reshape(conv.x_shape()), weight, bias, convolved);
            const Pool3dProblem pooling = pool_of(conv.od());
            Tensor maxima = context.empty(pooling.y_shape());
            run_first(context, "max_pool3d", pool, pooling, convolved, maxima, Tensor());
            const Tensor kept = maxima.reshape({maxima.size(1), plane}).narrow(skip, skip + last - first);
            const Tensor target = planes.narrow(sample * pooled[1] + first, sample * pooled[1] + last);
            run_first(context, "relu", relu, ElementwiseProblem{kept.count()}, kept, target);
        }
    }
    // What the overlaps cost is no work done: the count stays that of the whole convolution.
    context.count_flops(counted + static_cast<double>(n) * whole.flops() - context.flops());
}

}  // namespace

std::vector<Stem> cpu_stem() { return {{"slabs", slabs_support, slabs}}; }

}  // namespace cmtl
