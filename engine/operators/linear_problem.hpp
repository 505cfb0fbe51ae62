#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/linear.hpp"

namespace cmtl {

struct LinearProblem {
    int64_t n, in, out;
    double flops() const { return 2.0 * double(n) * double(in) * double(out); }
    std::string text() const { return fmt::format("{}x{} to {}", n, in, out); }
};
// (x, weight, bias or undefined, y)
using LinearForward = Implementation<LinearProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&>;
// (x, weight, dy, dx, dweight, dbias; each gradient may be undefined: not wanted)
using LinearBackward = Implementation<LinearProblem, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>;

std::vector<LinearForward> cpu_linear_forward(), gpu_linear_forward();
std::vector<LinearBackward> cpu_linear_backward(), gpu_linear_backward();

}  // namespace cmtl
