#pragma once
// Launcher of the optimiser's update. Pointers are device memory.
#include <cstdint>

#include "kernels/step_state.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct SgdTensor {
    float* weight;
    float* velocity;
    const float* gradient;
    int64_t count;
};

struct SgdUpdate {
    float learning_rate;      // used when state is nullptr
    const StepState* state;   // device memory: holds the learning rate, or nullptr
    float momentum, weight_decay;
    bool nesterov;
    const double* guard;      // device memory, one element: unless it is 0 nothing is updated; nullptr: always update
};

// g = gradient + weight_decay w; v = momentum v + g; w -= learning_rate * (nesterov ? g + momentum v : v), for `count` tensors
// in a host array that is read before the call returns. 60 tensors take one launch.
template <class Target>
void sgd_step(Stream stream, const SgdUpdate& update, const SgdTensor* tensors, int64_t count);

}  // namespace cmtl::kernels
