#include "engine/dtype.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cmtl {

TEST(Dtype, SizesAndNames) {
    EXPECT_EQ(size_of(Dtype::f32), sizeof(float));
    EXPECT_EQ(size_of(Dtype::bf16), sizeof(Bf16));
    EXPECT_EQ(size_of(Dtype::f64), sizeof(double));
    EXPECT_EQ(size_of(Dtype::i32), sizeof(int32_t));
    EXPECT_EQ(size_of(Dtype::i64), sizeof(int64_t));
    EXPECT_EQ(size_of(Dtype::u8), sizeof(uint8_t));
    EXPECT_EQ(name_of(Dtype::bf16), "bf16");
    EXPECT_EQ(name_of(Dtype::i64), "i64");
}

TEST(Bf16, AllPatternsSurviveTheWayToFloatAndBack) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
        Bf16 value;
        value.bits = static_cast<uint16_t>(bits);
        const float wide = static_cast<float>(value);
        const Bf16 back(wide);
        if (std::isnan(wide)) {
            EXPECT_TRUE(std::isnan(static_cast<float>(back))) << bits;
            EXPECT_EQ(back.bits & 0x8000u, bits & 0x8000u);
        } else {
            ASSERT_EQ(back.bits, bits);
        }
    }
}

TEST(Bf16, RoundsToTheNearestAndHalvesToEven) {
    // Between every pair of neighbours of one sign: just below the middle, the middle, just above.
    for (uint32_t bits = 0; bits < 0x7f80; ++bits)
        for (uint32_t sign : {0u, 0x8000u}) {
            const uint32_t low = (bits | sign) << 16;
            const auto rounded = [](uint32_t pattern) { return Bf16(std::bit_cast<float>(pattern)).bits; };
            const uint32_t here = bits | sign, next = here + 1;
            ASSERT_EQ(rounded(low + 0x7fff), here);
            ASSERT_EQ(rounded(low + 0x8000), bits % 2 ? next : here);
            ASSERT_EQ(rounded(low + 0x8001), next);
        }
}

TEST(Bf16, InfinityNotANumberAndZero) {
    const float inf = std::numeric_limits<float>::infinity();
    EXPECT_EQ(static_cast<float>(Bf16(inf)), inf);
    EXPECT_EQ(static_cast<float>(Bf16(-inf)), -inf);
    EXPECT_EQ(static_cast<float>(Bf16(std::numeric_limits<float>::max())), inf);
    EXPECT_EQ(Bf16(-0.0f).bits, 0x8000);
    // Every NaN stays one, also those whose upper half would read as infinity.
    for (uint32_t pattern : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu, 0x7f80ffffu})
        EXPECT_TRUE(std::isnan(static_cast<float>(Bf16(std::bit_cast<float>(pattern))))) << pattern;
}

}  // namespace cmtl
