#pragma once
// Column sums in two kernels: blocks of rows to one partial sum each, then the partial sums in order. x is read once, 4
// bytes an element, by 16-byte loads of neighbouring lanes, so memory bounds it. Elements are added in double: one
// addition for 4 bytes read is within what even GPUs do that have double precision at 1/64 of the speed.
#include "kernels/column_sums.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/primitives/vector.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace columns {
constexpr unsigned threads = 256, finish_across = 32, finish_down = 32;
}

// blockIdx.x: tile of columns; blockIdx.y: block of rows. Writes partial[blockIdx.y][column].
template <int width>
__global__ void __launch_bounds__(columns::threads)
    column_sums_partial_kernel(const float* x, int64_t rows, int count, int64_t rows_per_block, double* partial) {
    const int column = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * width;
    double sums[width] = {};
    if (column < count) {
        const int64_t begin = blockIdx.y * rows_per_block,
                      end = begin + rows_per_block < rows ? begin + rows_per_block : rows;
#pragma unroll 4
        for (int64_t row = begin + threadIdx.y; row < end; row += blockDim.y) {
            const auto v = load_vector<width>(x + row * count + column);
#pragma unroll
            for (int i = 0; i < width; ++i) sums[i] += static_cast<double>(v[i]);
        }
    }
    sum_down<width, columns::threads>(sums);
    if (threadIdx.y || column >= count) return;
#pragma unroll
    for (int i = 0; i < width; ++i) partial[static_cast<int64_t>(blockIdx.y) * count + column + i] = sums[i];
}

// One warp across 32 columns, 32 threads down the blocks.
__global__ void __launch_bounds__(columns::finish_across* columns::finish_down)
    column_sums_finish_kernel(const double* partial, int blocks, int count, float* sums) {
    using namespace columns;
    const int column = static_cast<int>(blockIdx.x * finish_across + threadIdx.x);
    double sum[1] = {};
    if (column < count)
        for (int b = static_cast<int>(threadIdx.y); b < blocks; b += finish_down)
            sum[0] += partial[static_cast<int64_t>(b) * count + column];
    sum_down<1, finish_across * finish_down>(sum);
    if (threadIdx.y == 0 && column < count) sums[column] = static_cast<float>(sum[0]);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
