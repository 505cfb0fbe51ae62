#include "engine/operators/conv3d.hpp"

#include "engine/autograd.hpp"
#include "engine/gpu/conv3d_cudnn.hpp"
#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

const std::vector<Conv3dForward>& conv3d_forward_implementations() {
    static const auto list = joined(cpu_conv3d_forward(), library_conv3d_forward(), gpu_conv3d_forward());
    return list;
}
const std::vector<Conv3dBackwardData>& conv3d_backward_data_implementations() {
    static const auto list = joined(cpu_conv3d_backward_data(), library_conv3d_backward_data(), gpu_conv3d_backward_data());
    return list;
}
const std::vector<Conv3dBackwardWeights>& conv3d_backward_weights_implementations() {
    static const auto list = joined(cpu_conv3d_backward_weights(), library_conv3d_backward_weights(), gpu_conv3d_backward_weights());
    return list;
}

Tensor conv3d(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv3dOptions& options) {
    require(x.rank() == 5 && weight.rank() == 5, "conv3d", "x {} and weight {} want five axes", x.shape().text(), weight.shape().text());
    const Conv3dProblem p{x.size(0), x.size(1), x.size(2), x.size(3), x.size(4), weight.size(0),
                          {weight.size(1), weight.size(2), weight.size(3)}, options.stride, options.padding, context.compute()};
    require(weight.shape() == p.weight_shape(), "conv3d", "weight {} does not fit x {}: expected {}", weight.shape().text(),
            x.shape().text(), p.weight_shape().text());
    for (int axis = 0; axis < 3; ++axis) {
        const int64_t kernel = p.kernel[axis], padding = p.padding[axis];
        require(kernel == 1 || kernel == 3 || kernel == 5 || kernel == 7, "conv3d", "kernel {} has another size than 1, 3, 5, 7",
                p.kernel.text());
        require(p.stride[axis] >= 1 && padding >= 0 && padding < kernel, "conv3d", "stride {} or padding {} is out of range",
                p.stride.text(), p.padding.text());
        require(x.size(axis + 1) + 2 * padding >= kernel, "conv3d", "x {} is smaller than the kernel {}", x.shape().text(),
                p.kernel.text());
    }
    require(!bias.defined() || bias.shape() == Shape{p.out}, "conv3d", "bias does not have {} values", p.out);

    Tensor y = context.empty(p.y_shape());
    run_first(context, "conv3d", conv3d_forward_implementations(), p, x, weight, bias, y);
    record(context, "conv3d", {x, weight, bias}, {&y},
           [p, x = x.detach(), weight = weight.detach()](Context& c, std::vector<Tensor> dy, const std::vector<bool>& wanted) {
               Tensor dx, dweight, dbias;
               if (wanted[1] || wanted[2]) {
                   dweight = c.empty(p.weight_shape());
                   if (wanted[2]) dbias = c.empty({p.out});
                   run_first(c, "conv3d_backward_weights", conv3d_backward_weights_implementations(), p, x, dy[0], dweight, dbias);
               }
               if (wanted[0]) {
                   dx = c.empty(p.x_shape());
                   run_first(c, "conv3d_backward_data", conv3d_backward_data_implementations(), p, dy[0], weight, dx);
               }
               return std::vector<Tensor>{dx, dweight, dbias};
           });
    return y;
}

}  // namespace cmtl
