#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/shift3d.hpp"

namespace cmtl {

struct Shift3dProblem {
    int64_t n, d, h, w, channels;
    std::optional<float> fill;
    std::string text() const { return fmt::format("{}x{}x{}x{}x{}{}", n, d, h, w, channels, fill ? " filled" : " circular"); }
};
// (x, plan, y)
using Shift3d = Implementation<Shift3dProblem, const Tensor&, const std::vector<int32_t>&, const Tensor&>;

std::vector<Shift3d> cpu_shift3d();

}  // namespace cmtl
