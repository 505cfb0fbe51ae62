#pragma once
// What the operators' benchmarks share. Figures stand beside this machine's own limits, measured in the same run:
// %fma is the share of the FMA peak, %mem that of the streaming bandwidth (above 100 where tensors fit into the caches).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "engine/autograd.hpp"

namespace cmtl {

// The device of all benchmarks: --device.
void set_bench_device(Device device);
ContextOptions bench_options(Dtype compute = Dtype::f32);

// f32 between -1 and 1, keyed by `seed`.
Tensor bench_values(Context& context, const Shape& shape, uint64_t seed);

// Calls `body` in each iteration; the mean seconds of one call.
double time_calls(benchmark::State& state, Context& context, const std::function<void()>& body);

// The backward pass of `forward` (a recorded operator on tensors that require gradients) alone: its result receives a random
// gradient that the operator may overwrite, as inside a network. The mean seconds of one pass.
double time_backward(benchmark::State& state, Context& context, const std::function<Tensor()>& forward);

// Counters for `flops` operations and `bytes` of compulsory traffic (every tensor read or written as often as the operator's
// passes need) in `seconds`; 0 leaves a counter out.
void set_rates(benchmark::State& state, double seconds, double flops, double bytes);

// Registers a benchmark in milliseconds of wall clock.
void register_bench(const std::string& name, const std::function<void(benchmark::State&)>& body);

// The network's activations at 200x250x250, behind the stem and each max-pool.
struct Grid {
    const char* name;
    int64_t d, h, w;
};
inline constexpr Grid stem_grid{"stem", 100, 125, 125};
inline constexpr Grid fire_grids[] = {{"fire1", 50, 63, 63}, {"fire4", 25, 32, 32}, {"fire7", 13, 16, 16}, {"fire10", 7, 8, 8}};

}  // namespace cmtl
