#include "engine/operators/dropout.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/dropout_problem.hpp"

namespace cmtl {

Tensor dropout(Context& context, const Tensor& x, double p, const RandomKey& key) {
    static const auto implementations = joined(cpu_dropout(), gpu_dropout());
    require(p >= 0 && p < 1, "dropout", "p {} is outside [0, 1)", p);
    if (p == 0) return x;
    const DropoutProblem problem{x.count(), p, key};
    Tensor y = context.empty(x.shape());
    run_first(context, "dropout", implementations, problem, x, y);
    record(context, "dropout", {x}, {&y}, [problem](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        Tensor dx = dy[0].unique() ? dy[0] : c.empty(dy[0].shape());
        run_first(c, "dropout_backward", implementations, problem, dy[0], dx);
        return std::vector<Tensor>{dx};
    });
    return y;
}

}  // namespace cmtl
