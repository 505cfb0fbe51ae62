#include "engine/operators/shift3d_problem.hpp"

namespace cmtl {

std::vector<Shift3d> gpu_shift3d() { return {}; }
std::vector<Shift3dPlan> gpu_shift3d_plan() { return {}; }

}  // namespace cmtl
