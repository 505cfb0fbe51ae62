#include "kernels/column_sums.hpp"

#include "kernels/column_sums.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace columns {

template <int width>
void launch_partial(Stream stream, int64_t rows, int count, const float* x, double* partial) {
    const RowTiles tiles = row_tiles(count / width, threads);
    const ColumnSumsRows cut = column_sums_rows(rows);
    launch({"column_sums_partial", dim3(tiles.tiles, static_cast<unsigned>(cut.blocks)), tiles.block(), 0, stream},
           column_sums_partial_kernel<width>, x, rows, count, cut.per_block, partial);
}

}  // namespace columns
}  // namespace CMTL_TARGET

template <>
void column_sums<Target>(Stream stream, int64_t rows, int64_t count, const float* x, float* sums, void* scratch) {
    using namespace columns;
    if (!count) return;
    auto* const partial = static_cast<double*>(scratch);
    const int width = vectors_fit<float>(4, count, {x}) ? 4 : 1;
    (width == 4 ? launch_partial<4> : launch_partial<1>)(stream, rows, static_cast<int>(count), x, partial);
    launch({"column_sums_finish", dim3(static_cast<unsigned>((count + finish_across - 1) / finish_across)),
            dim3(finish_across, finish_down), 0, stream},
           column_sums_finish_kernel, partial, column_sums_rows(rows).blocks, static_cast<int>(count), sums);
}

}  // namespace cmtl::kernels
