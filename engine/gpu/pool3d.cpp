#include "engine/operators/pool3d_problem.hpp"

namespace cmtl {

std::vector<MaxPool3dForward> gpu_max_pool3d_forward() { return {}; }
std::vector<MaxPool3dBackward> gpu_max_pool3d_backward() { return {}; }
std::vector<AvgPool3dForward> gpu_avg_pool3d_forward() { return {}; }
std::vector<AvgPool3dBackward> gpu_avg_pool3d_backward() { return {}; }
std::vector<AvgPool3dForward> gpu_global_avg_pool3d_forward() { return {}; }
std::vector<AvgPool3dBackward> gpu_global_avg_pool3d_backward() { return {}; }

}  // namespace cmtl
