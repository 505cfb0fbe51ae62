#pragma once
// When NVIDIA's libraries come before the kernels of our own: the one place that says so.
#include "engine/gpu/cudnn.hpp"

namespace cmtl {

// CMTL_CONV=own: never. CMTL_CONV=cudnn: wherever they support the problem. Otherwise preferred(), below.
enum class LibraryChoice { preferred, own, libraries };
// Throws Error(usage) for another value of CMTL_CONV.
LibraryChoice library_choice();

// Why the libraries are out of the question on this device; empty: they are not.
Refusal libraries_refusal(Device device);

// Why kernels of our own come first; empty: the library does.
Refusal cudnn_not_preferred(LibraryChoice choice, const Conv3dProblem& problem);
Refusal cudnn_not_preferred(LibraryChoice choice, const CudnnPlan& plan);
Refusal cublaslt_not_preferred(LibraryChoice choice);

}  // namespace cmtl
