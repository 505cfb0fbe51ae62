#pragma once
// Launchers of kernels that do one thing of kernels/ptx and nothing else: how its tests reach it, on simt and on a GPU.
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

enum class MmaKind { bf16, f16, tf32 };

// One mma of one warp on fragments as lanes hold them: a (32, 4), b (32, 2), d (32, 4), added to.
template <class Target>
void probe_mma(Stream stream, MmaKind kind, const uint32_t* a, const uint32_t* b, float* d);
// `matrices` (1, 2 or 4) of 8 x 8, one after the other, through shared memory; registers: (32, matrices).
template <class Target>
void probe_ldmatrix(Stream stream, int matrices, bool transposed, const uint16_t* rows, uint32_t* registers);
// d (16, 8) = a b in bf16, operands through ldmatrix: a (16, 16) and b (8, 16), its columns one after the other;
// transposed: the rows of both are those of K, a (16, 16) by columns and b (16, 8).
template <class Target>
void probe_product(Stream stream, bool transposed, const uint16_t* a, const uint16_t* b, float* d);
// y = x, 128 pieces of `bytes` (4, 8 or 16) copied by 64 threads in two groups each; pieces from `wanted` on become
// zeros and are not read. The first group is used while the second is under way.
template <class Target>
void probe_cp_async(Stream stream, int bytes, int wanted, const uint32_t* x, uint32_t* y);
// pairs[i] = pack_bf16(x[2 i], x[2 i + 1]), tf32[i] = to_tf32(x[i]).
template <class Target>
void probe_round(Stream stream, int count, const float* x, uint32_t* pairs, uint32_t* tf32);

}  // namespace cmtl::kernels
