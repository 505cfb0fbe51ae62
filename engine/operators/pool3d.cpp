#include "engine/operators/pool3d.hpp"

#include "engine/autograd.hpp"
#include "engine/operators/pool3d_problem.hpp"

namespace cmtl {

namespace {
Pool3dProblem checked(std::string_view op, const Tensor& x, const Pool3dOptions& o) {
    require(x.rank() == 5, op, "x {} wants five axes", x.shape().text());
    for (int axis = 0; axis < 3; ++axis) {
        const int64_t kernel = o.kernel[axis], padding = o.padding[axis];
        require(kernel >= 1 && kernel <= 6 && o.stride[axis] >= 1 && padding >= 0 && 2 * padding <= kernel, op,
                "kernel {}, stride {}, padding {}: padding is at most half the kernel, the kernel at most 6", o.kernel.text(),
                o.stride.text(), o.padding.text());
        require(x.size(axis + 1) + 2 * padding >= kernel, op, "x {} is smaller than the kernel {}", x.shape().text(),
                o.kernel.text());
    }
    return {x.size(0), x.size(1), x.size(2), x.size(3), x.size(4), o};
}
}  // namespace

Tensor max_pool3d(Context& context, const Tensor& x, const Pool3dOptions& options) {
    static const auto forward = joined(cpu_max_pool3d_forward(), gpu_max_pool3d_forward());
    static const auto backward = joined(cpu_max_pool3d_backward(), gpu_max_pool3d_backward());
    const Pool3dProblem p = checked("max_pool3d", x, options);
    Tensor y = context.empty(p.y_shape());
    Tensor winner;
    if (recording(context, {&x})) winner = context.empty(p.y_shape(), Dtype::u8);
    run_first(context, "max_pool3d", forward, p, x, y, winner);
    record(context, "max_pool3d", {x}, {&y}, [p, winner](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        Tensor dx = c.empty(p.x_shape());
        run_first(c, "max_pool3d_backward", backward, p, dy[0], winner, dx);
        return std::vector<Tensor>{dx};
    });
    return y;
}

Tensor avg_pool3d(Context& context, const Tensor& x, const Pool3dOptions& options) {
    static const auto forward = joined(cpu_avg_pool3d_forward(), gpu_avg_pool3d_forward());
    static const auto backward = joined(cpu_avg_pool3d_backward(), gpu_avg_pool3d_backward());
    const Pool3dProblem p = checked("avg_pool3d", x, options);
    Tensor y = context.empty(p.y_shape());
    run_first(context, "avg_pool3d", forward, p, x, y);
    record(context, "avg_pool3d", {x}, {&y}, [p](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        Tensor dx = c.empty(p.x_shape());
        run_first(c, "avg_pool3d_backward", backward, p, dy[0], dx);
        return std::vector<Tensor>{dx};
    });
    return y;
}

Tensor global_avg_pool3d(Context& context, const Tensor& x) {
    static const auto forward = joined(cpu_global_avg_pool3d_forward(), gpu_global_avg_pool3d_forward());
    static const auto backward = joined(cpu_global_avg_pool3d_backward(), gpu_global_avg_pool3d_backward());
    require(x.rank() == 5, "global_avg_pool3d", "x {} wants five axes", x.shape().text());
    const Pool3dProblem p{x.size(0), x.size(1), x.size(2), x.size(3), x.size(4), {1, 1, 0}};
    Tensor y = context.empty({p.n, p.channels});
    run_first(context, "global_avg_pool3d", forward, p, x, y);
    record(context, "global_avg_pool3d", {x}, {&y}, [p](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        Tensor dx = c.empty(p.x_shape());
        run_first(c, "global_avg_pool3d_backward", backward, p, dy[0], dx);
        return std::vector<Tensor>{dx};
    });
    return y;
}

}  // namespace cmtl
