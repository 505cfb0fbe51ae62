#pragma once
// What this machine can do, measured now: the two limits that every benchmark's figures stand beside.
namespace cmtl {

struct Roofline {
    double flops_per_second;   // f32 fused multiply-adds, all threads in force, two operations each
    double bytes_per_second;   // streaming triad over a buffer far larger than the caches
};

// Takes about a second; uses the threads that set_threads() put into force.
Roofline measure_roofline();

}  // namespace cmtl
