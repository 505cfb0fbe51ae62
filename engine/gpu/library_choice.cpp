#include "engine/gpu/library_choice.hpp"

#include <cstdlib>

namespace cmtl {

// The preferences, not yet measured on a GPU; `cmtl_bench` with CMTL_CONV=own and CMTL_CONV=cudnn compares.
//
//   3x3x3 and 5x5x5   cuDNN
//   fewer than four input channels (the network's first convolution)    own: cuDNN pads the channels, 2 GB of workspace
//   where cuDNN has its engine 0 only (f32 gradients on many GPUs)      own: that engine is there for completeness
//   1x1x1, linear     own: bound by memory, which any kernel that reads every element once saturates
LibraryChoice library_choice() {
    const char* value = std::getenv("CMTL_CONV");
    const std::string_view text = value ? value : "";
    if (text.empty()) return LibraryChoice::preferred;
    if (text == "own") return LibraryChoice::own;
    if (text == "cudnn") return LibraryChoice::libraries;
    fail(ErrorKind::usage, "conv3d", "CMTL_CONV is '{}': own, cudnn or nothing", text);
}

Refusal libraries_refusal(Device device) {
    if (device.kind != Device::Kind::cuda) return "runs on cuda only";
    if (environment_switch("CMTL_NO_CUDNN")) return "CMTL_NO_CUDNN is set";
    return {};
}

Refusal cudnn_not_preferred(LibraryChoice choice, const Conv3dProblem& problem) {
    if (choice == LibraryChoice::libraries) return {};
    if (choice == LibraryChoice::own) return "CMTL_CONV=own";
    if (problem.kernel == 1) return "own kernels come first for 1x1x1";
    if (problem.in < 4) return "own kernels come first for few input channels";
    return {};
}

Refusal cudnn_not_preferred(LibraryChoice choice, const CudnnPlan& plan) {
    return choice == LibraryChoice::preferred && plan.engine == 0 ? Refusal("own kernels come before cuDNN's engine 0")
                                                                  : Refusal{};
}

Refusal cublaslt_not_preferred(LibraryChoice choice) {
    if (choice == LibraryChoice::libraries) return {};
    return choice == LibraryChoice::own ? "CMTL_CONV=own" : "own kernels come first for 1x1x1 and linear layers";
}

}  // namespace cmtl
