#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/dropout.hpp"

namespace cmtl {

struct DropoutProblem {
    int64_t count;
    double p;
    RandomKey key;
    int64_t channels = 0, sample = 0;  // channel_dropout: channels, and elements of a sample; else 0
    std::string text() const {
        return fmt::format("{} elements, p {}{}", count, p, channels > 0 ? ", whole channels" : "");
    }
};
// (x, y (may be x)): the same function is its own backward pass, the mask is drawn again.
using Dropout = Implementation<DropoutProblem, const Tensor&, const Tensor&>;

std::vector<Dropout> cpu_dropout(), gpu_dropout();

}  // namespace cmtl
