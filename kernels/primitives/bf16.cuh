#pragma once
// bf16 and tf32 as storage. Conversions from f32 round bf16 to nearest even and tf32 to nearest with ties away from
// zero
// (.rn and .rna of PTX's cvt); infinities stay, every NaN becomes some NaN.
#include <cstring>

#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// The upper half of a float; in memory the same 16 bits as engine/dtype.hpp's Bf16.
struct Bf16 {
    uint16_t bits;
};

__host__ __device__ __forceinline__ uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

__host__ __device__ __forceinline__ float bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// In integers, the same on every processor: bit for bit what engine/dtype.hpp does, NaN's payload included.
__host__ __device__ __forceinline__ Bf16 to_bf16(float value) {
    const uint32_t u = float_bits(value);
    if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((u >> 16) | 0x40)};
    return {static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16)};
}

__host__ __device__ __forceinline__ float to_float(Bf16 value) {
    return bits_float(static_cast<uint32_t>(value.bits) << 16);
}

// Two values in one register, `low` in the lower half, as matrix fragments want them. One instruction from sm_80 on,
// which writes 0x7fff for every NaN.
__device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
#else
    return static_cast<uint32_t>(to_bf16(low).bits) | static_cast<uint32_t>(to_bf16(high).bits) << 16;
#endif
}

// Four floats as bf16, two registers.
__device__ __forceinline__ uint2 rounded(const float4& v) {
    return make_uint2(pack_bf16(v.x, v.y), pack_bf16(v.z, v.w));
}

// The bits of `value` with its mantissa rounded to tf32's 10 bits, the lower 13 zero.
__device__ __forceinline__ uint32_t to_tf32(float value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
#else
    const uint32_t u = float_bits(value);
    if ((u & 0x7f800000u) == 0x7f800000u) return (u & 0x7fffffu) != 0 ? u | 0x400000u : u;
    return (u + 0x1000u) & ~0x1fffu;
#endif
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
