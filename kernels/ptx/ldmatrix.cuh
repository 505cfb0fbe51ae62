#pragma once
// ldmatrix: a warp reads 8x8 matrices of 16-bit elements from shared memory into the fragments of mma.sync (PTX ISA,
// "Warp-level matrix load instruction: ldmatrix"). Lane l gives the address of row l % 8 of matrix l / 8; those of
// lanes beyond the matrices are not read, but sm_75 wants valid ones. Rows are 16 bytes, 16-byte aligned. Lane l
// receives of each matrix the elements (l / 4, 2 (l % 4)) and (l / 4, 2 (l % 4) + 1), the first in the lower half; with
// Transposed those of the transposed matrix. Free of bank conflicts when the eight rows of a matrix lie in eight
// different 16-byte columns of the 128 bytes that the banks span.
#include "kernels/dialect.hpp"
#if !defined(__CUDACC__)
#include <cstring>
#endif

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

template <bool Transposed = false, int Matrices>
__device__ __forceinline__ void ldmatrix(uint32_t (&d)[Matrices], const void* row) {
    static_assert(Matrices == 1 || Matrices == 2 || Matrices == 4);
#if !defined(__CUDACC__)
    const unsigned lane = simt::lane();
    uint16_t mine[8] = {};
    if (lane < 8 * Matrices) std::memcpy(mine, row, sizeof mine);
    const auto rows = simt::warp_exchange(0xffffffffu, mine, sizeof mine, "ldmatrix");
    for (unsigned m = 0; m < Matrices; ++m) {
        const auto element = [&](unsigned r, unsigned c) {
            uint16_t value;
            std::memcpy(&value, rows[8 * m + r] + 2 * c, sizeof value);
            return static_cast<uint32_t>(value);
        };
        const unsigned g = lane / 4, t = 2 * (lane % 4);
        d[m] = Transposed ? element(t, g) | element(t + 1, g) << 16 : element(g, t) | element(g, t + 1) << 16;
    }
#elif defined(__CUDA_ARCH__)
    const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
    if constexpr (Matrices == 1 && !Transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(d[0]) : "r"(address) : "memory");
    else if constexpr (Matrices == 1)
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                     : "=r"(d[0])
                     : "r"(address)
                     : "memory");
    else if constexpr (Matrices == 2 && !Transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                     : "=r"(d[0]), "=r"(d[1])
                     : "r"(address)
                     : "memory");
    else if constexpr (Matrices == 2)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(d[0]), "=r"(d[1])
                     : "r"(address)
                     : "memory");
    else if constexpr (!Transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                     : "r"(address)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                     : "r"(address)
                     : "memory");
#endif
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
