#pragma once
// cp.async: copies from global to shared memory that run while the thread goes on (PTX ISA, "cp.async"). No register
// holds the data on its way, and nothing waits until cp_async_wait.
//
//   cp_async<16>(shared, global, wanted);   // as often as there is something to fetch
//   cp_async_commit();                      // what came since the last commit is one group
//   cp_async_wait<1>();                     // all groups of this thread but the last one have arrived
//   __syncthreads();                        // and those of the other threads
//
// sm_75 has none: there the copy is a load and a store at once, and waiting is nothing.
#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// 4, 8 or 16 bytes, both addresses aligned to as many. Unless `wanted`, zeros are stored and `global` is not read (it
// may be any address). 16 bytes go past L1 (.cg): tiles are read once per block; smaller ones through it (.ca):
// neighbours share sectors.
template <int Bytes>
__device__ __forceinline__ void cp_async(void* shared, const void* global, bool wanted = true) {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
#if !defined(__CUDACC__)
    simt::async_copy(shared, global, Bytes, wanted ? Bytes : 0);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    const unsigned target = static_cast<unsigned>(__cvta_generic_to_shared(shared));
    const int source_bytes = wanted ? Bytes : 0;
    if constexpr (Bytes == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(global), "r"(source_bytes));
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(target), "l"(global), "n"(Bytes),
                     "r"(source_bytes));
#else
    if constexpr (Bytes == 16)
        *static_cast<uint4*>(shared) = wanted ? *static_cast<const uint4*>(global) : uint4{0, 0, 0, 0};
    else if constexpr (Bytes == 8)
        *static_cast<uint2*>(shared) = wanted ? *static_cast<const uint2*>(global) : uint2{0, 0};
    else
        *static_cast<unsigned*>(shared) = wanted ? *static_cast<const unsigned*>(global) : 0u;
#endif
}

__device__ __forceinline__ void cp_async_commit() {
#if !defined(__CUDACC__)
    simt::async_commit();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until at most `Groups` of this thread's groups are on their way.
template <int Groups>
__device__ __forceinline__ void cp_async_wait() {
#if !defined(__CUDACC__)
    simt::async_wait(Groups);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
#endif
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
