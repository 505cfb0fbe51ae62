#pragma once
// What code compiled for the host knows of the kernels: which targets there are, and what a stream is.
//
// Every kernel file kernels/NAME.cu is compiled twice: by nvcc for NVIDIA GPUs, and by the host's compiler for simt, which
// executes the same source on the CPU. A launcher is therefore a template over its target, declared in kernels/NAME.hpp and
// specialised once, in kernels/NAME.cu, for the target that is being compiled.

struct CUstream_st;

namespace cmtl::kernels {

struct Cuda {};
struct Simt {};

// A cudaStream_t, or a stream of kernels/simt. Launchers enqueue there and return at once.
using Stream = ::CUstream_st*;

}  // namespace cmtl::kernels
