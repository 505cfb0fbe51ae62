#pragma once
// mma.sync: one warp adds the product of two small matrices to a third, d += a b (PTX ISA, "Matrix Fragments for
// mma.m16n8k16 with floating point type" and "Matrix Fragments for mma.m16n8k8"). With g = lane / 4 and t = lane % 4 a
// lane holds, a register each,
//
//   a (16 x K)  of 16 bits, K = 16:  (g, 2t)  (g + 8, 2t)  (g, 2t + 8)  (g + 8, 2t + 8), each with the element to its right
//               of tf32,    K = 8:   (g, t)   (g + 8, t)   (g, t + 4)   (g + 8, t + 4)
//   b (K x 8)   of 16 bits:          (2t, g)  (2t + 8, g), each with the element below it
//               of tf32:             (t, g)   (t + 4, g)
//   d (16 x 8)  of f32:              (g, 2t)  (g, 2t + 1)  (g + 8, 2t)  (g + 8, 2t + 1)
//
// Products are exact, sums are f32 in an order of the hardware's own. From sm_80 on; the host launches none of these on
// sm_75, where they trap.
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
    const uint32_t h = high ? pair >> 16 : pair & 0xffffu, sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31,
                   mantissa = h & 0x3ffu;
    if (exponent == 31) return bits_float(sign | 0x7f800000u | mantissa << 13);
    const float magnitude =
        exponent == 0 ? static_cast<float>(mantissa) * 0x1p-24f : bits_float((exponent + 112) << 23 | mantissa << 13);
    return bits_float(sign | float_bits(magnitude));
}

// What a lane brings: each of its registers as one float (tf32) or two.
template <unsigned PerRegister>
struct MmaOperands {
    float a[4][PerRegister], b[2][PerRegister];
};

// `value(register, whether its second element)`.
template <unsigned PerRegister, class Value>
void simt_mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const char* what, const Value& value) {
    using Operands = MmaOperands<PerRegister>;
    Operands mine;
    for (unsigned e = 0; e < PerRegister; ++e) {
        for (unsigned i = 0; i < 4; ++i) mine.a[i][e] = value(a[i], e == 1);
        for (unsigned i = 0; i < 2; ++i) mine.b[i][e] = value(b[i], e == 1);
    }
    const auto slots = simt::warp_exchange(0xffffffffu, &mine, sizeof mine, what);
    const unsigned g = simt::lane() / 4, t = simt::lane() % 4;
    for (unsigned half = 0; half < 2; ++half)  // of K: registers 0 and 1, then 2 and 3
        for (unsigned u = 0; u < 4; ++u) {     // the lanes that share a row of a, or a column of b
            Operands left, right;
            std::memcpy(&left, slots[4 * g + u], sizeof left);
            for (unsigned column = 0; column < 2; ++column) {
                std::memcpy(&right, slots[4 * (2 * t + column) + u], sizeof right);
                for (unsigned e = 0; e < PerRegister; ++e) {
                    d[column] += left.a[2 * half][e] * right.b[half][e];
                    d[2 + column] += left.a[2 * half + 1][e] * right.b[half][e];
                }
            }
        }
}

#endif

__device__ __forceinline__ void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if !defined(__CUDACC__)
    simt_mma<2>(d, a, b, "mma.m16n8k16", bf16_half);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, "
        "%2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

__device__ __forceinline__ void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if !defined(__CUDACC__)
    simt_mma<2>(d, a, b, "mma.m16n8k16", f16_half);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

// Operands are floats rounded by to_tf32.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if !defined(__CUDACC__)
    simt_mma<1>(d, a, b, "mma.m16n8k8", [](uint32_t bits, bool) { return bits_float(bits & ~0x1fffu); });
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
