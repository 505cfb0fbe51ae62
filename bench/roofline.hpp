#pragma once
#include "engine/context.hpp"

// What this machine can do, measured now: the two limits that every benchmark's figures stand beside.
namespace cmtl {

struct Roofline {
    double flops_per_second;   // f32 fused multiply-adds, two operations each
    double bytes_per_second;   // streaming triad over a buffer far larger than the caches
};

// The limits of the context's device: of the threads that set_threads() put into force, or of the GPU. Takes about a second.
Roofline measure_roofline(Context& context);

}  // namespace cmtl
