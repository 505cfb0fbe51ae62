#include "kernels/elementwise.hpp"

#include "kernels/elementwise.cuh"

namespace cmtl::kernels {

template <>
void relu_forward<Target>(Stream stream, int64_t count, const float* x, float* y) {
    launch({"relu_forward", blocks_for(count, 256), 256, 0, stream}, relu_forward_kernel, count, x, y);
}

template <>
void relu_backward<Target>(Stream stream, int64_t count, const float* y, const float* dy, float* dx) {
    launch({"relu_backward", blocks_for(count, 256), 256, 0, stream}, relu_backward_kernel, count, y, dy, dx);
}

}  // namespace cmtl::kernels
