// The real cuDNN, where it is installed, on a machine without a GPU: it opens, says what is missing, and plans for GPUs
// that are described to it, which shows that it takes every descriptor and has engines for the network.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/environment.hpp"
#include "engine/gpu/cudnn.hpp"
#include "engine/gpu/cudnn_graph.hpp"
#include "engine/gpu/library_choice.hpp"
#include "kernels/runtime.hpp"

namespace cmtl {
namespace {

using cudnn_api::NumericalNote;
constexpr ConvDirection directions[] = {ConvDirection::forward, ConvDirection::backward_data,
                                        ConvDirection::backward_weights};

// What cudaGetDeviceProperties would tell, as cuDNN writes it; the figures of NVIDIA's data sheets.
std::string described(int capability, int processors, int shared_memory) {
    return fmt::format(
        R"({{"deviceVer":{},"driverVer":13000,"cudaDeviceId":0,"deviceId":0,"totalGlobalMem":25000000000,"maxGridSize":[2147483647,65535,65535],)"
        R"("maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":{},"warpSize":32,"maxSharedMemoryPerBlock":49152,)"
        R"("maxSharedMemoryPerBlockOptin":{},"reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"maxCtasPerSM":24,)"
        R"("maxThreadsPerBlock":1024,"maxThreadsPerSM":1536,"pciDeviceId":0,"isTccDriver":0,"supportCoopLaunch":1,"smClockRateKHz":1800000,)"
        R"("memClockRateKHz":2600000,"l2CacheSize":50000000,"deviceName":"described"}})",
        capability * 10, processors, shared_memory);
}

class RealCudnn : public testing::Test {
  protected:
    void SetUp() override {
        const Cudnn probe({});
        if (probe.version() == 0) GTEST_SKIP() << probe.refusal();
        version_ = probe.version();
    }
    ForeignLeaks ignored_;
    size_t version_ = 0;
};

TEST_F(RealCudnn, OpensAndSaysWhatIsMissing) {
    EXPECT_GE(version_, cudnn_api::first_version);
    EXPECT_LT(version_, size_t{100000});
    if (kernels::cuda_device_count() > 0) GTEST_SKIP() << "there is a GPU";
    Cudnn cudnn({});
    EXPECT_NE(cudnn.refusal().find("creating a handle"), std::string::npos) << cudnn.refusal();
    EXPECT_NE(cudnn.refusal().find("CUDNN_STATUS"), std::string::npos) << cudnn.refusal();
    EXPECT_EQ(cudnn.refusal({1, 9, 9, 9, 32, 64, 3, 1, 1, Dtype::f32}, ConvDirection::forward), cudnn.refusal());
}

TEST_F(RealCudnn, RefusesADeviceThatIsNone) {
    if (version_ < 91100) GTEST_SKIP() << "cuDNN " << version_ << " does not plan without a GPU";
    CudnnOptions options;
    options.device_properties = "{}";
    EXPECT_NE(Cudnn(options).refusal().find("device properties"), std::string::npos);
}

TEST_F(RealCudnn, HasEnginesForTheNetwork) {
    if (version_ < 91100) GTEST_SKIP() << "cuDNN " << version_ << " does not plan without a GPU";
    struct Gpu {
        int capability, processors, shared_memory;
    };
    // The 3x3x3 convolutions of the fire modules: size, channels in; twice as many out.
    struct Level {
        int64_t d, h, w, in;
    };
    for (const Gpu gpu : {Gpu{80, 108, 166912}, Gpu{90, 132, 232448}, Gpu{120, 170, 101376}}) {
        CudnnOptions options;
        options.capability = gpu.capability;
        options.device_properties = described(gpu.capability, gpu.processors, gpu.shared_memory);
        Cudnn cudnn(options);
        ASSERT_EQ(cudnn.refusal(), "");
        for (const Level l : {Level{50, 63, 63, 32}, Level{25, 32, 32, 64}, Level{13, 16, 16, 96}, Level{7, 8, 8, 128}})
            for (const int64_t batch : {1, 10})
                for (const Dtype compute : {Dtype::f32, Dtype::bf16})
                    for (const ConvDirection direction : directions) {
                        const Conv3dProblem p{batch, l.d, l.h, l.w, l.in, 2 * l.in, 3, 1, 1, compute};
                        ASSERT_EQ(cudnn.refusal(p, direction), "")
                            << "sm_" << gpu.capability << ", " << name_of(direction) << " of " << p.text();
                        const CudnnPlan& plan = cudnn.plan(p, direction);
                        EXPECT_TRUE(engine_fits(plan.notes, compute, false));
                        EXPECT_LE(plan.workspace, options.workspace_limit);
                        // bf16 is worth its rounding only on tensor cores.
                        const bool tensor_cores =
                            std::ranges::find(plan.notes, NumericalNote::TENSOR_CORE) != plan.notes.end();
                        EXPECT_EQ(tensor_cores, compute == Dtype::bf16) << plan.text();
                    }
    }
}

TEST_F(RealCudnn, TakesOddShapes) {
    if (version_ < 91100) GTEST_SKIP() << "cuDNN " << version_ << " does not plan without a GPU";
    CudnnOptions options;
    options.capability = 90;
    options.device_properties = described(90, 132, 232448);
    Cudnn cudnn(options);
    for (const Conv3dProblem& p :
         {Conv3dProblem{1, 1, 1, 1, 1, 1, 3, 1, 1, Dtype::f32}, Conv3dProblem{2, 5, 4, 7, 3, 5, 3, 1, 1, Dtype::f32},
          Conv3dProblem{1, 9, 8, 7, 1, 64, 3, 2, 1, Dtype::f32}, Conv3dProblem{1, 5, 7, 6, 3, 2, 5, 2, 2, Dtype::f32}})
        for (const ConvDirection direction : directions)
            EXPECT_EQ(cudnn.refusal(p, direction), "") << name_of(direction) << " of " << p.text();
}

// With TF32 allowed, the same f32 problem goes to the tensor cores: the switch does something.
TEST_F(RealCudnn, UsesTf32OnlyWhenAllowed) {
    if (version_ < 91100) GTEST_SKIP() << "cuDNN " << version_ << " does not plan without a GPU";
    const Conv3dProblem p{1, 25, 32, 32, 64, 128, 3, 1, 1, Dtype::f32};
    CudnnOptions options;
    options.capability = 90;
    options.device_properties = described(90, 132, 232448);
    for (const ConvDirection direction : directions) {
        options.tf32 = false;
        const auto strict = Cudnn(options).plan(p, direction).notes;
        EXPECT_EQ(std::ranges::find(strict, NumericalNote::TENSOR_CORE), strict.end());
        options.tf32 = true;
        const auto loose = Cudnn(options).plan(p, direction).notes;
        EXPECT_NE(std::ranges::find(loose, NumericalNote::TENSOR_CORE), loose.end());
    }
}

}  // namespace
}  // namespace cmtl
