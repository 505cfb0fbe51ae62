#include "engine/operators/stem_problem.hpp"

namespace cmtl {

std::vector<Stem> gpu_stem() { return {}; }

}  // namespace cmtl
