// What is asked of cuBLASLt, against hand-computed numbers; what a machine without it or without a GPU is told; and the
// products themselves, computed by a library that plays cuBLASLt on the CPU from its descriptors alone
// (fake_cublaslt.cpp).
#include "engine/gpu/cublaslt.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "engine/environment.hpp"
#include "engine/gpu/library_choice.hpp"
#include "engine/gpu/linear_cublaslt.hpp"
#include "kernels/runtime.hpp"

namespace cmtl {
namespace {

Product product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, Dtype operands = Dtype::f32,
                bool bias = false) {
    return {transpose_a, transpose_b, m, n, k, operands, bias};
}

TEST(Product, IsDescribedColumnByColumn) {
    // y (100, 32) = x (100, 64) weight (32, 64)^T: the weight comes first, and its rows of 64 are columns.
    const ColumnMajorProduct forward = column_major(product(false, true, 100, 32, 64));
    EXPECT_TRUE(forward.transpose_first);
    EXPECT_FALSE(forward.transpose_second);
    EXPECT_EQ(forward.first, (ColumnMajorMatrix{64, 32, 64}));
    EXPECT_EQ(forward.second, (ColumnMajorMatrix{64, 100, 64}));
    EXPECT_EQ(forward.result, (ColumnMajorMatrix{32, 100, 32}));
    // dx (100, 64) = dy (100, 32) weight (32, 64)
    const ColumnMajorProduct data = column_major(product(false, false, 100, 64, 32));
    EXPECT_FALSE(data.transpose_first);
    EXPECT_EQ(data.first, (ColumnMajorMatrix{64, 32, 64}));
    EXPECT_EQ(data.second, (ColumnMajorMatrix{32, 100, 32}));
    EXPECT_EQ(data.result, (ColumnMajorMatrix{64, 100, 64}));
    // dweight (32, 64) = dy (100, 32)^T x (100, 64)
    const ColumnMajorProduct weights = column_major(product(true, false, 32, 64, 100));
    EXPECT_FALSE(weights.transpose_first);
    EXPECT_TRUE(weights.transpose_second);
    EXPECT_EQ(weights.first, (ColumnMajorMatrix{64, 100, 64}));
    EXPECT_EQ(weights.second, (ColumnMajorMatrix{32, 100, 32}));
    EXPECT_EQ(weights.result, (ColumnMajorMatrix{64, 32, 64}));
    EXPECT_EQ(product(true, false, 32, 64, 100).text(), "f32 (32x100)^T (100x64)");
}

TEST(Product, IsRefusedWithoutAskingTheLibrary) {
    EXPECT_EQ(cublaslt_refusal(product(false, true, 0, 3, 4), 90), "empty product");
    EXPECT_EQ(cublaslt_refusal(product(false, true, 2, 3, 4, Dtype::bf16), 75), "bf16 wants sm_80, this is sm_75");
    EXPECT_EQ(cublaslt_refusal(product(false, true, 2, 3, 4), 75), "");
}

TEST(CublasLt, IsRefusedByNameWhereItIsAbsent) {
    const Environment missing("CMTL_CUBLASLT_LIBRARY", "/nowhere/libcublasLt.so.13");
    CublasLt cublaslt({});
    EXPECT_NE(cublaslt.refusal().find("/nowhere/libcublasLt.so.13"), std::string::npos) << cublaslt.refusal();
    EXPECT_EQ(cublaslt.refusal(product(false, true, 2, 3, 4)), cublaslt.refusal());
    EXPECT_EQ(cublaslt.version(), 0u);
}

TEST(CublasLt, IsRefusedWhereAFunctionIsMissing) {
    const Environment other("CMTL_CUBLASLT_LIBRARY", "libm.so.6");
    EXPECT_EQ(CublasLt({}).refusal(), "libm.so.6 has no cublasLtGetVersion");
}

TEST(CublasLt, OpensAndSaysWhatIsMissing) {
    const ForeignLeaks ignored;
    CublasLt cublaslt({});
    if (cublaslt.version() == 0) GTEST_SKIP() << cublaslt.refusal();
    EXPECT_GE(cublaslt.version(), 120000u);
    if (kernels::cuda_device_count() > 0) GTEST_SKIP() << "there is a GPU";
    EXPECT_NE(cublaslt.refusal().find("creating a handle"), std::string::npos) << cublaslt.refusal();
}

TEST(CublasLt, LinearRefusesOtherDevices) {
    Context context;
    EXPECT_EQ(library_linear_forward().at(0).supports(context, {2, 3, 4}), "runs on cuda only");
    EXPECT_EQ(library_linear_backward().at(0).supports(context, {2, 3, 4}), "runs on cuda only");
    EXPECT_NE(cublaslt_not_preferred(LibraryChoice::preferred), "");
    EXPECT_EQ(cublaslt_not_preferred(LibraryChoice::own), "CMTL_CONV=own");
    EXPECT_EQ(cublaslt_not_preferred(LibraryChoice::libraries), "");
}

class FakeCublasLt : public testing::Test {
  protected:
    FakeCublasLt()
        : library_("CMTL_CUBLASLT_LIBRARY", CMTL_FAKE_CUBLASLT), context_({.device = {Device::Kind::simt, 0}}) {}
    void TearDown() override {
        void* const library = dlopen(CMTL_FAKE_CUBLASLT, RTLD_NOW);
        EXPECT_EQ(reinterpret_cast<int (*)()>(dlsym(library, "fake_cublaslt_live"))(), 0)
            << "descriptors were not destroyed";
        dlclose(library);
    }
    static CublasLtOptions options() {
        CublasLtOptions o;
        o.capability = 90;
        return o;
    }
    // Small integers: exact in f32 and bf16.
    static std::vector<float> integers(int64_t count, int seed) {
        std::vector<float> v;
        for (int64_t i = 0; i < count; ++i) v.push_back(static_cast<float>((i * 13 + seed) * 17 % 19 % 7 - 3));
        return v;
    }
    Environment library_;
    Context context_;
};

TEST_F(FakeCublasLt, MultipliesEveryKindOfProduct) {
    CublasLt cublaslt(options());
    ASSERT_EQ(cublaslt.refusal(), "");
    for (const auto [m, n, k] : {std::array<int64_t, 3>{1, 1, 1}, {5, 3, 7}, {2, 8, 1}, {9, 4, 6}})
        for (const bool ta : {false, true})
            for (const bool tb : {false, true})
                for (const bool bias : {false, true})
                    for (const Dtype operands : {Dtype::f32, Dtype::bf16}) {
                        const Product p = product(ta, tb, m, n, k, operands, bias);
                        SCOPED_TRACE(p.text());
                        const std::vector<float> a = integers(m * k, 1), b = integers(k * n, 2), added = integers(n, 3);
                        const Tensor c = context_.full({m, n}, -99);
                        ASSERT_EQ(cublaslt.refusal(p), "");
                        cublaslt.run(context_, p, context_.from<float>({m * k}, a), context_.from<float>({k * n}, b),
                                     bias ? context_.from<float>({n}, added) : Tensor(), c);
                        std::vector<float> want;
                        for (int64_t i = 0; i < m; ++i)
                            for (int64_t j = 0; j < n; ++j) {
                                float sum = bias ? added[static_cast<size_t>(j)] : 0;
                                for (int64_t s = 0; s < k; ++s)
                                    sum += a[static_cast<size_t>(ta ? s * m + i : i * k + s)] *
                                           b[static_cast<size_t>(tb ? j * k + s : s * n + j)];
                                want.push_back(sum);
                            }
                        EXPECT_EQ(context_.to_vector<float>(c), want);
                    }
}

TEST_F(FakeCublasLt, RefusesWhatHasNoAlgorithm) {
    CublasLt cublaslt(options());
    EXPECT_EQ(cublaslt.refusal(product(false, true, 2, 13, 4)), "cuBLASLt has no algorithm for f32 (2x4) (4x13)^T");
    const Tensor t = context_.full({4}, 1);
    EXPECT_THROW(cublaslt.run(context_, product(false, true, 2, 13, 4), t, t, {}, t), Error);
}

TEST_F(FakeCublasLt, RoundsOperandsAlone) {
    CublasLt cublaslt(options());
    const float a = 1 + 0x1p-9f, b = 3 + 0x1p-5f, bias = 0x1p-12f;
    const auto one = [&](float v) { return context_.from<float>({1}, std::vector<float>{v}); };
    const Tensor c = one(0);
    cublaslt.run(context_, product(false, false, 1, 1, 1, Dtype::bf16, true), one(a), one(b), one(bias), c);
    EXPECT_EQ(context_.to_vector<float>(c)[0], static_cast<float>(Bf16(a)) * static_cast<float>(Bf16(b)) + bias);
}

}  // namespace
}  // namespace cmtl
