#pragma once
// One optimiser step as an implementation list: every parameter at once, so that a GPU needs few launches.
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
// (tensors; guard: undefined, or f64 whose last element is 0 as long as updates may go on)
using SgdUpdate = Implementation<SgdProblem, const std::vector<SgdTensors>&, const Tensor&>;

std::vector<SgdUpdate> cpu_sgd_update(), gpu_sgd_update();

}  // namespace cmtl
