#pragma once
// The language kernels are written in: CUDA C++ restricted to what both nvcc and kernels/simt give a meaning to.
//
//   built-ins       threadIdx blockIdx blockDim gridDim warpSize; __global__ __device__ __forceinline__ __launch_bounds__
//   shared memory   __shared__ T name[..] at function scope; CMTL_DYNAMIC_SHARED(T, name), one per kernel, 16-byte aligned;
//                   48 KiB of both together, or more than 48 KiB of the dynamic kind, which launch() asks for. What this block
//                   has not written is undefined (simt: bits of 1, so NaN)
//   barriers        __syncthreads(), __syncthreads_or/and/count(p): every thread of the block, at the same place, none returned
//                   before; __syncwarp(mask)
//   warp            __shfl_sync, __shfl_up_sync, __shfl_down_sync, __shfl_xor_sync, __ballot_sync, __any_sync, __all_sync;
//                   the mask names the lanes that take part; all of them that have not returned must arrive, from wherever, and
//                   with the same function. The value of a lane that took no part is undefined (simt: bits of 1). No __activemask
//   atomics         atomicAdd Min Max Or And Xor Exch CAS, on 32- and 64-bit integers, Add also on float and double;
//                   atomicLoad(p) reads what other threads' atomics may be changing, at the cost of a load that skips L1
//   memory order    __threadfence()
//   vectors         float2 float4 double2 int2 int4 uint2 uint4 uchar4 and their make_ functions, dim3, uint3
//   arithmetic      <cmath> by its plain names in float and double, fmaf, fma, rsqrtf, min, max, __popc, __popcll, __clz,
//                   __clzll, __ffs, __brev, __umulhi, __ldg, __float_as_uint, __uint_as_float, __float2int_rn ...
//   launch          launch({"name", grid, block, shared_bytes, stream}, kernel, arguments...), the only <<<>>> there is; pointers
//                   among the arguments are nullptr or into device or pinned memory
//
// Not in the dialect: cooperative groups, cub inside kernels, textures, dynamic parallelism, device-side new and printf.
// Inline PTX lives in kernels/ptx alone. All kernel code, helpers included, sits in
//     namespace cmtl::kernels { inline namespace CMTL_TARGET { ... } }
// because both compilations of it meet in one program. `Target` is the target being compiled.

#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

#if defined(__CUDACC__)

#include <cuda_runtime.h>

#define CMTL_TARGET on_cuda
#define CMTL_DYNAMIC_SHARED(T, name)                                   \
    extern __shared__ __align__(16) unsigned char cmtl_dynamic_shared[]; \
    T* const name = reinterpret_cast<T*>(cmtl_dynamic_shared)

namespace cmtl::kernels {

// kernels/cuda_runtime.cpp: throws Error(resource or internal) that names the kernel, unless `code` is cudaSuccess.
void check_launch(const char* kernel, int code);

inline namespace on_cuda {

using Target = Cuda;

struct Launch {
    const char* name;  // a literal: errors, profiles and counters show it
    dim3 grid, block;
    size_t shared_bytes;  // dynamic shared memory
    Stream stream;
};

template <class... Parameters, class... Arguments>
void launch(const Launch& l, void (*kernel)(Parameters...), Arguments... arguments) {
    if (l.shared_bytes > 48 * 1024)  // beyond this a kernel must ask first
        check_launch(l.name, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(l.shared_bytes)));
    kernel<<<l.grid, l.block, l.shared_bytes, l.stream>>>(static_cast<Parameters>(arguments)...);
    check_launch(l.name, cudaGetLastError());
}

template <class T>
__device__ __forceinline__ T atomicLoad(const T* p) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    return *const_cast<const volatile T*>(p);  // one access, and never an older value than this thread saw before
}

}  // namespace on_cuda
}  // namespace cmtl::kernels

#else
#include "kernels/simt/dialect.hpp"  // defines the same names: CMTL_TARGET is on_simt
#endif

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// Blocks of `block` threads that cover `count` items once, at most `most` of them: kernels stride over the rest.
__host__ __device__ inline unsigned blocks_for(int64_t count, unsigned block, unsigned most = 1u << 16) {
    const int64_t blocks = (count + block - 1) / block;
    return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

// for (int64_t i = first_item(); i < count; i += item_stride())
__device__ __forceinline__ int64_t first_item() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t item_stride() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
