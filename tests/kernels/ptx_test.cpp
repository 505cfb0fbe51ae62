// kernels/ptx against plain definitions. On simt they check the CPU's meaning of each instruction, on a GPU the PTX
// beside it.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "engine/dtype.hpp"
#include "kernels/kernel_test.hpp"
#include "kernels/ptx/probe.hpp"

namespace cmtl::kernels {

namespace {

template <class Target>
class Ptx : public KernelTest<Target> {
  protected:
    void SetUp() override {
        KernelTest<Target>::SetUp();
        if (!std::is_same_v<Target, Simt> && !this->IsSkipped() && cuda_runtime(0)->properties().capability < 80)
            GTEST_SKIP() << "older than sm_80";
    }
};
TYPED_TEST_SUITE(Ptx, Targets);

// IEEE binary16 of an integer between -2048 and 2048.
uint16_t f16_of(int v) {
    if (v == 0) return 0;
    const int magnitude = std::abs(v), exponent = std::bit_width(static_cast<unsigned>(magnitude)) - 1;
    return static_cast<uint16_t>((v < 0 ? 0x8000 : 0) | (exponent + 15) << 10 |
                                 ((magnitude << 10 >> exponent) & 0x3ff));
}
uint16_t bf16_of(float v) { return Bf16(v).bits; }

}  // namespace

// Fragments filled by hand as the manual draws them; integers, so that sums have no order.
TYPED_TEST(Ptx, MmaMultipliesMatrices) {
    std::mt19937 random(1);
    for (MmaKind kind : {MmaKind::bf16, MmaKind::f16, MmaKind::tf32}) {
        const int depth = kind == MmaKind::tf32 ? 8 : 16;
        std::vector<int> a(16 * static_cast<size_t>(depth)), b(static_cast<size_t>(depth) * 8), c(16 * 8);
        for (auto* m : {&a, &b, &c})
            for (int& v : *m) v = static_cast<int>(random() % 201) - 100;
        const auto at = [&](const std::vector<int>& m, int row, int column, int columns) {
            return m[static_cast<size_t>(row * columns + column)];
        };
        const auto pair = [&](int low, int high) {
            if (kind == MmaKind::f16)
                return static_cast<uint32_t>(f16_of(low)) | static_cast<uint32_t>(f16_of(high)) << 16;
            return static_cast<uint32_t>(bf16_of(static_cast<float>(low))) |
                   static_cast<uint32_t>(bf16_of(static_cast<float>(high))) << 16;
        };
        std::vector<uint32_t> fa, fb;
        std::vector<float> fc, expected;
        for (int lane = 0; lane < 32; ++lane) {
            const int g = lane / 4, t = lane % 4;
            for (int i = 0; i < 4; ++i) {
                const int row = g + i % 2 * 8;
                if (kind == MmaKind::tf32)
                    fa.push_back(std::bit_cast<uint32_t>(static_cast<float>(at(a, row, t + i / 2 * 4, depth))));
                else
                    fa.push_back(pair(at(a, row, 2 * t + i / 2 * 8, depth), at(a, row, 2 * t + i / 2 * 8 + 1, depth)));
            }
            for (int i = 0; i < 2; ++i) {
                if (kind == MmaKind::tf32)
                    fb.push_back(std::bit_cast<uint32_t>(static_cast<float>(at(b, t + 4 * i, g, 8))));
                else
                    fb.push_back(pair(at(b, 2 * t + 8 * i, g, 8), at(b, 2 * t + 8 * i + 1, g, 8)));
            }
            for (int i = 0; i < 4; ++i) {
                const int row = g + i / 2 * 8, column = 2 * t + i % 2;
                int sum = at(c, row, column, 8);
                fc.push_back(static_cast<float>(sum));
                for (int k = 0; k < depth; ++k) sum += at(a, row, k, depth) * at(b, k, column, 8);
                expected.push_back(static_cast<float>(sum));
            }
        }
        this->on_devices([&](TestDevice& device) {
            const auto pa = device.array(fa), pb = device.array(fb);
            const auto pd = device.array(fc);
            probe_mma<TypeParam>(device.stream, kind, pa.data(), pb.data(), pd.data());
            EXPECT_EQ(pd.host(), expected) << "kind " << static_cast<int>(kind);
        });
    }
}

// Subnormal numbers, infinities and NaN are operands like others.
TYPED_TEST(Ptx, MmaTakesEveryNumber) {
    struct Value {
        uint16_t bits;
        float value;
    };
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const std::vector<Value> halves{{0x0001, 0x1p-24f},    {0x83ff, -0x1.ff8p-15f},
                                    {0x0400, 0x1p-14f},    {0x7bff, 65504},
                                    {0x7c00, infinity},    {0x8000, -0.0f},
                                    {0x3555, 0x1.554p-2f}, {0x7e00, std::numeric_limits<float>::quiet_NaN()}};
    const std::vector<Value> brains{{0x0080, 0x1p-126f},
                                    {0x7f7f, 0x1.fep127f},
                                    {0xff80, -infinity},
                                    {0x3eab, 0x1.56p-2f},
                                    {0x7fc0, std::numeric_limits<float>::quiet_NaN()}};
    for (MmaKind kind : {MmaKind::f16, MmaKind::bf16})
        for (const Value& v : kind == MmaKind::f16 ? halves : brains) {
            // a(0, 0) = v, b(0, j) = 1, everything else 0: row 0 of d is v.
            std::vector<uint32_t> a(128), b(64);
            a[0] = v.bits;
            for (size_t column = 0; column < 8; ++column) b[column * 8] = kind == MmaKind::f16 ? 0x3c00 : 0x3f80;
            this->on_devices([&](TestDevice& device) {
                const auto pa = device.array(a), pb = device.array(b);
                const auto pd = device.array(128, 0.0f);
                probe_mma<TypeParam>(device.stream, kind, pa.data(), pb.data(), pd.data());
                const std::vector<float> d = pd.host();
                for (size_t lane = 0; lane < 4; ++lane)
                    for (size_t i = 0; i < 2; ++i) {
                        const float actual = d[lane * 4 + i];
                        if (std::isnan(v.value))
                            EXPECT_TRUE(std::isnan(actual));
                        else
                            EXPECT_EQ(actual, v.value);
                    }
                EXPECT_EQ(d[127], 0.0f);
            });
        }
}

TYPED_TEST(Ptx, LdmatrixHandsOutFragments) {
    for (int matrices : {1, 2, 4})
        for (bool transposed : {false, true}) {
            std::vector<uint16_t> rows(static_cast<size_t>(matrices) * 64);
            for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint16_t>(1000 + 7 * i);
            std::vector<uint32_t> expected;
            for (int lane = 0; lane < 32; ++lane)
                for (int m = 0; m < matrices; ++m) {
                    const auto element = [&](int r, int c) {
                        return uint32_t{rows[static_cast<size_t>(m * 64 + (transposed ? c * 8 + r : r * 8 + c))]};
                    };
                    expected.push_back(element(lane / 4, lane % 4 * 2) | element(lane / 4, lane % 4 * 2 + 1) << 16);
                }
            this->on_devices([&](TestDevice& device) {
                const auto from = device.array(rows);
                const auto to = device.array(expected.size(), 0u);
                probe_ldmatrix<TypeParam>(device.stream, matrices, transposed, from.data(), to.data());
                EXPECT_EQ(to.host(), expected) << matrices << (transposed ? " transposed" : "");
            });
        }
}

TYPED_TEST(Ptx, LdmatrixFeedsMma) {
    std::mt19937 random(2);
    for (bool transposed : {false, true}) {
        std::vector<uint16_t> a(256), b(128);
        std::vector<float> va(256), vb(128), expected(128);
        for (size_t i = 0; i < 256; ++i)
            a[i] = bf16_of(va[i] = static_cast<float>(static_cast<int>(random() % 31) - 15));
        for (size_t i = 0; i < 128; ++i)
            b[i] = bf16_of(vb[i] = static_cast<float>(static_cast<int>(random() % 31) - 15));
        for (size_t i = 0; i < 16; ++i)
            for (size_t j = 0; j < 8; ++j)
                for (size_t k = 0; k < 16; ++k)
                    expected[i * 8 + j] +=
                        (transposed ? va[k * 16 + i] : va[i * 16 + k]) * (transposed ? vb[k * 8 + j] : vb[j * 16 + k]);
        this->on_devices([&](TestDevice& device) {
            const auto pa = device.array(a), pb = device.array(b);
            const auto pd = device.array(128, 0.0f);
            probe_product<TypeParam>(device.stream, transposed, pa.data(), pb.data(), pd.data());
            EXPECT_EQ(pd.host(), expected) << (transposed ? "transposed" : "");
        });
    }
}

TYPED_TEST(Ptx, CpAsyncCopiesAndFillsWithZeros) {
    for (int bytes : {4, 8, 16})
        for (int wanted : {0, 1, 63, 64, 65, 100, 128}) {
            const size_t words = static_cast<size_t>(bytes) / 4, given = static_cast<size_t>(wanted) * words;
            std::vector<uint32_t> x(given), expected(128 * words, 0u);  // nothing lies beyond the wanted pieces
            for (size_t i = 0; i < given; ++i) expected[i] = x[i] = static_cast<uint32_t>(0x9e3779b9u * (i + 1));
            this->on_devices([&](TestDevice& device) {
                const auto from = device.array(x);
                const auto to = device.array(expected.size(), 0xdeadbeefu);
                probe_cp_async<TypeParam>(device.stream, bytes, wanted, from.data(), to.data());
                EXPECT_EQ(to.host(), expected) << bytes << " bytes, " << wanted << " wanted";
            });
        }
}

TYPED_TEST(Ptx, ConversionsRoundAsDefined) {
    std::vector<float> x;
    for (uint32_t upper = 0; upper < 0x10000; upper += 37)
        for (uint32_t lower : {0x0000u, 0x0001u, 0x0fffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
            x.push_back(std::bit_cast<float>(upper << 16 | lower));
    for (float v : {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 3.4028235e38f, 1e-45f}) x.push_back(v);
    if (x.size() % 2) x.push_back(1);
    this->on_devices([&](TestDevice& device) {
        const auto from = device.array(x);
        const auto pairs = device.array(x.size() / 2, 0u), tf32 = device.array(x.size(), 0u);
        probe_round<TypeParam>(device.stream, static_cast<int>(x.size()), from.data(), pairs.data(), tf32.data());
        const std::vector<uint32_t> bf16s = pairs.host(), tf32s = tf32.host();
        for (size_t i = 0; i < x.size(); ++i) {
            const uint32_t bits = std::bit_cast<uint32_t>(x[i]);
            Bf16 brain;
            brain.bits = static_cast<uint16_t>(bf16s[i / 2] >> (i % 2 * 16));
            const float rounded = std::bit_cast<float>(tf32s[i]);
            if (std::isnan(x[i])) {
                ASSERT_TRUE(std::isnan(static_cast<float>(brain)));
                ASSERT_TRUE(std::isnan(rounded));
                continue;
            }
            ASSERT_EQ(brain.bits, bf16_of(x[i])) << std::hex << bits;
            // tf32: of its two neighbours the nearer one, of equally near ones that of the larger magnitude.
            if (std::isinf(x[i])) {
                ASSERT_EQ(rounded, x[i]);
                continue;
            }
            const uint32_t below = bits & ~0x1fffu, above = below + 0x2000u;
            ASSERT_EQ(tf32s[i], (bits & 0x1fffu) >= 0x1000u ? above : below) << std::hex << bits;
        }
    });
}

}  // namespace cmtl::kernels
