#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/shift3d.hpp"

namespace cmtl {

struct Shift3dProblem {
    int64_t n, d, h, w, channels;
    std::optional<float> fill;
    bool inverse;  // the plan's shifts the other way
    std::string text() const { return fmt::format("{}x{}x{}x{}x{}{}", n, d, h, w, channels, fill ? " filled" : " circular"); }
};
// (x, plan, y)
using Shift3d = Implementation<Shift3dProblem, const Tensor&, const Tensor&, const Tensor&>;

struct Shift3dPlanProblem {
    RandomKey key;
    Shape x;
    Shift3dOptions options;
    std::string text() const { return fmt::format("{} step {}", x.text(), key.step); }
};
// (plan: written)
using Shift3dPlan = Implementation<Shift3dPlanProblem, const Tensor&>;

std::vector<Shift3dPlan> cpu_shift3d_plan(), gpu_shift3d_plan();
std::vector<Shift3d> cpu_shift3d(), gpu_shift3d();

}  // namespace cmtl
