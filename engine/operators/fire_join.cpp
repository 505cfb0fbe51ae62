#include "engine/operators/fire_join.hpp"

#include "engine/operators/batch_norm3d.hpp"
#include "engine/operators/elementwise.hpp"
#include "engine/operators/fire_join_problem.hpp"

namespace cmtl {

namespace {

Tensor normalised(Context& context, FireJoinHalf& half, const FireJoinOptions& o) {
    const Tensor x = std::move(half.x);
    return batch_norm3d(context, x, half.scale, half.shift, half.running_mean, half.running_variance,
                        {.training = o.training, .eps = o.eps, .momentum = o.momentum});
}

// The plain one, on every device: the operators one after the other, and at no time more tensors than they need.
void composed(Context& context, const FireJoinProblem&, FireJoinHalf& one, FireJoinHalf& three, Tensor& bypass, const FireJoinOptions& o,
              Tensor& result) {
    std::vector<Tensor> parts(2);
    parts[0] = normalised(context, one, o);
    parts[1] = normalised(context, three, o);
    Tensor joined = concat(context, parts);
    parts.clear();
    if (bypass.defined()) joined = add(context, joined, bypass);
    bypass = {};
    result = relu(context, joined);
}

std::vector<FireJoin> implementations() {
    std::vector<FireJoin> list = gpu_fire_join();
    list.push_back({"composed", [](const Context&, const FireJoinProblem&) { return Refusal{}; }, composed});
    return list;
}

}  // namespace

Tensor fire_join(Context& context, FireJoinHalf one, FireJoinHalf three, Tensor bypass, const FireJoinOptions& options) {
    static const auto list = implementations();
    require(one.x.rank() == 5 && three.x.rank() == 5, "fire_join", "{} and {} want five axes", one.x.shape().text(), three.x.shape().text());
    const Shape& s = one.x.shape();
    const int64_t channels = s[4], channels3 = three.x.size(4);
    require(three.x.shape() == Shape{s[0], s[1], s[2], s[3], channels3}, "fire_join", "{} does not join {}", three.x.shape().text(), s.text());
    const Shape joined{s[0], s[1], s[2], s[3], channels + channels3};
    for (const FireJoinHalf* half : {&one, &three})
        for (const Tensor* t : {&half->scale, &half->shift, &half->running_mean, &half->running_variance})
            require(t->shape() == Shape{half->x.size(4)}, "fire_join", "a parameter is {}, its tensor {}", t->shape().text(),
                    half->x.shape().text());
    require(!bypass.defined() || bypass.shape() == joined, "fire_join", "a bypass {} is not {}", bypass.shape().text(), joined.text());
    const FireJoinProblem p{s[0] * s[1] * s[2] * s[3], channels, channels3, bypass.defined(), options.training};
    Tensor result;
    run_first(context, "fire_join", list, p, one, three, bypass, options, result);
    return result;
}

}  // namespace cmtl
