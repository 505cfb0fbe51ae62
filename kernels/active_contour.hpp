#pragma once
// Launchers of the snakes of imaging/active_contour.hpp, many at a time. Pointers are device memory.
//
// No product is fused with a sum, so everything has the CPU's bits but for tanh, which GPUs round in their own way:
// there points agree to 1e-9 pixels, on simt to the bit.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// Gauss elimination of the spline's equations along an axis of m pixels: m numbers each (cmtl::spline_elimination).
struct SnakeElimination {
    const double *lower, *pivot, *upper;
};

// coefficients[(s * ny + j) * nx + i]: the spline through the edges of each of `slices` slices, which lie likewise.
// nx and ny are 3 or more.
template <class Target>
void snake_fields(Stream stream, int64_t slices, int64_t nx, int64_t ny, const float* values,
                  const SnakeElimination& along_x, const SnakeElimination& along_y, double* coefficients);

struct SnakePoint {
    double x, y;
};
// The recursion that solves a snake's equations on a ring of its number of points (cmtl::ring_recursion).
struct SnakeRing {
    double one, two, scale, start[4];
};
struct Snake {
    int64_t first;  // of its points among all
    int32_t points, slice;
    SnakeRing ring;
};
struct SnakeSteps {
    double gamma, max_px_move, convergence;
    int max_iterations;
};
constexpr int64_t snake_most_points = 3072;  // 48 KiB of shared memory
constexpr int snake_remembered = 10;         // configurations that convergence is judged by

// `points` move in place. past: scratch, snake_remembered points for each of all snakes' points. most_points: of one
// snake, up to snake_most_points.
template <class Target>
void evolve_snakes(Stream stream, int64_t nx, int64_t ny, const double* coefficients, int64_t count,
                   const Snake* snakes, int64_t most_points, const SnakeSteps& steps, SnakePoint* points,
                   SnakePoint* past);

}  // namespace cmtl::kernels
