#include "engine/operators/dropout_problem.hpp"

namespace cmtl {

std::vector<Dropout> gpu_dropout() { return {}; }

}  // namespace cmtl
