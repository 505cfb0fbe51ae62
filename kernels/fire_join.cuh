#pragma once
// Batch norm of two tensors, their concatenation, the bypass and ReLU as one pass. Bytes for an element of the joined tensor, without
// and with a bypass; statistics and their ends are those of kernels/batch_norm3d.cuh:
//
//   (moments)        4      4   reads e1, e3; in training only
//   join             8     12   reads e1, e3, bypass, writes y
//   gradient_sums    8     16   reads e1, e3, dy; with a bypass also y, and writes the bypass' gradient
//   apply_gradient  12     12   reads e1, e3 and dy or the bypass' gradient, writes de1, de3
//
// One after the other the operators move 28 and 40 bytes forward, 40 backward: here 12 and 16, 20 and 28. Where y is positive is
// computed again from e1 and e3 by the very operations of the forward pass; with a bypass that would want the bypass, so y is read
// instead, once: its gradient is dy where y is positive, which the sums need anyway and the second pass then reads in dy's place.
// Either gradient may take the place of what it is made of: a thread reads before it writes, and nobody else reads it.
//
// A thread stays in one vector of columns of the joined tensor and therefore in one of the two halves; neighbours are neighbours in
// both, so all requests are contiguous but for the one warp where the halves meet.
// Sums over rows: a few in single precision, then double; the partition depends on the shape alone.
#include "kernels/fire_join.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/primitives/vector.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace fire {

constexpr unsigned threads = 256;
constexpr int strip = 4;  // rows of a thread in flight

// e1 or e3 as the kernels see it. `gradient` may be `values`.
struct Half {
    const float* values;
    float* gradient;
    const float* table;  // BatchNorm3dTable
    double* partial;     // [block][2][channels]
    int channels;
};

// Where a thread works: a vector of columns of the joined tensor, `own` of its half.
template <int width>
struct Columns {
    int joined, channel, own;
    Half half;
    __device__ __forceinline__ Columns(const Half& one, const Half& three)
        : joined(one.channels + three.channels), channel(static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * width) {
        const bool second = channel >= one.channels;
        own = second ? channel - one.channels : channel;
        half.values = second ? three.values : one.values;
        half.gradient = second ? three.gradient : one.gradient;
        half.table = second ? three.table : one.table;
        half.partial = second ? three.partial : one.partial;
        half.channels = second ? three.channels : one.channels;
    }
    __device__ __forceinline__ bool outside() const { return channel >= joined; }
    __device__ __forceinline__ Vector<float, width> coefficients(BatchNorm3dTable::Row row) const {
        return load_vector<width>(half.table + static_cast<int64_t>(row) * half.channels + own);
    }
    __device__ __forceinline__ int64_t at(int64_t row) const { return row * joined + channel; }
    __device__ __forceinline__ int64_t at_half(int64_t row) const { return row * half.channels + own; }
    // From a thread's row to its next one, a block's height on.
    __device__ __forceinline__ int step() const { return static_cast<int>(blockDim.y) * joined; }
    __device__ __forceinline__ int step_half() const { return static_cast<int>(blockDim.y) * half.channels; }
};

__device__ __forceinline__ bool finite(float v) { return v - v == 0; }

}  // namespace fire

template <int width, bool bypassed>
__global__ void __launch_bounds__(fire::threads)
fire_join_kernel(const fire::Half one, const fire::Half three, int64_t rows, const float* bypass, float* y) {
    using namespace fire;
    const Columns<width> columns(one, three);
    if (columns.outside()) return;
    const int step = columns.step(), step_half = columns.step_half();
    const auto m = columns.coefficients(BatchNorm3dTable::center), a = columns.coefficients(BatchNorm3dTable::slope),
               b = columns.coefficients(BatchNorm3dTable::offset);
    const auto map = [&](Vector<float, width> v, const Vector<float, width>& x) {
#pragma unroll
        for (int i = 0; i < width; ++i) {
            v[i] = fmaf(v[i] - m[i], a[i], b[i]);
            if (bypassed) v[i] += x[i];
            v[i] = v[i] < 0 ? 0.0f : v[i];  // NaN stays
        }
        return v;
    };
    for (int64_t row = static_cast<int64_t>(blockIdx.y) * strip * blockDim.y + threadIdx.y; row < rows;
         row += static_cast<int64_t>(gridDim.y) * strip * blockDim.y) {
        const int64_t at = columns.at(row);
        const float* const values = columns.half.values + columns.at_half(row);
        Vector<float, width> v[strip], x[strip] = {};
        if (row + (strip - 1) * blockDim.y < rows) {
#pragma unroll
            for (int j = 0; j < strip; ++j) {
                v[j] = load_vector<width>(values + j * step_half);
                if (bypassed) x[j] = load_vector<width>(bypass + at + j * step);
            }
#pragma unroll
            for (int j = 0; j < strip; ++j) store_vector<width>(y + at + j * step, map(v[j], x[j]));
        } else {
            for (int j = 0; j < strip && row + j * blockDim.y < rows; ++j) {
                if (bypassed) x[0] = load_vector<width>(bypass + at + j * step);
                store_vector<width>(y + at + j * step, map(load_vector<width>(values + j * step_half), x[0]));
            }
        }
    }
}

// Sums of dy and dy (e - mean) where y is not <= 0, one partial sum a block. dbypass (bypassed: dy there) may be dy.
template <int width, bool bypassed>
__global__ void __launch_bounds__(fire::threads, bypassed ? 2 : 3)
fire_join_gradient_sums_kernel(const fire::Half one, const fire::Half three, int64_t rows, int64_t rows_per_block, const float* dy,
                               const float* y, float* dbypass) {
    using namespace fire;
    const Columns<width> columns(one, three);
    double sums[2 * width] = {};
    if (!columns.outside()) {
        const int step = columns.step(), step_half = columns.step_half();
        const auto m = columns.coefficients(BatchNorm3dTable::center), a = columns.coefficients(BatchNorm3dTable::slope),
                   b = columns.coefficients(BatchNorm3dTable::offset);
        const int64_t begin = blockIdx.y * rows_per_block, end = begin + rows_per_block < rows ? begin + rows_per_block : rows;
        const auto open = [&](float gradient, float d, float sign, int i) {
            return (bypassed ? sign : fmaf(d, a[i], b[i])) <= 0 ? 0.0f : gradient;
        };
        for (int64_t row = begin + threadIdx.y; row < end; row += strip * blockDim.y) {
            const int64_t at = columns.at(row);
            const float* const values = columns.half.values + columns.at_half(row);
            bool done = row + (strip - 1) * blockDim.y < end;
            if (done) {
                Vector<float, width> v[strip], g[strip], sign[strip] = {};
#pragma unroll
                for (int j = 0; j < strip; ++j) {
                    v[j] = load_vector<width>(values + j * step_half);
                    g[j] = load_vector<width>(dy + at + j * step);
                    if (bypassed) sign[j] = load_vector<width>(y + at + j * step);
                }
                float sum[width] = {}, product[width] = {};
#pragma unroll
                for (int j = 0; j < strip; ++j) {
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        const float d = v[j][i] - m[i];
                        g[j][i] = open(g[j][i], d, sign[j][i], i);
                        sum[i] += g[j][i];
                        product[i] = fmaf(g[j][i], d, product[i]);
                    }
                    if (bypassed) store_vector<width>(dbypass + at + j * step, g[j]);
                }
#pragma unroll
                for (int i = 0; i < width; ++i) done = done && finite(sum[i]) && finite(product[i]);
                if (done) {
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        sums[i] += static_cast<double>(sum[i]);
                        sums[width + i] += static_cast<double>(product[i]);
                    }
                }
            }
            if (!done) {  // the ragged end; NaN, infinity, and what single precision does not hold. Masking twice changes nothing.
                for (int j = 0; j < strip && row + j * blockDim.y < end; ++j) {
                    const auto v = load_vector<width>(values + j * step_half);
                    Vector<float, width> g = load_vector<width>(dy + at + j * step), sign = {};
                    if (bypassed) sign = load_vector<width>(y + at + j * step);
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        g[i] = open(g[i], v[i] - m[i], sign[i], i);
                        sums[i] += static_cast<double>(g[i]);
                        sums[width + i] = fma(static_cast<double>(g[i]), static_cast<double>(v[i]) - static_cast<double>(m[i]), sums[width + i]);
                    }
                    if (bypassed) store_vector<width>(dbypass + at + j * step, g);
                }
            }
        }
    }
    sum_down<2 * width, threads>(sums);
    if (threadIdx.y || columns.outside()) return;
    double* const out = columns.half.partial + static_cast<int64_t>(blockIdx.y) * 2 * columns.half.channels + columns.own;
#pragma unroll
    for (int i = 0; i < width; ++i) {
        out[i] = sums[i];
        out[columns.half.channels + i] = sums[width + i];
    }
}

// gradient: dy, or with a bypass its gradient: dy where y is not <= 0, already.
template <int width, bool bypassed>
__global__ void __launch_bounds__(fire::threads)
fire_join_apply_gradient_kernel(const fire::Half one, const fire::Half three, int64_t rows, const float* gradient) {
    using namespace fire;
    const Columns<width> columns(one, three);
    if (columns.outside()) return;
    const int step = columns.step(), step_half = columns.step_half();
    const auto m = columns.coefficients(BatchNorm3dTable::center), a = columns.coefficients(BatchNorm3dTable::slope),
               b = columns.coefficients(BatchNorm3dTable::offset), u = columns.coefficients(BatchNorm3dTable::linear),
               w = columns.coefficients(BatchNorm3dTable::constant);
    const auto map = [&](const Vector<float, width>& v, Vector<float, width> g) {
#pragma unroll
        for (int i = 0; i < width; ++i) {
            const float d = v[i] - m[i];
            if (!bypassed) g[i] = fmaf(d, a[i], b[i]) <= 0 ? 0.0f : g[i];
            g[i] = fmaf(a[i], g[i], fmaf(u[i], d, w[i]));
        }
        return g;
    };
    for (int64_t row = static_cast<int64_t>(blockIdx.y) * strip * blockDim.y + threadIdx.y; row < rows;
         row += static_cast<int64_t>(gridDim.y) * strip * blockDim.y) {
        const int64_t at_half = columns.at_half(row);
        const float *const from = gradient + columns.at(row), *const values = columns.half.values + at_half;
        float* const to = columns.half.gradient + at_half;
        if (row + (strip - 1) * blockDim.y < rows) {
            Vector<float, width> v[strip], g[strip];
#pragma unroll
            for (int j = 0; j < strip; ++j) {
                v[j] = load_vector<width>(values + j * step_half);
                g[j] = load_vector<width>(from + j * step);
            }
#pragma unroll
            for (int j = 0; j < strip; ++j) store_vector<width>(to + j * step_half, map(v[j], g[j]));
        } else {
            for (int j = 0; j < strip && row + j * blockDim.y < rows; ++j)
                store_vector<width>(to + j * step_half, map(load_vector<width>(values + j * step_half), load_vector<width>(from + j * step)));
        }
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
