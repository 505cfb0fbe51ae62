#pragma once
#include <optional>
#include <vector>

#include "engine/context.hpp"
#include "engine/random.hpp"

namespace cmtl {

struct Shift3dOptions {
    double p = 0.25;          // probability that a sample is shifted
    double max_shift = 0.2;   // largest shift as a share of the axis' size
    bool whole_batch = false;  // one draw of "shifted or not" for the batch instead of one per sample
    std::optional<float> fill = std::nullopt;  // value for what moves in; empty: circular
    int64_t decay_steps = 0;  // p falls to 0 over this many steps along half a cosine, and stays 0; 0: constant
};

// p at a step, after decay: the same for all its micro-batches.
double shift3d_probability(const Shift3dOptions& options, uint64_t step);

// The draws: i32 (N, C, 2) on the host, per sample and channel (axis 0..2 = D, H, W; signed shift). key.step is the training
// step. Sample n is shifted when uniform_float(philox(key, n)[0]) <= p; channel (n, c) then draws from
// philox(key, 2^32 + n * C + c): word 0 the axis, word 1 the amount in {0 .. floor(max_shift * size)}, word 2 the sign.
// Throws Error(usage) for p or max_shift outside [0, 1].
std::vector<int32_t> shift3d_plan(const RandomKey& key, const Shape& x, const Shift3dOptions& options);
// The same draws as a tensor, i32 (N, C, 2); drawn on the device where there is one.
Tensor shift3d_plan(Context& context, const RandomKey& key, const Shape& x, const Shift3dOptions& options);

// Rolls every channel of every sample by its plan: result[.., (i + shift) mod size, ..] = x[.., i, ..], or `fill` moves in.
// x: (N, D, H, W, C); plan: i32 (N, C, 2), as shift3d_plan draws it. As torch.roll per channel. The backward pass is the
// inverse shift. The second form takes a plan from the host; throws Error(internal) for an axis that is not 0, 1 or 2.
Tensor shift3d(Context& context, const Tensor& x, const Tensor& plan, std::optional<float> fill = {});
Tensor shift3d(Context& context, const Tensor& x, const std::vector<int32_t>& plan, std::optional<float> fill = {});

}  // namespace cmtl
