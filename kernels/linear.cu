#include "kernels/linear.hpp"

#include "kernels/linear.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace dense {
const dim3 block(warp_size, warps);
unsigned pieces(int64_t count, int64_t by) { return static_cast<unsigned>((count + by - 1) / by); }
}  // namespace dense
}  // namespace CMTL_TARGET

template <>
void linear_forward<Target>(Stream stream, const LinearSizes& s, const float* x, const float* weight, const float* bias, float* y) {
    using namespace dense;
    if (!s.n || !s.out) return;
    launch({"linear_forward", dim3(pieces(s.out, warps), pieces(s.n, rows)), block, 0, stream}, linear_forward_kernel, s, x, weight, bias, y);
}

template <>
void linear_backward<Target>(Stream stream, const LinearSizes& s, const float* x, const float* weight, const float* dy, float* dx,
                             float* dweight, float* dbias) {
    using namespace dense;
    if (dx && s.n && s.in)
        launch({"linear_input_gradient", dim3(pieces(s.in, warp_size), pieces(s.n, rows)), block, 0, stream}, linear_input_gradient_kernel,
               s, weight, dy, dx);
    if (dweight && s.in && s.out)
        launch({"linear_weight_gradient", dim3(pieces(s.in, warp_size), pieces(s.out, warps * outs)), block, 0, stream},
               linear_weight_gradient_kernel, s, x, dy, dweight);
    if (dbias && s.out)
        launch({"linear_bias_gradient", dim3(pieces(s.out, warp_size)), block, 0, stream}, linear_bias_gradient_kernel, s, dy, dbias);
}

}  // namespace cmtl::kernels
