#include "engine/optimiser_problem.hpp"

namespace cmtl {

std::vector<SgdUpdate> gpu_sgd_update() { return {}; }

}  // namespace cmtl
