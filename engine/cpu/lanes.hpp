#pragma once
// Sixteen channels at a time, as the compiler's vector types: CMTL_MULTIARCH functions turn them into AVX-512, AVX2 or SSE.
// Written out where the auto-vectoriser gives up (masked sums in double).
#include <cstdint>
#include <cstring>

namespace cmtl {

constexpr int64_t lanes = 16;
typedef float Floats __attribute__((vector_size(lanes * sizeof(float))));
typedef double Doubles __attribute__((vector_size(lanes * sizeof(double))));

#define CMTL_LOAD_LANES(vector, pointer) std::memcpy(&(vector), (pointer), sizeof(vector))
#define CMTL_STORE_LANES(pointer, vector) std::memcpy((pointer), &(vector), sizeof(vector))

}  // namespace cmtl
