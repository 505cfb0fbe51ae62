#pragma once
#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

// cuDNN's and cuBLASLt's implementations, in order of preference; in the operator's lists they stand before the kernels
// of our own.
std::vector<Conv3dForward> library_conv3d_forward();
std::vector<Conv3dBackwardData> library_conv3d_backward_data();
std::vector<Conv3dBackwardWeights> library_conv3d_backward_weights();

}  // namespace cmtl
