#pragma once
// mma.sync: one warp adds the product of two small matrices to a third, d += a b (PTX ISA 8.7, sections 9.7.14.5.7 and .8: the
// fragments of .m16n8k8 and .m16n8k16). With g = lane / 4 and t = lane % 4 a lane holds
//
//   a (16 x K, rows)     16 bit, K = 16: registers (g, 2t), (g + 8, 2t), (g, 2t + 8), (g + 8, 2t + 8), each with the element right of it
//                        tf32,   K = 8:  (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4)
//   b (K x 8, columns)   16 bit: (2t, g), (2t + 8, g), each with the element below it; tf32: (t, g), (t + 4, g)
//   d (16 x 8, f32)      (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)
//
// Products are exact, sums are f32 in an order of the hardware's own. From sm_80 on; the host launches none of these on sm_75,
// where they trap.
#include "kernels/dialect.hpp"
#if !defined(__CUDACC__)
#include <cstring>
#include "kernels/primitives/bf16.cuh"
#endif

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

#if !defined(__CUDACC__)

inline float bf16_half(uint32_t pair, bool high) { return bits_float(high ? pair & 0xffff0000u : pair << 16); }

// IEEE binary16 is sign 1, exponent 5, mantissa 10.
inline float f16_half(uint32_t pair, bool high) {
    const uint32_t h = high ? pair >> 16 : pair & 0xffffu, sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ffu;
    if (exponent == 31) return bits_float(sign | 0x7f800000u | mantissa << 13);
    const float magnitude = exponent == 0 ? static_cast<float>(mantissa) * 0x1p-24f : bits_float((exponent + 112) << 23 | mantissa << 13);
    return bits_float(sign | float_bits(magnitude));
}

struct MmaOperands {
    uint32_t a[4], b[2];
};

// `value(registers' content, second element of it)`; Pairs: two elements a register.
template <bool Pairs, class Value>
void simt_mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const Value& value) {
    MmaOperands mine;
    std::memcpy(mine.a, a, sizeof mine.a);
    std::memcpy(mine.b, b, sizeof mine.b);
    const auto slots = simt::warp_exchange(0xffffffffu, &mine, sizeof mine, "mma");
    const auto operands = [&](unsigned lane) { return reinterpret_cast<const MmaOperands*>(slots[lane]); };
    const unsigned g = simt::lane() / 4, t = simt::lane() % 4;
    for (unsigned column = 0; column < 2; ++column)
        for (unsigned half = 0; half < 2; ++half)       // of K: registers 0 and 1, then 2 and 3
            for (unsigned u = 0; u < 4; ++u) {          // the lanes that share a row of a, or a column of b
                const MmaOperands *left = operands(4 * g + u), *right = operands(4 * (2 * t + column) + u);
                for (unsigned e = 0; e < (Pairs ? 2u : 1u); ++e) {
                    const float v = value(right->b[half], e);
                    d[column] += value(left->a[2 * half], e) * v;
                    d[2 + column] += value(left->a[2 * half + 1], e) * v;
                }
            }
}

#endif

__device__ __forceinline__ void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if !defined(__CUDACC__)
    simt_mma<true>(d, a, b, bf16_half);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

__device__ __forceinline__ void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if !defined(__CUDACC__)
    simt_mma<true>(d, a, b, f16_half);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

// Operands are floats rounded by to_tf32.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if !defined(__CUDACC__)
    simt_mma<false>(d, a, b, [](uint32_t bits, bool) { return bits_float(bits & ~0x1fffu); });
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
