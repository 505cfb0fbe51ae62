#include "engine/operators/adaptive_max_pool3d.hpp"

#include <limits>

#include "engine/autograd.hpp"
#include "engine/operators/adaptive_max_pool3d_problem.hpp"

namespace cmtl {

Tensor adaptive_max_pool3d(Context& context, const Tensor& x, const Axes& out) {
    static const auto forward = joined(cpu_adaptive_max_pool3d_forward(), gpu_adaptive_max_pool3d_forward());
    static const auto backward = joined(cpu_adaptive_max_pool3d_backward(), gpu_adaptive_max_pool3d_backward());
    require(x.rank() == 5 && x.count() > 0, "adaptive_max_pool3d", "x {} wants five axes and elements",
            x.shape().text());
    require(out.least() >= 1 && out.most() <= 1 << 20, "adaptive_max_pool3d", "out {} is not positive", out.text());
    const AdaptiveMaxPool3dProblem p{x.size(0), x.size(1), x.size(2), x.size(3), x.size(4), out};
    require(p.d * p.h * p.w <= std::numeric_limits<int32_t>::max(), "adaptive_max_pool3d",
            "x {} has 2^31 positions or more", x.shape().text());
    Tensor y = context.empty(p.y_shape());
    Tensor winner;
    if (recording(context, {&x})) winner = context.empty(p.y_shape(), Dtype::i32);
    run_first(context, "adaptive_max_pool3d", forward, p, x, y, winner);
    record(context, "adaptive_max_pool3d", {x}, {&y},
           [p, winner](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
               Tensor dx = c.empty(p.x_shape());
               run_first(c, "adaptive_max_pool3d_backward", backward, p, dy[0], winner, dx);
               return std::vector<Tensor>{dx};
           });
    return y;
}

}  // namespace cmtl
