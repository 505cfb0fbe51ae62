#pragma once
// Launchers of the optimisers' updates. Pointers are device memory; tables of tensors are host arrays that are read
// before the call returns, and 60 tensors take one launch.
#include <cstdint>

#include "kernels/step_state.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct GradientTensor {
    const float* gradient;
    int64_t count;
};

struct SgdTensor {
    float* weight;
    float* velocity;
    const float* gradient;
    int64_t count;
};

struct AdamWTensor {
    float* weight;
    float* mean;    // exp_avg
    float* square;  // exp_avg_sq
    const float* gradient;
    int64_t count;
};

// What an update leaves for the next and for its own kernels, in device memory. All doubles, so that it is an f64
// tensor.
struct UpdateControl {
    double steps;      // updates so far
    double norm_sum;   // of their gradients' norms, before clipping; 0 where norms are not computed
    double norm;       // of this step's gradient
    double scale;      // gradients are multiplied by it as they are read
    double decay;      // AdamW: 1 - learning rate * weight decay,
    double step_size;  // learning rate / (1 - beta1^steps),
    double root;       // sqrt(1 - beta2^steps)
};
constexpr int update_control_values = 7;

struct UpdateRules {
    double learning_rate;               // used when state is nullptr
    const StepState* state;             // device memory: holds the learning rate, or nullptr
    double clip_norm;                   // 0: no clipping
    int64_t micro_batches;              // gradients are sums over so many: their mean is what counts
    double beta1, beta2, weight_decay;  // AdamW's
    const double* guard;                // device memory, one element: unless it is 0 nothing changes; nullptr: always
};

struct SgdUpdate {
    float learning_rate;     // used when state is nullptr
    const StepState* state;  // device memory: holds the learning rate, or nullptr
    float momentum, weight_decay;
    bool nesterov;
    const double* guard;  // device memory, one element: unless it is 0 nothing is updated; nullptr: always update
    const double* scale = nullptr;  // device memory: gradients are multiplied by it; nullptr: taken as they are
};

struct AdamWUpdate {
    float take_mean;                 // 1 - beta1
    float keep_square, take_square;  // beta2, 1 - beta2
    float epsilon;
    const double* guard;           // as above
    const UpdateControl* control;  // of this step: prepare_update()
};

// Elements of a block.
constexpr int64_t update_share = 4096;
inline int64_t update_blocks(int64_t count) { return (count + update_share - 1) / update_share; }

// Partial sums of squares of all gradients, in double, one for each update_share elements of each tensor, in order:
// sums holds the sum of the tensors' update_blocks().
template <class Target>
void sum_squares(Stream stream, const GradientTensor* tensors, int64_t count, double* sums);

// Brings `control` to the coming update, number steps + 1. sums: what sum_squares left (`blocks` of them), or nullptr:
// no norm. scale = 1 / micro_batches * min(1, clip_norm / (norm + 1e-6)), norm that of the mean gradient, as
// torch.nn.utils.clip_grad_norm_.
template <class Target>
void prepare_update(Stream stream, const UpdateRules& rules, const double* sums, int64_t blocks,
                    UpdateControl* control);

// g = gradient + weight_decay w; v = momentum v + g; w -= learning_rate * (nesterov ? g + momentum v : v), for `count`
// tensors.
template <class Target>
void sgd_step(Stream stream, const SgdUpdate& update, const SgdTensor* tensors, int64_t count);

// w *= decay; mean += (1 - beta1) (g - mean); square = beta2 square + (1 - beta2) g^2;
// w -= step_size * mean / (sqrt(square) / root + epsilon), in torch.optim.AdamW's order.
template <class Target>
void adamw_step(Stream stream, const AdamWUpdate& update, const AdamWTensor* tensors, int64_t count);

}  // namespace cmtl::kernels
