// CUDA's arithmetic built-ins as simt has them, against plain loops and the tables of the PTX ISA and the CUDA Math
// API.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/dialect.hpp"

namespace cmtl::kernels {
namespace {

const float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();

std::vector<uint64_t> words() {
    std::vector<uint64_t> all = {
        0, 1, 2, 3, 0x80000000u, 0xFFFFFFFFu, 0x7FFFFFFFu, ~uint64_t{0}, uint64_t{1} << 63, 0x0123456789ABCDEFu};
    for (uint64_t i = 1; i < 300; i++) all.push_back(i * 0x9E3779B97F4A7C15u ^ i << 7);
    return all;
}

TEST(SimtIntrinsics, Bits) {
    for (const uint64_t w : words()) {
        const auto half = static_cast<uint32_t>(w);
        int ones = 0, ones_half = 0, leading = 64, leading_half = 32, first = 0, first_half = 0;
        uint64_t reversed = 0;
        uint32_t reversed_half = 0;
        for (int i = 63; i >= 0; i--)
            if (w >> i & 1)
                ones++, leading = leading == 64 ? 63 - i : leading, first = i + 1, reversed |= uint64_t{1} << (63 - i);
        for (int i = 31; i >= 0; i--)
            if (half >> i & 1)
                ones_half++, leading_half = leading_half == 32 ? 31 - i : leading_half, first_half = i + 1,
                             reversed_half |= 1u << (31 - i);
        EXPECT_EQ(__popcll(w), ones);
        EXPECT_EQ(__clzll(static_cast<long long>(w)), leading);
        EXPECT_EQ(__ffsll(static_cast<long long>(w)), first);
        EXPECT_EQ(__brevll(w), reversed);
        EXPECT_EQ(__popc(half), ones_half);
        EXPECT_EQ(__clz(static_cast<int>(half)), leading_half);
        EXPECT_EQ(__ffs(static_cast<int>(half)), first_half);
        EXPECT_EQ(__brev(half), reversed_half);
    }
}

TEST(SimtIntrinsics, HighHalvesOfProducts) {
    for (const uint64_t a : words())
        for (const uint64_t b : {uint64_t{3}, uint64_t{0xFFFFFFFF}, uint64_t{0xDEADBEEFCAFEF00D}}) {
            const auto x = static_cast<uint32_t>(a), y = static_cast<uint32_t>(b);
            EXPECT_EQ(__umulhi(x, y), static_cast<uint32_t>(uint64_t{x} * y >> 32));
            EXPECT_EQ(__mulhi(static_cast<int>(x), static_cast<int>(y)),
                      static_cast<int>(int64_t{static_cast<int>(x)} * static_cast<int>(y) >> 32));
            // schoolbook, in 32-bit halves
            const uint64_t al = a & 0xFFFFFFFF, ah = a >> 32, bl = b & 0xFFFFFFFF, bh = b >> 32;
            const uint64_t middle = (al * bl >> 32) + (ah * bl & 0xFFFFFFFF) + (al * bh & 0xFFFFFFFF);
            EXPECT_EQ(__umul64hi(a, b), ah * bh + (ah * bl >> 32) + (al * bh >> 32) + (middle >> 32));
        }
    EXPECT_EQ(__funnelshift_l(0x80000001u, 0x00000012u, 4), 0x00000128u);
    EXPECT_EQ(__funnelshift_r(0x80000001u, 0x00000012u, 4), 0x28000000u);
    EXPECT_EQ(__funnelshift_l(7, 9, 32), 9u);  // the shift is taken modulo 32
    EXPECT_EQ(__byte_perm(0x33221100u, 0x77665544u, 0x7530u), 0x77553300u);
}

TEST(SimtIntrinsics, Conversions) {
    EXPECT_EQ(__float2int_rn(2.5f), 2);
    EXPECT_EQ(__float2int_rn(3.5f), 4);
    EXPECT_EQ(__float2int_rn(-2.5f), -2);
    EXPECT_EQ(__float2int_rz(-2.9f), -2);
    EXPECT_EQ(__float2int_ru(-2.9f), -2);
    EXPECT_EQ(__float2int_ru(2.1f), 3);
    EXPECT_EQ(__float2int_rd(-2.1f), -3);
    EXPECT_EQ(__float2int_rn(3e9f), INT32_MAX);
    EXPECT_EQ(__float2int_rn(-3e9f), INT32_MIN);
    EXPECT_EQ(__float2int_rn(-2147483648.0f), INT32_MIN);
    EXPECT_EQ(__float2int_rz(kInf), INT32_MAX);
    EXPECT_EQ(__float2int_rn(kNan), 0);
    EXPECT_EQ(__float2uint_rn(-1.0f), 0u);
    EXPECT_EQ(__float2uint_rz(4294967040.0f), 4294967040u);
    EXPECT_EQ(__float2uint_rn(5e9f), UINT32_MAX);
    EXPECT_EQ(__float2ll_rn(1e19f), INT64_MAX);
    EXPECT_EQ(__float2ll_rn(-1e19f), INT64_MIN);
    EXPECT_EQ(__float2ll_rn(kNan), INT64_MIN);
    EXPECT_EQ(__double2int_rn(kNan), INT32_MIN);
    EXPECT_EQ(__double2int_rn(2147483646.5), 2147483646);
    EXPECT_EQ(__double2int_rn(2147483647.5), INT32_MAX);
    EXPECT_EQ(__double2ull_rz(1.8e19), 18000000000000000000u);
    EXPECT_EQ(__double2ull_rn(-0.4), 0u);
    EXPECT_EQ(__int2float_rn(16777217), 16777216.0f);
    EXPECT_EQ(__uint_as_float(0x40490FDBu), 3.14159274f);
    EXPECT_EQ(__float_as_int(-0.0f), INT32_MIN);
    EXPECT_EQ(__hiloint2double(0x3FF80000, 0), 1.5);
    EXPECT_EQ(__longlong_as_double(__double_as_longlong(0.1)), 0.1);
}

TEST(SimtIntrinsics, MinimumAndMaximum) {
    EXPECT_EQ(min(3, 5), 3);
    EXPECT_EQ(max(-3, 5), 5);
    EXPECT_EQ(max(-1, 5u), 0xFFFFFFFFu);  // a mixed pair is unsigned
    EXPECT_EQ(min(int64_t{-7}, 5), -7);
    EXPECT_EQ(min(kNan, 2.0f), 2.0f);
    EXPECT_EQ(max(2.0f, kNan), 2.0f);
    EXPECT_TRUE(std::isnan(max(kNan, kNan)));
    EXPECT_TRUE(std::signbit(min(0.0f, -0.0f)));
    EXPECT_TRUE(std::signbit(min(-0.0f, 0.0f)));
    EXPECT_FALSE(std::signbit(max(-0.0f, 0.0f)));
    EXPECT_FALSE(std::signbit(max(0.0f, -0.0f)));
    EXPECT_EQ(max(1.5f, 2.5), 2.5);
    EXPECT_EQ(min(kInf, -kInf), -kInf);
}

TEST(SimtIntrinsics, Arithmetic) {
    EXPECT_EQ(rsqrtf(4.0f), 0.5f);
    EXPECT_EQ(rsqrtf(0.0f), kInf);
    EXPECT_TRUE(std::isnan(rsqrtf(-1.0f)));
    EXPECT_EQ(rsqrt(0.25), 2.0);
    EXPECT_EQ(fmaf(1 + 0x1p-12f, 1 + 0x1p-12f, -(1 + 0x1p-11f)), 0x1p-24f);  // rounded once
    EXPECT_EQ(__fmaf_rn(2.0f, 3.0f, 4.0f), 10.0f);
    EXPECT_EQ(__saturatef(1.5f), 1.0f);
    EXPECT_EQ(__saturatef(-1.5f), 0.0f);
    EXPECT_EQ(__saturatef(kNan), 0.0f);
    float s, c;
    sincosf(0.5f, &s, &c);
    EXPECT_FLOAT_EQ(s, std::sin(0.5f));
    EXPECT_FLOAT_EQ(c, std::cos(0.5f));
    EXPECT_FLOAT_EQ(__expf(1.0f), 2.71828175f);
    EXPECT_FLOAT_EQ(__powf(2.0f, 10.0f), 1024.0f);
}

TEST(SimtIntrinsics, VectorsHaveCudasLayout) {
    static_assert(sizeof(float2) == 8 && alignof(float2) == 8 && sizeof(float4) == 16 && alignof(float4) == 16);
    static_assert(sizeof(double2) == 16 && alignof(double2) == 16 && sizeof(uchar4) == 4 && alignof(uchar4) == 4);
    static_assert(sizeof(int2) == 8 && alignof(int2) == 8 && sizeof(uint4) == 16 && alignof(uint4) == 16);
    static_assert(sizeof(uint3) == 12 && alignof(uint3) == 4 && sizeof(dim3) == 12 && sizeof(float3) == 12 &&
                  alignof(float3) == 4);
    const float4 v = make_float4(1, 2, 3, 4);
    EXPECT_EQ(v.z, 3);
    EXPECT_EQ(make_uchar4(1, 2, 3, 255).w, 255);
    const dim3 d(7);
    EXPECT_EQ(d.x * 100 + d.y * 10 + d.z, 711u);
}

}  // namespace
}  // namespace cmtl::kernels
