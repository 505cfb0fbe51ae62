#include "engine/operators/batch_norm3d.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/batch_norm3d_problem.hpp"

namespace cmtl {

Tensor batch_norm3d(Context& context, const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                    const Tensor& running_variance, const BatchNorm3dOptions& options) {
    static const auto forward = joined(cpu_batch_norm3d_forward(), gpu_batch_norm3d_forward());
    static const auto backward = joined(cpu_batch_norm3d_backward(), gpu_batch_norm3d_backward());
    require(x.rank() >= 2, "batch_norm3d", "x {} wants a channel axis behind the batch", x.shape().text());
    const int64_t channels = x.size(-1), rows = channels ? x.count() / channels : 0;
    for (const Tensor* t : {&scale, &shift, &running_mean, &running_variance})
        require(t->shape() == Shape{channels}, "batch_norm3d", "a parameter is {}, x has {} channels", t->shape().text(), channels);
    if (options.training && rows < 2)
        fail(ErrorKind::input, "batch_norm3d", "x {} has one value per channel: training wants a larger batch or volume", x.shape().text());

    const BatchNorm3dProblem p{rows, channels, options};
    const BatchNorm3dStatistics statistics{context.empty({channels}), context.empty({channels}), context.empty({channels})};
    Tensor y = context.empty(x.shape());
    run_first(context, "batch_norm3d", forward, p, x, scale, shift, running_mean, running_variance, y, statistics);
    record(context, "batch_norm3d", {x, scale, shift}, {&y},
           [p, statistics, x = x.detach(), scale = scale.detach(), shift = shift.detach()](
               Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
               Tensor dx = dy[0].unique() ? dy[0] : c.empty(x.shape());
               Tensor dscale = c.empty({p.channels}), dshift = c.empty({p.channels});
               run_first(c, "batch_norm3d_backward", backward, p, x, dy[0], scale, shift, statistics, dx, dscale, dshift);
               return std::vector<Tensor>{dx, dscale, dshift};
           });
    return y;
}

}  // namespace cmtl
