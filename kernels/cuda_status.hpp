#pragma once
// Status codes of the CUDA runtime as errors. Host files of the CUDA side only: it includes the toolkit's header.
#include <cuda_runtime_api.h>

namespace cmtl::kernels {

// Throws Error(resource) for what the machine lacks (no driver, no memory, no code for this GPU) and Error(internal) for what the
// program did wrong; `what` names the call or the kernel.
[[noreturn]] void fail_cuda(const char* what, cudaError_t status);

// Declared in kernels/dialect.hpp too, for launches: remembers the kernel's name, and throws unless `code` is cudaSuccess.
void check_launch(const char* kernel, int code);

}  // namespace cmtl::kernels

// CMTL_CUDA_CHECK(cudaFree(p)): throws unless the call returns cudaSuccess.
#define CMTL_CUDA_CHECK(call)                                                                                 \
    do {                                                                                                      \
        if (const cudaError_t cmtl_status = (call); cmtl_status != cudaSuccess) [[unlikely]]                  \
            ::cmtl::kernels::fail_cuda(#call, cmtl_status);                                                   \
    } while (false)
