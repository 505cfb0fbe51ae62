#pragma once
// cuDNN 9, opened when a context first asks for it; the only door to it. Its plans are kept per problem.
//
// Planning needs no GPU where the properties of one are given as text (cuDNN 9.11 and newer): the same code then finds
// engines as for that GPU, which is how tests on machines without one see what cuDNN takes and chooses.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/gpu/cudnn_api.hpp"
#include "engine/gpu/cudnn_convolution.hpp"
#include "engine/gpu/shared_library.hpp"

namespace cmtl {

struct CudnnOptions {
    int capability = 0;  // of the GPU, as in kernels::DeviceProperties
    // The most an engine may take beside the tensors. Engines that transpose their tensors want them twice.
    size_t workspace_limit = size_t{1} << 30;
    bool tf32 = false;  // whether f32 problems may be multiplied in TF32, with 11 bits; also on with CMTL_TF32=1
    std::string device_properties;  // JSON: plan for this device instead of the current one; nothing runs then
};

// What a problem is computed with.
struct CudnnPlan {
    int64_t engine = -1;  // cuDNN's number of it
    std::vector<cudnn_api::NumericalNote> notes;
    size_t workspace = 0;
    std::string text() const;  // "engine 28, workspace 0.4 MiB"
};

class Cudnn {
  public:
    // Opens the library that CMTL_CUDNN_LIBRARY names, or libcudnn.so.9, for the GPU that is current on this thread.
    // Does not throw: refusal() says what is amiss.
    explicit Cudnn(CudnnOptions options);
    ~Cudnn();
    Cudnn(const Cudnn&) = delete;
    Cudnn& operator=(const Cudnn&) = delete;

    // Empty, or why there is no cuDNN here.
    const std::string& refusal() const { return refusal_; }
    // 91900 is 9.19.0; 0 where the library did not open.
    size_t version() const { return version_; }

    // Empty, or why cuDNN does not compute this problem. Plans it.
    std::string refusal(const Conv3dProblem& problem, ConvDirection direction);
    // The plan of a problem that is not refused.
    const CudnnPlan& plan(const Conv3dProblem& problem, ConvDirection direction);

    // Enqueues the convolution on the context's stream: computes y, the gradient of x (into `x`), or the gradient of
    // the weights (into `weight`) from the other two. All tensors are f32; `bias` is for the forward direction and may
    // be undefined.
    void run(Context& context, const Conv3dProblem& problem, ConvDirection direction, const Tensor& x,
             const Tensor& weight, const Tensor& y, const Tensor& bias = {});

  private:
    struct Planned;
    void open();
    Planned& planned(const Conv3dProblem& problem, ConvDirection direction);
    Planned make(const Conv3dProblem& problem, ConvDirection direction);

    CudnnOptions options_;
    SharedLibrary library_;
    cudnn_api::Functions api_{};
    std::string refusal_;
    size_t version_ = 0;
    cudnn_api::Handle handle_ = nullptr;
    kernels::Stream stream_ = nullptr;        // the handle's
    cudnn_api::Descriptor device_ = nullptr;  // stands for the GPU where the options describe one
    std::map<std::pair<Conv3dProblem, ConvDirection>, Planned> plans_;
};

// Whether an engine with these notes computes what is asked: the same bits every run, in the type asked for, and with
// infinities and NaN where the definition has them (Fourier and Winograd transforms spread them).
bool engine_fits(const std::vector<cudnn_api::NumericalNote>& notes, Dtype compute, bool tf32);

}  // namespace cmtl
