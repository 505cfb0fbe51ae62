#include "engine/cpu/columns.hpp"

#include "base/cpu_dispatch.hpp"

namespace cmtl {

namespace {
CMTL_MULTIARCH void add_rows(const float* values, int64_t rows, int64_t columns, double* sums) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c) sums[c] += static_cast<double>(values[r * columns + c]);
}
}  // namespace

std::vector<double> column_sums(const float* values, int64_t rows, int64_t columns) {
    return sum_rows(rows, columns, [&](int64_t begin, int64_t end, double* partial) {
        add_rows(values + begin * columns, end - begin, columns, partial);
    });
}

void column_sums(const float* values, int64_t rows, int64_t columns, float* sums) {
    const auto total = column_sums(values, rows, columns);
    for (int64_t c = 0; c < columns; ++c) sums[c] = static_cast<float>(total[static_cast<size_t>(c)]);
}

}  // namespace cmtl
