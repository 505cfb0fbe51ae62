#pragma once
// Launcher of the sums over the rows of a (rows, columns) matrix, for the gradient of a bias. Pointers are device
// memory.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// How rows are cut into partial sums: enough blocks to fill any GPU, each with so many rows that its partial sum does
// not count.
struct ColumnSumsRows {
    int64_t per_block;
    int blocks;
};
inline ColumnSumsRows column_sums_rows(int64_t rows) {
    constexpr int64_t least = 256, most_blocks = 1024;
    if (rows == 0) return {least, 1};
    const int64_t pieces = (rows + least - 1) / least, per_block = (pieces + most_blocks - 1) / most_blocks * least;
    return {per_block, static_cast<int>((rows + per_block - 1) / per_block)};
}

// Bytes of 8-byte aligned scratch memory.
inline size_t column_sums_scratch(int64_t rows, int64_t columns) {
    return static_cast<size_t>(column_sums_rows(rows).blocks) * static_cast<size_t>(columns) * sizeof(double);
}

// sums[c] = the sum of x[r, c] over r, in double in an order that depends on the shape alone, rounded once. `columns`
// below 2^31.
template <class Target>
void column_sums(Stream stream, int64_t rows, int64_t columns, const float* x, float* sums, void* scratch);

}  // namespace cmtl::kernels
