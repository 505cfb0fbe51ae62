#pragma once
// Launchers of the two kernels that measure a device's limits for benchmarks.
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// Fused multiply-adds in f32 that depend on nothing in memory: `blocks` blocks of 256 threads, each with 8 chains of `rounds`.
// 2 * 8 * 256 * blocks * rounds operations. sink: one float.
template <class Target>
void roofline_fma(Stream stream, int blocks, int64_t rounds, float* sink);
// y = a + b / 2, 12 bytes an element. count: a multiple of 4; 16-byte aligned.
template <class Target>
void roofline_triad(Stream stream, int64_t count, const float* a, const float* b, float* y);

}  // namespace cmtl::kernels
