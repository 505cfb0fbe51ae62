#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

std::vector<Conv3dForward> gpu_conv3d_forward() { return {}; }
std::vector<Conv3dBackwardData> gpu_conv3d_backward_data() { return {}; }
std::vector<Conv3dBackwardWeights> gpu_conv3d_backward_weights() { return {}; }

}  // namespace cmtl
