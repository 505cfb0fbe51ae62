#pragma once
// What changes from one training step to the next, in device memory, so that a recorded graph of the step can be replayed: kernels
// that get a pointer to it read these numbers instead of their arguments.
#include <cstdint>

namespace cmtl::kernels {

struct StepState {
    uint64_t step;              // keys the random draws: draws::micro_step()
    double shift_probability;   // of Shift3D at this step
    double learning_rate;
};

// A RandomKey (engine/random.hpp) as kernels take it.
struct DrawKey {
    uint64_t seed;
    uint32_t purpose;
    uint64_t step;             // used when state is nullptr
    const StepState* state;    // device memory, or nullptr
};

}  // namespace cmtl::kernels
