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

// (sum, more): sum += more
using Accumulate = Implementation<ElementwiseProblem, const Tensor&, const Tensor&>;
// (value, target f32)
using Fill = Implementation<ElementwiseProblem, float, const Tensor&>;
// (from, to): between any two dtypes; f32 to bf16 rounds to nearest even
using Cast = Implementation<ElementwiseProblem, const Tensor&, const Tensor&>;

struct ConcatProblem {
    int64_t rows;
    std::vector<int64_t> channels;
    std::string text() const;
};
// join: parts into the whole; split: the whole into parts.
using ConcatJoin = Implementation<ConcatProblem, const std::vector<Tensor>&, const Tensor&>;
using ConcatSplit = ConcatJoin;

std::vector<Accumulate> cpu_accumulate(), gpu_accumulate();
std::vector<Fill> cpu_fill(), gpu_fill();
std::vector<Cast> cpu_cast(), gpu_cast();
std::vector<ReluForward> cpu_relu_forward(), gpu_relu_forward();
std::vector<ReluBackward> cpu_relu_backward(), gpu_relu_backward();
std::vector<AddForward> cpu_add_forward(), gpu_add_forward();
std::vector<ConcatJoin> cpu_concat_join(), gpu_concat_join();
std::vector<ConcatSplit> cpu_concat_split(), gpu_concat_split();

}  // namespace cmtl
