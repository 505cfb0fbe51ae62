#pragma once
// Launchers of the sums of the tasks' losses. Every number stays on the device: losses and gradients are single f32 elements of
// tensors of their own, named by pointers that travel with the launch.
#include <cstdint>

#include "kernels/step_state.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

constexpr int most_tasks = 8;

struct TaskLosses {
    int count;                      // 1 .. most_tasks
    const float* loss[most_tasks];
};
struct TaskGradients {
    float* loss[most_tasks];        // nullptr: not asked for
};
struct DirichletAlphas {
    int count;                      // 1 .. most_tasks
    double alpha[most_tasks];       // positive and finite
};

// weights: f64 (K), the mean of `draws` draws from Dirichlet(alpha); draw i is RandomStream(key, i).dirichlet, bit for bit.
template <class Target>
void dirichlet_weights(Stream stream, const DirichletAlphas& alphas, int draws, const DrawKey& key, double* weights);

// total (1) = sum_k weights[k] * loss[k].
template <class Target>
void weighted_sum_forward(Stream stream, const TaskLosses& losses, const double* weights, float* total);
// gradient[k] = weights[k] * dtotal.
template <class Target>
void weighted_sum_backward(Stream stream, int count, const double* weights, const float* dtotal, const TaskGradients& gradients);

// total (1) = sum_k exp(-s_k) loss[k] + s_k / 2; log_variances: s, f32 (K).
template <class Target>
void uncertainty_sum_forward(Stream stream, const TaskLosses& losses, const float* log_variances, float* total);
// gradient[k] = exp(-s_k) dtotal; ds_k = (1/2 - exp(-s_k) loss[k]) dtotal.
template <class Target>
void uncertainty_sum_backward(Stream stream, const TaskLosses& losses, const float* log_variances, const float* dtotal,
                              const TaskGradients& gradients, float* dlog_variances);
// weights: f64 (K), exp(-s_k).
template <class Target>
void uncertainty_weights(Stream stream, int count, const float* log_variances, double* weights);

// tracker: f64 (3 + 2K): adds total, losses, weights and 1; the last element becomes the first total that is not finite, and
// nothing is added from then on.
template <class Target>
void track_losses(Stream stream, const TaskLosses& losses, const float* total, const double* weights, double* tracker);

}  // namespace cmtl::kernels
