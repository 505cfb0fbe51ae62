#include "kernels/active_contour.hpp"

#include <cmath>

#include "kernels/active_contour.cuh"

namespace cmtl::kernels {

template <>
void snake_fields<Target>(Stream stream, int64_t slices, int64_t nx, int64_t ny, const float* values,
                          const SnakeElimination& along_x, const SnakeElimination& along_y, double* coefficients) {
    const int64_t rows = slices * ny, columns = slices * nx;
    if (!rows) return;
    launch({"snake_edges", dim3(blocks_for(rows * nx, 256)), dim3(256), 0, stream}, snake_edges_kernel, rows * nx, nx,
           ny, values, coefficients);
    launch({"snake_rows", dim3(static_cast<unsigned>((rows + snakes::lines - 1) / snakes::lines)), dim3(snakes::lines),
            0, stream},
           snake_rows_kernel, rows, nx, along_x, coefficients);
    launch({"snake_columns", dim3(blocks_for(columns, snakes::lines)), dim3(snakes::lines), 0, stream},
           snake_columns_kernel, columns, nx, ny, along_y, coefficients);
}

template <>
void evolve_snakes<Target>(Stream stream, int64_t nx, int64_t ny, const double* coefficients, int64_t count,
                           const Snake* list, int64_t most_points, const SnakeSteps& steps, SnakePoint* points,
                           SnakePoint* past) {
    if (!count || !most_points) return;
    launch({"evolve_snakes", dim3(static_cast<unsigned>(count)), dim3(snakes::threads),
            static_cast<size_t>(2 * most_points) * sizeof(double), stream},
           evolve_snakes_kernel, nx, ny, coefficients, list, most_points, steps, points, past);
}

}  // namespace cmtl::kernels
