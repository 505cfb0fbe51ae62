#include "engine/operators/batch_norm3d_problem.hpp"

namespace cmtl {

std::vector<BatchNorm3dForward> gpu_batch_norm3d_forward() { return {}; }
std::vector<BatchNorm3dBackward> gpu_batch_norm3d_backward() { return {}; }

}  // namespace cmtl
