#pragma once
// One optimiser step as implementation lists: every parameter at once, so that a GPU needs few launches.
#include "engine/implementation.hpp"
#include "engine/optimiser.hpp"

namespace cmtl {

struct SgdProblem {
    SgdOptions options;
    double learning_rate;
    size_t tensors;
    std::string text() const { return fmt::format("{} tensors, learning rate {}", tensors, learning_rate); }
};
struct SgdTensors {
    Tensor weight, velocity, gradient;  // f32, equal shapes
};
// (tensors; guard: undefined, or f64 whose last element is 0 as long as updates may go on; control: undefined, or as
// prepared)
using SgdUpdate = Implementation<SgdProblem, const std::vector<SgdTensors>&, const Tensor&, const Tensor&>;

struct AdamWProblem {
    AdamWOptions options;
    size_t tensors;
    std::string text() const { return fmt::format("{} tensors", tensors); }
};
struct AdamWTensors {
    Tensor weight, mean, square, gradient;  // f32, equal shapes
};
// (tensors, guard, control)
using AdamWUpdate = Implementation<AdamWProblem, const std::vector<AdamWTensors>&, const Tensor&, const Tensor&>;

// Brings the control (kernels::UpdateControl, f64) to the coming update.
struct PrepareProblem {
    double learning_rate, clip_norm;  // 0: no norm is computed
    int64_t micro_batches;
    std::array<double, 3> betas_and_decay;  // AdamW's
    size_t tensors;
    std::string text() const {
        return fmt::format("{} tensors, norm up to {}, mean of {}", tensors, clip_norm, micro_batches);
    }
};
// (gradients, guard, control)
using PrepareUpdate = Implementation<PrepareProblem, const std::vector<Tensor>&, const Tensor&, const Tensor&>;

std::vector<SgdUpdate> cpu_sgd_update(), gpu_sgd_update();
std::vector<AdamWUpdate> cpu_adamw_update(), gpu_adamw_update();
std::vector<PrepareUpdate> cpu_prepare_update(), gpu_prepare_update();

}  // namespace cmtl
