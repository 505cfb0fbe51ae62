#include "engine/operators/linear.hpp"

#include "engine/autograd.hpp"
#include "engine/gpu/linear_cublaslt.hpp"
#include "engine/operators/linear_problem.hpp"

namespace cmtl {

Tensor linear(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias) {
    static const auto forward = joined(cpu_linear_forward(), library_linear_forward(), gpu_linear_forward());
    static const auto backward = joined(cpu_linear_backward(), library_linear_backward(), gpu_linear_backward());
    require(x.rank() == 2 && weight.rank() == 2 && x.size(1) == weight.size(1), "linear", "weight {} does not fit x {}",
            weight.shape().text(), x.shape().text());
    const LinearProblem p{x.size(0), x.size(1), weight.size(0)};
    require(!bias.defined() || bias.shape() == Shape{p.out}, "linear", "bias does not have {} values", p.out);
    Tensor y = context.empty({p.n, p.out});
    run_first(context, "linear", forward, p, x, weight, bias, y);
    record(context, "linear", {x, weight, bias}, {&y},
           [p, x = x.detach(), weight = weight.detach()](Context& c, std::vector<Tensor> dy, const std::vector<bool>& wanted) {
               std::vector<Tensor> gradients(3);
               if (wanted[0]) gradients[0] = c.empty({p.n, p.in});
               if (wanted[1]) gradients[1] = c.empty({p.out, p.in});
               if (wanted[2]) gradients[2] = c.empty({p.out});
               run_first(c, "linear_backward", backward, p, x, weight, dy[0], gradients[0], gradients[1], gradients[2]);
               return gradients;
           });
    return y;
}

}  // namespace cmtl
