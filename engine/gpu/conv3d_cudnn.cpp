// Convolutions by NVIDIA's libraries, where a GPU and they are there: cuDNN, and cuBLASLt for 1x1x1. The gradient of
// the bias comes from a kernel of our own, in double: in front of a batch norm it is 0, and rounding would be all that
// is left of it.
#include "engine/gpu/conv3d_cudnn.hpp"

#include "engine/gpu/cublaslt.hpp"
#include "engine/gpu/cudnn.hpp"
#include "engine/gpu/library_choice.hpp"
#include "engine/gpu/target.hpp"
#include "kernels/column_sums.hpp"

namespace cmtl {

namespace {

using Direction = ConvDirection;

template <Direction direction>
Refusal cudnn_supports(const Context& context, const Conv3dProblem& p) {
    if (Refusal r = libraries_refusal(context.device()); !r.empty()) return r;
    const LibraryChoice choice = library_choice();
    if (Refusal r = cudnn_not_preferred(choice, p); !r.empty()) return r;
    // Plans are kept in the context: asking is the first half of running.
    Cudnn& cudnn = const_cast<Context&>(context).cudnn();
    if (Refusal r = cudnn.refusal(p, direction); !r.empty()) return r;
    return cudnn_not_preferred(choice, cudnn.plan(p, direction));
}

// x (P, I), weight (O, I), y (P, O), as products.
Product pointwise_product(const Conv3dProblem& p, Direction direction, bool bias) {
    const int64_t rows = p.positions();
    switch (direction) {
        case Direction::forward:
            return {false, true, rows, p.out, p.in, p.compute, bias};
        case Direction::backward_data:
            return {false, false, rows, p.in, p.out, p.compute, false};
        case Direction::backward_weights:
            return {true, false, p.out, p.in, rows, p.compute, false};
    }
    return {};
}

template <Direction direction>
Refusal cublaslt_supports(const Context& context, const Conv3dProblem& p) {
    if (Refusal r = libraries_refusal(context.device()); !r.empty()) return r;
    if (!p.pointwise()) return "not a 1x1x1 convolution of stride 1";
    if (Refusal r = cublaslt_not_preferred(library_choice()); !r.empty()) return r;
    CublasLt& cublaslt = const_cast<Context&>(context).cublaslt();
    Refusal r = cublaslt.refusal(pointwise_product(p, direction, false));
    return r.empty() && direction == Direction::forward ? cublaslt.refusal(pointwise_product(p, direction, true)) : r;
}

void bias_gradient(Context& context, const Conv3dProblem& p, const Tensor& dy, const Tensor& dbias) {
    if (!dbias.defined()) return;
    const Tensor scratch =
        context.empty({static_cast<int64_t>(kernels::column_sums_scratch(p.positions(), p.out))}, Dtype::u8);
    on_target(context, [&]<class Target>(Target) {
        kernels::column_sums<Target>(context.stream(), p.positions(), p.out, dy.device_data<float>(),
                                     dbias.device_data<float>(), scratch.raw());
    });
}

}  // namespace

std::vector<Conv3dForward> library_conv3d_forward() {
    return {{"cublaslt", cublaslt_supports<Direction::forward>,
             [](Context& c, const Conv3dProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const Tensor& y) {
                 c.cublaslt().run(c, pointwise_product(p, Direction::forward, bias.defined()), x, weight, bias, y);
             }},
            {"cudnn", cudnn_supports<Direction::forward>,
             [](Context& c, const Conv3dProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const Tensor& y) { c.cudnn().run(c, p, Direction::forward, x, weight, y, bias); }}};
}

std::vector<Conv3dBackwardData> library_conv3d_backward_data() {
    return {{"cublaslt", cublaslt_supports<Direction::backward_data>,
             [](Context& c, const Conv3dProblem& p, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
                 c.cublaslt().run(c, pointwise_product(p, Direction::backward_data, false), dy, weight, {}, dx);
             }},
            {"cudnn", cudnn_supports<Direction::backward_data>,
             [](Context& c, const Conv3dProblem& p, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
                 c.cudnn().run(c, p, Direction::backward_data, dx, weight, dy);
             }}};
}

std::vector<Conv3dBackwardWeights> library_conv3d_backward_weights() {
    return {{"cublaslt", cublaslt_supports<Direction::backward_weights>,
             [](Context& c, const Conv3dProblem& p, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                const Tensor& dbias) {
                 c.cublaslt().run(c, pointwise_product(p, Direction::backward_weights, false), dy, x, {}, dweight);
                 bias_gradient(c, p, dy, dbias);
             }},
            {"cudnn", cudnn_supports<Direction::backward_weights>,
             [](Context& c, const Conv3dProblem& p, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                const Tensor& dbias) {
                 c.cudnn().run(c, p, Direction::backward_weights, x, dweight, dy);
                 bias_gradient(c, p, dy, dbias);
             }}};
}

}  // namespace cmtl
