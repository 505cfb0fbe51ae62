#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/stem.hpp"

namespace cmtl {

struct StemProblem {
    Shape x;
    int64_t channels;
    bool training, shifted, records;
    std::string text() const {
        return fmt::format("{} to {}{}{}", x.text(), channels, training ? " training" : "", shifted ? " shifted" : "");
    }
};

// (x, parameters, options, result: assigned). Each implementation records its own backward pass.
using Stem = Implementation<StemProblem, const Tensor&, const StemParameters&, const StemOptions&, Tensor&>;

std::vector<Stem> cpu_stem(), gpu_stem();

}  // namespace cmtl
