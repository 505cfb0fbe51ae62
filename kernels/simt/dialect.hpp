#pragma once
// The dialect (kernels/dialect.hpp) for the host's compiler: the same names, executed by simt. Where a file needs headers of the
// CUDA toolkit as well, it includes them first.
#include "kernels/simt/atomics.hpp"
#include "kernels/simt/execution.hpp"
#include "kernels/simt/intrinsics.hpp"
#include "kernels/simt/launch.hpp"
#include "kernels/simt/vector_types.hpp"

#undef __global__
#undef __device__
#undef __host__
#undef __constant__
#undef __shared__
#undef __forceinline__
#undef __launch_bounds__
#undef __align__
#undef __grid_constant__

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __grid_constant__

// An OS thread runs one block at a time, so its own copy of a variable is the block's. AddressSanitizer guards plain statics but no
// thread-local ones: with it, one OS thread at a time runs kernels.
#if defined(__SANITIZE_ADDRESS__)
#define CMTL_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CMTL_SIMT_ASAN 1
#endif
#endif
#if defined(CMTL_SIMT_ASAN)
#define __shared__ static
#else
#define __shared__ static thread_local
#endif

#define CMTL_TARGET on_simt
#define CMTL_DYNAMIC_SHARED(T, name) T* const name = reinterpret_cast<T*>(::cmtl::kernels::simt::dynamic_shared)
