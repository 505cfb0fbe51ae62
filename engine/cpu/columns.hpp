#pragma once
// Sums over the rows of a (rows, columns) matrix, the shape of every per-channel reduction here. Rows are added in double, in
// blocks of a fixed size and in a fixed order, so the result does not depend on the number of threads.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/parallel.hpp"

namespace cmtl {

// add(begin, end, sums): adds rows [begin, end) into `width` doubles.
template <class Add>
std::vector<double> sum_rows(int64_t rows, int64_t width, Add&& add) {
    constexpr int64_t block = 4096;
    const int64_t blocks = (rows + block - 1) / block;
    std::vector<double> partial(static_cast<size_t>(blocks * width), 0.0);
    parallel_ranges(blocks, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) add(b * block, std::min(rows, (b + 1) * block), partial.data() + b * width);
    });
    std::vector<double> total(static_cast<size_t>(width), 0.0);
    for (int64_t b = 0; b < blocks; ++b)
        for (int64_t c = 0; c < width; ++c) total[static_cast<size_t>(c)] += partial[static_cast<size_t>(b * width + c)];
    return total;
}

// Plain column sums of f32 values, in double or rounded once to f32.
std::vector<double> column_sums(const float* values, int64_t rows, int64_t columns);
void column_sums(const float* values, int64_t rows, int64_t columns, float* sums);

}  // namespace cmtl
