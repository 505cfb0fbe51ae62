#include "kernels/softmax_cross_entropy.hpp"

#include "kernels/softmax_cross_entropy.cuh"

namespace cmtl::kernels {

template <>
void softmax<Target>(Stream stream, int64_t n, int64_t classes, const float* logits, float* probabilities) {
    if (n == 0) return;
    launch({"softmax", blocks_for(n, 64), 64, 0, stream}, softmax_kernel, n, classes, logits, probabilities);
}

template <>
void softmax_cross_entropy_forward<Target>(Stream stream, int64_t n, int64_t classes, const float* logits,
                                           const int64_t* labels, const float* weights, float* loss,
                                           float* probabilities) {
    launch({"cross_entropy_forward", 1, cross_entropy_threads, 0, stream}, cross_entropy_forward_kernel, n, classes,
           logits, labels, weights, loss, probabilities);
}

template <>
void softmax_cross_entropy_backward<Target>(Stream stream, int64_t n, int64_t classes, const float* probabilities,
                                            const int64_t* labels, const float* weights, const float* dloss,
                                            float* dlogits) {
    if (n == 0) return;
    launch({"cross_entropy_backward", 1, cross_entropy_threads, 0, stream}, cross_entropy_backward_kernel, n, classes,
           probabilities, labels, weights, dloss, dlogits);
}

}  // namespace cmtl::kernels
