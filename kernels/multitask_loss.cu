#include "kernels/multitask_loss.hpp"

#include "kernels/multitask_loss.cuh"

namespace cmtl::kernels {

template <>
void dirichlet_weights<Target>(Stream stream, const DirichletAlphas& alphas, int draws, const DrawKey& key, double* weights) {
    launch({"dirichlet_weights", 1, dirichlet_lanes, 0, stream}, dirichlet_weights_kernel, alphas, draws, key, weights);
}

template <>
void weighted_sum_forward<Target>(Stream stream, const TaskLosses& losses, const double* weights, float* total) {
    launch({"weighted_sum_forward", 1, 32, 0, stream}, weighted_sum_forward_kernel, losses, weights, total);
}

template <>
void weighted_sum_backward<Target>(Stream stream, int count, const double* weights, const float* dtotal, const TaskGradients& gradients) {
    launch({"weighted_sum_backward", 1, 32, 0, stream}, weighted_sum_backward_kernel, count, weights, dtotal, gradients);
}

template <>
void uncertainty_sum_forward<Target>(Stream stream, const TaskLosses& losses, const float* log_variances, float* total) {
    launch({"uncertainty_sum_forward", 1, 32, 0, stream}, uncertainty_sum_forward_kernel, losses, log_variances, total);
}

template <>
void uncertainty_sum_backward<Target>(Stream stream, const TaskLosses& losses, const float* log_variances, const float* dtotal,
                                      const TaskGradients& gradients, float* dlog_variances) {
    launch({"uncertainty_sum_backward", 1, 32, 0, stream}, uncertainty_sum_backward_kernel, losses, log_variances, dtotal, gradients,
           dlog_variances);
}

template <>
void uncertainty_weights<Target>(Stream stream, int count, const float* log_variances, double* weights) {
    launch({"uncertainty_weights", 1, 32, 0, stream}, uncertainty_weights_kernel, count, log_variances, weights);
}

template <>
void track_losses<Target>(Stream stream, const TaskLosses& losses, const float* total, const double* weights, double* tracker) {
    launch({"track_losses", 1, 32, 0, stream}, track_losses_kernel, losses, total, weights, tracker);
}

}  // namespace cmtl::kernels
