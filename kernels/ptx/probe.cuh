#pragma once
// One warp each (cp.async: two), a few hundred bytes: for tests, never on a hot path.
#include "kernels/primitives/bf16.cuh"
#include "kernels/ptx/cp_async.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/mma.cuh"
#include "kernels/ptx/probe.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__global__ void probe_mma_kernel(MmaKind kind, const uint32_t* a, const uint32_t* b, float* d) {
    const unsigned lane = threadIdx.x;
    uint32_t u[4], v[2];
    float sum[4];
    for (int i = 0; i < 4; ++i) u[i] = a[lane * 4 + i], sum[i] = d[lane * 4 + i];
    for (int i = 0; i < 2; ++i) v[i] = b[lane * 2 + i];
    if (kind == MmaKind::bf16)
        mma_bf16(sum, u, v);
    else if (kind == MmaKind::f16)
        mma_f16(sum, u, v);
    else
        mma_tf32(sum, u, v);
    for (int i = 0; i < 4; ++i) d[lane * 4 + i] = sum[i];
}

template <int Matrices, bool Transposed>
__global__ void probe_ldmatrix_kernel(const uint16_t* rows, uint32_t* registers) {
    __shared__ uint4 tile[Matrices * 8];
    uint16_t* const elements = reinterpret_cast<uint16_t*>(tile);
    const unsigned lane = threadIdx.x;
    for (unsigned i = lane; i < Matrices * 64; i += 32) elements[i] = rows[i];
    __syncthreads();
    uint32_t d[Matrices];
    ldmatrix<Transposed>(d, tile + lane % (Matrices * 8));
    for (int i = 0; i < Matrices; ++i) registers[lane * Matrices + i] = d[i];
}

template <bool Transposed>
__global__ void probe_product_kernel(const uint16_t* a, const uint16_t* b, float* d) {
    __shared__ uint4 left[32], right[16];
    const unsigned lane = threadIdx.x;
    for (unsigned i = lane; i < 256; i += 32) reinterpret_cast<uint16_t*>(left)[i] = a[i];
    for (unsigned i = lane; i < 128; i += 32) reinterpret_cast<uint16_t*>(right)[i] = b[i];
    __syncthreads();
    // The matrices of a in the order of its registers: rows 0 and 8, then K 8 on. By columns, K is the row of shared
    // memory.
    const unsigned row = lane % 8, second = lane / 8 % 2, third = lane / 16;
    uint32_t u[4], v[2];
    float sum[4] = {};
    if (Transposed) {
        ldmatrix<true>(u, left + (row + 8 * third) * 2 + second);
        ldmatrix<true>(v, right + row + 8 * second);
    } else {
        ldmatrix(u, left + (row + 8 * second) * 2 + third);
        ldmatrix(v, right + row * 2 + second);
    }
    mma_bf16(sum, u, v);
    const unsigned g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

template <int Bytes>
__global__ void probe_cp_async_kernel(int wanted, const uint32_t* x, uint32_t* y) {
    __shared__ uint4 tile[128];
    constexpr int words = Bytes / 4;
    uint32_t* const shared = reinterpret_cast<uint32_t*>(tile);
    const int i = static_cast<int>(threadIdx.x);
    cp_async<Bytes>(shared + i * words, x + i * words, i < wanted);
    cp_async_commit();
    cp_async<Bytes>(shared + (64 + i) * words, x + (64 + i) * words, 64 + i < wanted);
    cp_async_commit();
    cp_async_wait<1>();
    __syncthreads();
    const int other = 63 - i;
    for (int w = 0; w < words; ++w) y[other * words + w] = shared[other * words + w];
    cp_async_wait<0>();
    __syncthreads();
    for (int w = 0; w < words; ++w) y[(64 + other) * words + w] = shared[(64 + other) * words + w];
}

__global__ void probe_round_kernel(int count, const float* x, uint32_t* pairs, uint32_t* tf32) {
    const int i = static_cast<int>(first_item());
    if (i >= count) return;
    tf32[i] = to_tf32(x[i]);
    if (i % 2 == 0) pairs[i / 2] = pack_bf16(x[i], x[i + 1]);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
