#include "engine/operators/dropout.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/dropout_problem.hpp"

namespace cmtl {

namespace {

Tensor drop(Context& context, const Tensor& x, const DropoutProblem& problem) {
    static const auto implementations = joined(cpu_dropout(), gpu_dropout());
    require(problem.p >= 0 && problem.p < 1, "dropout", "p {} is outside [0, 1)", problem.p);
    if (problem.p == 0) return x;
    Tensor y = context.empty(x.shape());
    run_first(context, "dropout", implementations, problem, x, y);
    record(context, "dropout", {x}, {&y}, [problem](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        Tensor dx = dy[0].unique() ? dy[0] : c.empty(dy[0].shape());
        run_first(c, "dropout_backward", implementations, problem, dy[0], dx);
        return std::vector<Tensor>{dx};
    });
    return y;
}

}  // namespace

Tensor dropout(Context& context, const Tensor& x, double p, const RandomKey& key) {
    return drop(context, x, {x.count(), p, key});
}

Tensor channel_dropout(Context& context, const Tensor& x, double p, const RandomKey& key) {
    require(x.rank() >= 2 && x.size(0) > 0, "dropout", "x {} wants samples and channels", x.shape().text());
    return drop(context, x, {x.count(), p, key, x.size(-1), x.count() / x.size(0)});
}

}  // namespace cmtl
