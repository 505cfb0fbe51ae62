#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/fire_join.hpp"

namespace cmtl {

struct FireJoinProblem {
    int64_t rows, one, three;  // the halves' channels
    bool bypass, training;
    std::string text() const {
        return fmt::format("{}x({}+{}){}{}", rows, one, three, bypass ? " bypass" : "", training ? " training" : "");
    }
};

// (one, three, bypass: tensors may be let go; options, result: assigned). Each implementation records its own backward pass.
using FireJoin = Implementation<FireJoinProblem, FireJoinHalf&, FireJoinHalf&, Tensor&, const FireJoinOptions&, Tensor&>;

std::vector<FireJoin> gpu_fire_join();

}  // namespace cmtl
