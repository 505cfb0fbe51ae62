#pragma once
// Matrix products of the feature network and the heads: a few to some hundred rows, a few hundred columns. They are too small for
// tensor cores to matter (375 x 256 weights, 10 rows: 2 MFLOP, 0.4 MB), so what counts is that every weight is read once by neighbouring
// lanes and that many warps share the work. Single precision throughout, because features reach 1e12.
//
//   forward          a warp for one column of y and `rows` of its rows: lanes along `in`, then a sum over the warp
//   input_gradient   a block for 32 columns of dx and `rows` rows: lanes along `in`, warps share `out`, then a sum over the warps
//   weight_gradient  lanes along `in`, a thread for `outs` rows of dweight: loops over n
//   bias_gradient    lanes along `out`, warps share n; sums in double
//
// Sums are split by shape alone and added in a fixed order.
#include "kernels/linear.hpp"
#include "kernels/primitives/block.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace dense {
constexpr int threads = 256, warps = threads / warp_size;
constexpr int rows = 8;  // of x, per thread: each weight fetched is used that often
constexpr int outs = 4;
}  // namespace dense

__global__ void __launch_bounds__(dense::threads)
linear_forward_kernel(const LinearSizes s, const float* x, const float* weight, const float* bias, float* y) {
    using namespace dense;
    const int64_t out = static_cast<int64_t>(blockIdx.x) * warps + threadIdx.y, first = static_cast<int64_t>(blockIdx.y) * rows;
    if (out >= s.out) return;  // the whole warp
    const float* const w = weight + out * s.in;
    const float* from[rows];
#pragma unroll
    for (int r = 0; r < rows; ++r) from[r] = x + (first + r < s.n ? first + r : first) * s.in;
    float sum[rows] = {};
#pragma unroll 2
    for (int64_t i = threadIdx.x; i < s.in; i += warp_size) {
        const float value = w[i];
#pragma unroll
        for (int r = 0; r < rows; ++r) sum[r] = fmaf(value, from[r][i], sum[r]);
    }
#pragma unroll
    for (int r = 0; r < rows; ++r) {
        const float total = warp_reduce(sum[r], Sum{});
        if (threadIdx.x == 0 && first + r < s.n) y[(first + r) * s.out + out] = bias ? total + bias[out] : total;
    }
}

__global__ void __launch_bounds__(dense::threads)
linear_input_gradient_kernel(const LinearSizes s, const float* weight, const float* dy, float* dx) {
    using namespace dense;
    const int64_t in = static_cast<int64_t>(blockIdx.x) * warp_size + threadIdx.x, first = static_cast<int64_t>(blockIdx.y) * rows;
    float sum[rows] = {};
    if (in < s.in) {
        const float* from[rows];
#pragma unroll
        for (int r = 0; r < rows; ++r) from[r] = dy + (first + r < s.n ? first + r : first) * s.out;
#pragma unroll 2
        for (int64_t o = threadIdx.y; o < s.out; o += warps) {
            const float value = weight[o * s.in + in];
#pragma unroll
            for (int r = 0; r < rows; ++r) sum[r] = fmaf(value, from[r][o], sum[r]);
        }
    }
    sum_down<rows, threads>(sum);
    if (threadIdx.y == 0 && in < s.in)
#pragma unroll
        for (int r = 0; r < rows; ++r)
            if (first + r < s.n) dx[(first + r) * s.in + in] = sum[r];
}

__global__ void __launch_bounds__(dense::threads)
linear_weight_gradient_kernel(const LinearSizes s, const float* x, const float* dy, float* dweight) {
    using namespace dense;
    const int64_t in = static_cast<int64_t>(blockIdx.x) * warp_size + threadIdx.x;
    const int64_t first = (static_cast<int64_t>(blockIdx.y) * warps + threadIdx.y) * outs;
    if (in >= s.in || first >= s.out) return;
    const float* from[outs];
#pragma unroll
    for (int k = 0; k < outs; ++k) from[k] = dy + (first + k < s.out ? first + k : first);
    float sum[outs] = {};
#pragma unroll 2
    for (int64_t n = 0; n < s.n; ++n) {
        const float value = x[n * s.in + in];
#pragma unroll
        for (int k = 0; k < outs; ++k) sum[k] = fmaf(value, from[k][n * s.out], sum[k]);
    }
#pragma unroll
    for (int k = 0; k < outs; ++k)
        if (first + k < s.out) dweight[(first + k) * s.in + in] = sum[k];
}

__global__ void __launch_bounds__(dense::threads) linear_bias_gradient_kernel(const LinearSizes s, const float* dy, float* dbias) {
    using namespace dense;
    const int64_t out = static_cast<int64_t>(blockIdx.x) * warp_size + threadIdx.x;
    double sum[1] = {};
    if (out < s.out)
        for (int64_t n = threadIdx.y; n < s.n; n += warps) sum[0] += static_cast<double>(dy[n * s.out + out]);
    sum_down<1, threads>(sum);
    if (threadIdx.y == 0 && out < s.out) dbias[out] = static_cast<float>(sum[0]);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
