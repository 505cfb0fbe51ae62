// What is asked of cuDNN, against hand-computed numbers; what a machine without cuDNN or without a GPU is told; and the
// convolutions themselves, computed by a library that plays cuDNN on the CPU from its descriptors alone
// (fake_cudnn.cpp).
#include "engine/gpu/cudnn.hpp"

#include <dlfcn.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "engine/environment.hpp"
#include "engine/gpu/conv3d_cudnn.hpp"
#include "engine/gpu/library_choice.hpp"
#include "reference/conv3d.hpp"

namespace cmtl {
namespace {

using reference::Array;
using Direction = ConvDirection;
using Dims = std::array<int64_t, 5>;
constexpr Direction directions[] = {Direction::forward, Direction::backward_data, Direction::backward_weights};

Conv3dProblem problem(int64_t n, int64_t d, int64_t h, int64_t w, int64_t in, int64_t out, const Axes& kernel,
                      const Axes& stride, const Axes& padding, Dtype compute = Dtype::f32) {
    return {n, d, h, w, in, out, kernel, stride, padding, compute};
}

// ---- descriptions ----

TEST(CudnnConvolution, IsDescribedInPytorchsOrderWithChannelsInnermost) {
    const CudnnConvolution c = describe(problem(2, 5, 7, 9, 3, 4, 3, 2, 1), Direction::backward_weights);
    EXPECT_EQ(c.tensor(CudnnId::x),
              (CudnnTensor{CudnnId::x, Dtype::f32, {2, 3, 5, 7, 9}, {945, 1, 189, 27, 3}, false}));
    EXPECT_EQ(c.tensor(CudnnId::weight),
              (CudnnTensor{CudnnId::weight, Dtype::f32, {4, 3, 3, 3, 3}, {81, 1, 27, 9, 3}, false}));
    EXPECT_EQ(c.tensor(CudnnId::y), (CudnnTensor{CudnnId::y, Dtype::f32, {2, 4, 3, 4, 5}, {240, 1, 80, 20, 4}, false}));
    EXPECT_EQ(c.strides, (std::array<int64_t, 3>{2, 2, 2}));
    EXPECT_EQ(c.pre_padding, (std::array<int64_t, 3>{1, 1, 1}));
    EXPECT_EQ(c.post_padding, (std::array<int64_t, 3>{1, 1, 1}));
    EXPECT_EQ(c.dilation, (std::array<int64_t, 3>{1, 1, 1}));
}

TEST(CudnnConvolution, OfTheNetwork) {
    struct Row {
        Conv3dProblem p;
        Dims y_dims, x_strides, weight_strides, y_strides;
    };
    const Row rows[] = {
        // the first convolution, batch 10: 1 channel, so every stride but the innermost is the volume's
        {problem(10, 200, 250, 250, 1, 64, 3, 2, 1),
         {10, 64, 100, 125, 125},
         {12500000, 1, 62500, 250, 1},
         {27, 1, 9, 3, 1},
         {100000000, 1, 1000000, 8000, 64}},
        // a fire module's 3x3x3
        {problem(1, 50, 63, 63, 32, 64, 3, 1, 1),
         {1, 64, 50, 63, 63},
         {6350400, 1, 127008, 2016, 32},
         {864, 1, 288, 96, 32},
         {12700800, 1, 254016, 4032, 64}},
        // 5x5x5, stride 2
        {problem(1, 9, 8, 7, 2, 3, 5, 2, 2),
         {1, 3, 5, 4, 4},
         {1008, 1, 112, 14, 2},
         {250, 1, 50, 10, 2},
         {240, 1, 48, 12, 3}},
    };
    for (const Row& row : rows)
        for (const Direction direction : directions) {
            SCOPED_TRACE(row.p.text());
            const CudnnConvolution c = describe(row.p, direction);
            EXPECT_EQ(c.tensor(CudnnId::y).dims, row.y_dims);
            EXPECT_EQ(c.tensor(CudnnId::x).strides, row.x_strides);
            EXPECT_EQ(c.tensor(CudnnId::weight).strides, row.weight_strides);
            EXPECT_EQ(c.tensor(CudnnId::y).strides, row.y_strides);
        }
}

TEST(CudnnConvolution, AddsTheBiasOnTheWayToY) {
    const CudnnConvolution c = describe(problem(2, 5, 7, 9, 3, 4, 3, 2, 1, Dtype::bf16), Direction::forward);
    EXPECT_EQ(c.result(), CudnnId::y);
    EXPECT_EQ(c.y, CudnnId::sum);
    EXPECT_TRUE(c.adds_bias);
    EXPECT_EQ(c.tensor(CudnnId::sum),
              (CudnnTensor{CudnnId::sum, Dtype::f32, {2, 4, 3, 4, 5}, {240, 1, 80, 20, 4}, true}));
    EXPECT_EQ(c.tensor(CudnnId::bias),
              (CudnnTensor{CudnnId::bias, Dtype::bf16, {1, 4, 1, 1, 1}, {4, 1, 4, 4, 4}, false}));
    EXPECT_EQ(c.tensor(CudnnId::y).dtype, Dtype::bf16);
    const CudnnConvolution backward = describe(problem(2, 5, 7, 9, 3, 4, 3, 2, 1), Direction::backward_data);
    EXPECT_EQ(backward.result(), CudnnId::x);
    EXPECT_FALSE(backward.adds_bias);
    EXPECT_THROW(backward.tensor(CudnnId::bias), Error);
}

TEST(CudnnConvolution, RefusesWithoutAskingTheLibrary) {
    EXPECT_EQ(cudnn_refusal(problem(0, 5, 5, 5, 4, 4, 3, 1, 1), 90), "empty batch");
    EXPECT_EQ(cudnn_refusal(problem(1, 5, 5, 5, 4, 4, 3, 1, 1, Dtype::bf16), 75), "bf16 wants sm_80, this is sm_75");
    EXPECT_EQ(cudnn_refusal(problem(1, 5, 5, 5, 4, 4, 3, 1, 1, Dtype::bf16), 80), "");
    EXPECT_EQ(cudnn_refusal(problem(1, 5, 5, 5, 4, 4, 3, 1, 1), 75), "");
}

TEST(CudnnEngine, FitsWhereItsNotesAllow) {
    using enum cudnn_api::NumericalNote;
    EXPECT_TRUE(engine_fits({}, Dtype::f32, false));
    EXPECT_TRUE(engine_fits({STRICT_NAN_PROP}, Dtype::f32, false));
    EXPECT_FALSE(engine_fits({TENSOR_CORE}, Dtype::f32, false));
    EXPECT_FALSE(engine_fits({TENSOR_CORE, DOWN_CONVERT_INPUTS}, Dtype::f32, false));
    EXPECT_TRUE(engine_fits({TENSOR_CORE}, Dtype::f32, true));
    EXPECT_TRUE(engine_fits({TENSOR_CORE}, Dtype::bf16, false));
    for (const auto note : {REDUCED_PRECISION_REDUCTION, FFT, NONDETERMINISTIC, WINOGRAD, WINOGRAD_TILE_4x4,
                            WINOGRAD_TILE_6x6, WINOGRAD_TILE_13x13, static_cast<cudnn_api::NumericalNote>(99)})
        for (const Dtype compute : {Dtype::f32, Dtype::bf16})
            EXPECT_FALSE(engine_fits({TENSOR_CORE, note}, compute, true)) << static_cast<int>(note);
}

// ---- who is asked ----

TEST(LibraryChoice, FollowsTheEnvironment) {
    EXPECT_EQ(library_choice(), LibraryChoice::preferred);
    const Environment own("CMTL_CONV", "own");
    EXPECT_EQ(library_choice(), LibraryChoice::own);
    const Environment libraries("CMTL_CONV", "cudnn");
    EXPECT_EQ(library_choice(), LibraryChoice::libraries);
    const Environment wrong("CMTL_CONV", "fastest");
    EXPECT_THROW(library_choice(), Error);
}

TEST(LibraryChoice, SaysWhyNot) {
    EXPECT_EQ(libraries_refusal({Device::Kind::cpu, 0}), "runs on cuda only");
    EXPECT_EQ(libraries_refusal({Device::Kind::simt, 0}), "runs on cuda only");
    EXPECT_EQ(libraries_refusal({Device::Kind::cuda, 1}), "");
    const Environment off("CMTL_NO_CUDNN", "1");
    EXPECT_EQ(libraries_refusal({Device::Kind::cuda, 1}), "CMTL_NO_CUDNN is set");

    const auto wide = problem(1, 9, 9, 9, 32, 64, 3, 1, 1), first = problem(1, 9, 9, 9, 1, 64, 3, 2, 1),
               one = problem(1, 9, 9, 9, 32, 64, 1, 1, 0);
    EXPECT_EQ(cudnn_not_preferred(LibraryChoice::preferred, wide), "");
    EXPECT_NE(cudnn_not_preferred(LibraryChoice::preferred, first), "");
    EXPECT_NE(cudnn_not_preferred(LibraryChoice::preferred, one), "");
    EXPECT_EQ(cudnn_not_preferred(LibraryChoice::own, wide), "CMTL_CONV=own");
    for (const auto& p : {wide, first, one}) EXPECT_EQ(cudnn_not_preferred(LibraryChoice::libraries, p), "");
    EXPECT_NE(cudnn_not_preferred(LibraryChoice::preferred, CudnnPlan{0, {}, 0}), "");
    EXPECT_EQ(cudnn_not_preferred(LibraryChoice::preferred, CudnnPlan{28, {}, 0}), "");
    EXPECT_EQ(cudnn_not_preferred(LibraryChoice::libraries, CudnnPlan{0, {}, 0}), "");
}

TEST(LibraryChoice, EveryEntryRefusesOtherDevices) {
    Context context;
    const auto p = problem(1, 9, 9, 9, 32, 64, 3, 1, 1);
    for (const auto& i : library_conv3d_forward()) EXPECT_EQ(i.supports(context, p), "runs on cuda only") << i.name;
    for (const auto& i : library_conv3d_backward_data())
        EXPECT_EQ(i.supports(context, p), "runs on cuda only") << i.name;
    for (const auto& i : library_conv3d_backward_weights())
        EXPECT_EQ(i.supports(context, p), "runs on cuda only") << i.name;
}

// ---- the library ----

TEST(Cudnn, IsRefusedByNameWhereItIsAbsent) {
    const Environment missing("CMTL_CUDNN_LIBRARY", "/nowhere/libcudnn.so.9");
    Cudnn cudnn({});
    EXPECT_NE(cudnn.refusal().find("/nowhere/libcudnn.so.9"), std::string::npos) << cudnn.refusal();
    EXPECT_NE(cudnn.refusal().find("CMTL_CUDNN_LIBRARY"), std::string::npos) << cudnn.refusal();
    EXPECT_EQ(cudnn.version(), 0u);
    EXPECT_EQ(cudnn.refusal(problem(1, 9, 9, 9, 32, 64, 3, 1, 1), Direction::forward), cudnn.refusal());
}

TEST(Cudnn, IsRefusedWhereAFunctionIsMissing) {
    const Environment other("CMTL_CUDNN_LIBRARY", "libm.so.6");
    EXPECT_EQ(Cudnn({}).refusal(), "libm.so.6 has no cudnnGetVersion");
}

// ---- computed, by the fake ----

class FakeCudnn : public testing::Test {
  protected:
    FakeCudnn() : library_("CMTL_CUDNN_LIBRARY", CMTL_FAKE_CUDNN), context_({.device = {Device::Kind::simt, 0}}) {}
    void SetUp() override { ASSERT_EQ(live(), 0); }
    void TearDown() override { EXPECT_EQ(live(), 0) << "descriptors were not destroyed"; }
    static int live() { return count("fake_cudnn_live"); }
    static int count(const char* what) {
        void* const library = dlopen(CMTL_FAKE_CUDNN, RTLD_NOW);
        const int result = reinterpret_cast<int (*)()>(dlsym(library, what))();
        dlclose(library);
        return result;
    }
    static CudnnOptions options() {
        CudnnOptions o;
        o.capability = 90;
        return o;
    }
    // Small integers: exact in f32 and bf16 alike, products and sums included.
    Array integers(const Shape& shape, int seed) const {
        Array a(reference::Sizes(shape.sizes().begin(), shape.sizes().end()));
        for (int64_t i = 0; i < a.count(); ++i) a[i] = static_cast<double>((i * 7 + seed) * 31 % 11 % 3 - 1);
        return a;
    }
    Tensor tensor(const Array& a) {
        return context_.from<float>(Shape(std::span<const int64_t>(a.sizes)),
                                    std::vector<float>(a.values.begin(), a.values.end()));
    }
    void expect_equal(const Tensor& got, const Array& want) {
        EXPECT_EQ(context_.to_vector<float>(got), std::vector<float>(want.values.begin(), want.values.end()));
    }

    Environment library_;
    Context context_;
};

const std::vector<Conv3dProblem> shapes{
    problem(1, 1, 1, 1, 1, 1, 1, 1, 0), problem(1, 1, 1, 1, 1, 1, 3, 1, 1), problem(2, 4, 3, 5, 2, 3, 3, 1, 1),
    problem(1, 5, 6, 7, 3, 2, 3, 2, 1), problem(1, 5, 7, 6, 2, 2, 5, 2, 2), problem(2, 3, 4, 2, 3, 4, 1, 1, 0),
    problem(1, 7, 5, 6, 1, 3, 3, 3, 2), problem(2, 5, 4, 7, 3, 2, {1, 3, 5}, {2, 1, 3}, {0, 2, 1}),
};

TEST_F(FakeCudnn, ComputesTheDefinitionInEveryDirection) {
    Cudnn cudnn(options());
    ASSERT_EQ(cudnn.refusal(), "");
    for (Conv3dProblem p : shapes)
        for (const Dtype compute : {Dtype::f32, Dtype::bf16}) {
            p.compute = compute;
            SCOPED_TRACE(p.text());
            const Array x = integers(p.x_shape(), 1), weight = integers(p.weight_shape(), 2),
                        bias = integers({p.out}, 3), dy = integers(p.y_shape(), 4);
            for (const bool with_bias : {true, false}) {
                const Tensor y = context_.full(p.y_shape(), -99);
                cudnn.run(context_, p, Direction::forward, tensor(x), tensor(weight), y,
                          with_bias ? tensor(bias) : Tensor());
                expect_equal(y, reference::conv3d(x, weight, with_bias ? bias : Array(), p.stride, p.padding));
            }
            // By the definition every y is a sum of products: its gradients are the other factors, times dy.
            Array dx(x.sizes), dweight(weight.sizes);
            for (int64_t n = 0; n < p.n; ++n)
                for (int64_t d = 0; d < p.od(); ++d)
                    for (int64_t h = 0; h < p.oh(); ++h)
                        for (int64_t w = 0; w < p.ow(); ++w)
                            for (int64_t tap = 0; tap < p.kernel.product(); ++tap) {
                                const int64_t a = tap / p.kernel.w / p.kernel.h, b = tap / p.kernel.w % p.kernel.h,
                                              c = tap % p.kernel.w;
                                const int64_t xd = d * p.stride.d - p.padding.d + a,
                                              xh = h * p.stride.h - p.padding.h + b,
                                              xw = w * p.stride.w - p.padding.w + c;
                                if (xd < 0 || xd >= p.d || xh < 0 || xh >= p.h || xw < 0 || xw >= p.w) continue;
                                for (int64_t o = 0; o < p.out; ++o)
                                    for (int64_t i = 0; i < p.in; ++i) {
                                        dx(n, xd, xh, xw, i) += dy(n, d, h, w, o) * weight(o, a, b, c, i);
                                        dweight(o, a, b, c, i) += dy(n, d, h, w, o) * x(n, xd, xh, xw, i);
                                    }
                            }
            const Tensor got_dx = context_.full(p.x_shape(), -99), got_dweight = context_.full(p.weight_shape(), -99);
            cudnn.run(context_, p, Direction::backward_data, got_dx, tensor(weight), tensor(dy));
            expect_equal(got_dx, dx);
            cudnn.run(context_, p, Direction::backward_weights, tensor(x), got_dweight, tensor(dy));
            expect_equal(got_dweight, dweight);
        }
}

TEST_F(FakeCudnn, RoundsToBf16WhereAsked) {
    Cudnn cudnn(options());
    const auto p = problem(1, 1, 1, 1, 1, 1, 1, 1, 0, Dtype::bf16);
    const auto one = [&](float v) { return context_.from<float>({1, 1, 1, 1, 1}, std::vector<float>{v}); };
    const Tensor y = one(0);
    const float x = 1 + 0x1p-9f, weight = 3 + 0x1p-5f;
    cudnn.run(context_, p, Direction::forward, one(x), one(weight), y);
    const auto rounded = [](float v) { return static_cast<float>(Bf16(v)); };
    EXPECT_EQ(context_.to_vector<float>(y)[0], rounded(rounded(x) * rounded(weight)));
    Conv3dProblem exact = p;
    exact.compute = Dtype::f32;
    cudnn.run(context_, exact, Direction::forward, one(x), one(weight), y);
    EXPECT_EQ(context_.to_vector<float>(y)[0], x * weight);
}

TEST_F(FakeCudnn, TakesThePartsOfATensorThatLieAtOddAddresses) {
    Cudnn cudnn(options());
    const auto p = problem(1, 1, 1, 3, 1, 1, 1, 1, 0);
    const Tensor both = context_.from<float>({2, 1, 1, 3, 1}, std::vector<float>{1, 2, 3, 4, 5, 6}),
                 y = context_.full(p.y_shape(), 0);
    const Tensor weight = context_.from<float>({1, 1, 1, 1, 1}, std::vector<float>{2});
    cudnn.run(context_, p, Direction::forward, both.narrow(1, 2), weight, y);
    EXPECT_EQ(context_.to_vector<float>(y), (std::vector<float>{8, 10, 12}));
}

// The fake offers, in this order: an engine that is not reproducible, one that fails when planned, one that wants 2
// GiB, one with tensor cores, a plain one, and, as a fallback, engine 0.
TEST_F(FakeCudnn, TakesTheFirstEngineThatFits) {
    const auto p = problem(1, 4, 4, 4, 2, 2, 3, 1, 1);
    auto bf16 = p;
    bf16.compute = Dtype::bf16;
    for (const Direction direction : directions) {
        Cudnn strict(options());
        EXPECT_EQ(strict.refusal(p, direction), "");
        EXPECT_EQ(strict.plan(p, direction).text(), "engine 5, workspace 0.0 MiB");
        EXPECT_EQ(strict.plan(bf16, direction).engine, 4);
        EXPECT_EQ(strict.plan(bf16, direction).workspace, 4096u);
        CudnnOptions o = options();
        o.tf32 = true;
        EXPECT_EQ(Cudnn(o).plan(p, direction).engine, 4);
        o = options();
        o.workspace_limit = size_t{4} << 30;
        EXPECT_EQ(Cudnn(o).plan(p, direction).engine, 3);
        o.workspace_limit = 100;
        EXPECT_EQ(Cudnn(o).plan(p, direction).engine, 0);
    }
    const Environment tf32("CMTL_TF32", "1");
    EXPECT_EQ(Cudnn(options()).plan(p, Direction::forward).engine, 4);
}

TEST_F(FakeCudnn, KeepsItsPlans) {
    Cudnn cudnn(options());
    const auto p = problem(1, 4, 4, 4, 2, 2, 3, 1, 1);
    const CudnnPlan* const first = &cudnn.plan(p, Direction::forward);
    const int descriptors = count("fake_cudnn_created");
    EXPECT_EQ(&cudnn.plan(p, Direction::forward), first);
    EXPECT_EQ(count("fake_cudnn_created"), descriptors);
    EXPECT_NE(&cudnn.plan(p, Direction::backward_data), first);
    EXPECT_GT(count("fake_cudnn_created"), descriptors);
}

TEST_F(FakeCudnn, RefusesAndThrowsWhatItRefused) {
    CudnnOptions old = options();
    old.capability = 75;
    Cudnn cudnn(old);
    const auto p = problem(1, 1, 1, 1, 1, 1, 1, 1, 0, Dtype::bf16);
    EXPECT_EQ(cudnn.refusal(p, Direction::forward), "bf16 wants sm_80, this is sm_75");
    const Tensor t = context_.full({1, 1, 1, 1, 1}, 1);
    EXPECT_THROW(cudnn.run(context_, p, Direction::forward, t, t, t), Error);
}

}  // namespace
}  // namespace cmtl
