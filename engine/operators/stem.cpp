#include "engine/operators/stem.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/batch_norm3d.hpp"
#include "engine/operators/conv3d.hpp"
#include "engine/operators/pool3d.hpp"
#include "engine/operators/shift3d.hpp"
#include "engine/operators/stem_problem.hpp"

namespace cmtl {

namespace {

// The plain one, on every device: the operators one after the other.
void composed(Context& context, const StemProblem&, const Tensor& x, const StemParameters& p, const StemOptions& o, Tensor& result) {
    Tensor y = conv3d(context, x, p.weight, p.bias, {.stride = 2, .padding = 1});
    y = batch_norm3d(context, y, p.scale, p.shift, p.running_mean, p.running_variance,
                     {.training = o.training, .eps = o.eps, .momentum = o.momentum, .relu = true});
    if (o.plan.defined()) y = shift3d(context, y, o.plan, o.fill);
    result = max_pool3d(context, y);
}

std::vector<Stem> implementations() {
    std::vector<Stem> list = joined(cpu_stem(), gpu_stem());
    list.push_back({"composed", [](const Context&, const StemProblem&) { return Refusal{}; }, composed});
    return list;
}

}  // namespace

Tensor stem(Context& context, const Tensor& x, const StemParameters& parameters, const StemOptions& options) {
    static const auto list = implementations();
    require(x.rank() == 5, "stem", "x {} wants five axes", x.shape().text());
    const auto& p = parameters;
    const int64_t channels = p.weight.size(0);
    require(p.weight.shape() == Shape{channels, 3, 3, 3, x.size(4)}, "stem", "weight {} does not fit x {}", p.weight.shape().text(),
            x.shape().text());
    const bool records = recording(context, {&x, &p.weight, &p.bias, &p.scale, &p.shift});
    Tensor result;
    run_first(context, "stem", list, {x.shape(), channels, options.training, options.plan.defined(), records}, x, parameters, options,
              result);
    return result;
}

}  // namespace cmtl
