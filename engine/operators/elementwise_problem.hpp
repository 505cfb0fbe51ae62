#pragma once
#include "engine/implementation.hpp"
#include "engine/operators/elementwise.hpp"

namespace cmtl {

struct ElementwiseProblem {
    int64_t count;
    std::string text() const { return fmt::format("{} elements", count); }
};
// (x, y) and (y, dy, dx (may be dy))
using ReluForward = Implementation<ElementwiseProblem, const Tensor&, const Tensor&>;
using ReluBackward = Implementation<ElementwiseProblem, const Tensor&, const Tensor&, const Tensor&>;
// (a, b, sum)
using AddForward = Implementation<ElementwiseProblem, const Tensor&, const Tensor&, const Tensor&>;

struct ConcatProblem {
    int64_t rows;
    std::vector<int64_t> channels;
    std::string text() const;
};
// join: parts into the whole; split: the whole into parts.
using ConcatJoin = Implementation<ConcatProblem, const std::vector<Tensor>&, const Tensor&>;
using ConcatSplit = ConcatJoin;

std::vector<ReluForward> cpu_relu_forward();
std::vector<ReluBackward> cpu_relu_backward();
std::vector<AddForward> cpu_add_forward();
std::vector<ConcatJoin> cpu_concat_join();
std::vector<ConcatSplit> cpu_concat_split();

}  // namespace cmtl
