#pragma once
// A handful of scalars: one warp each, some microseconds of latency, no traffic to speak of. What matters is that the host
// neither draws the weights nor sees a loss, so it never waits for the device.
#include "kernels/dialect.hpp"
#include "kernels/multitask_loss.hpp"
#include "kernels/primitives/philox.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

constexpr int dirichlet_lanes = 32;

// A lane makes whole draws; lane k then adds up weight k in the order of the draws.
__global__ void dirichlet_weights_kernel(DirichletAlphas alphas, int count, DrawKey key, double* weights) {
    __shared__ double alpha[most_tasks], drawn[dirichlet_lanes][most_tasks];
    // One draw for all micro-batches of a step.
    const draws::Key generator{
        key.seed, draws::subsequence(key.purpose, key.state ? draws::whole_step(key.state->step) : key.step)};
    const int lane = static_cast<int>(threadIdx.x);
    if (lane == 0) {
#pragma unroll
        for (int k = 0; k < most_tasks; ++k) alpha[k] = alphas.alpha[k];
    }
    __syncthreads();
    double weight = 0;
    for (int first = 0; first < count; first += dirichlet_lanes) {
        if (first + lane < count)
            draws::DrawStream(generator, static_cast<uint64_t>(first + lane)).dirichlet(alpha, drawn[lane], alphas.count);
        __syncthreads();
        if (lane < alphas.count)
            for (int i = 0; i < dirichlet_lanes && first + i < count; ++i) weight += drawn[i][lane] / count;
        __syncthreads();
    }
    if (lane < alphas.count) weights[lane] = weight;
}

// The loops below are unrolled: an index that the compiler knows keeps the pointers in the launch's constants.

__global__ void weighted_sum_forward_kernel(TaskLosses losses, const double* weights, float* total) {
    if (first_item() != 0) return;
    double sum = 0;
#pragma unroll
    for (int k = 0; k < most_tasks; ++k)
        if (k < losses.count) sum += weights[k] * static_cast<double>(*losses.loss[k]);
    *total = static_cast<float>(sum);
}

__global__ void weighted_sum_backward_kernel(int count, const double* weights, const float* dtotal, TaskGradients gradients) {
    if (first_item() != 0) return;
    const double scale = static_cast<double>(*dtotal);
#pragma unroll
    for (int k = 0; k < most_tasks; ++k)
        if (k < count && gradients.loss[k]) *gradients.loss[k] = static_cast<float>(weights[k] * scale);
}

__global__ void uncertainty_sum_forward_kernel(TaskLosses losses, const float* log_variances, float* total) {
    if (first_item() != 0) return;
    double sum = 0;
#pragma unroll
    for (int k = 0; k < most_tasks; ++k)
        if (k < losses.count) {
            const double s = static_cast<double>(log_variances[k]);
            sum += exp(-s) * static_cast<double>(*losses.loss[k]) + s / 2;
        }
    *total = static_cast<float>(sum);
}

__global__ void uncertainty_sum_backward_kernel(TaskLosses losses, const float* log_variances, const float* dtotal,
                                                TaskGradients gradients, float* dlog_variances) {
    if (first_item() != 0) return;
    const double scale = static_cast<double>(*dtotal);
#pragma unroll
    for (int k = 0; k < most_tasks; ++k)
        if (k < losses.count) {
            const double factor = exp(-static_cast<double>(log_variances[k]));
            if (gradients.loss[k]) *gradients.loss[k] = static_cast<float>(scale * factor);
            if (dlog_variances) dlog_variances[k] = static_cast<float>(scale * (0.5 - factor * static_cast<double>(*losses.loss[k])));
        }
}

__global__ void uncertainty_weights_kernel(int count, const float* log_variances, double* weights) {
    for (int64_t k = first_item(); k < count; k += item_stride()) weights[k] = exp(-static_cast<double>(log_variances[k]));
}

__global__ void track_losses_kernel(TaskLosses losses, const float* total, const double* weights, double* tracker) {
    if (first_item() != 0) return;
    double& broken = tracker[2 + 2 * losses.count];
    if (broken != 0) return;  // true for NaN
    if (!(fabsf(*total) <= 3.402823466e38f)) {
        broken = static_cast<double>(*total);
        return;
    }
    tracker[0] += static_cast<double>(*total);
    tracker[1 + 2 * losses.count] += 1;
#pragma unroll
    for (int k = 0; k < most_tasks; ++k)
        if (k < losses.count) {
            tracker[1 + k] += static_cast<double>(*losses.loss[k]);
            tracker[1 + losses.count + k] += weights[k];
        }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
