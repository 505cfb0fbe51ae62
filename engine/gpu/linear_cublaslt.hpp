#pragma once
#include "engine/operators/linear_problem.hpp"

namespace cmtl {

// cuBLASLt's implementations; in the operator's lists they stand before the kernels of our own.
std::vector<LinearForward> library_linear_forward();
std::vector<LinearBackward> library_linear_backward();

}  // namespace cmtl
