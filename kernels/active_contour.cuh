#pragma once
// Fields: the edges' height pixel by pixel, then the spline's equations along rows and along columns, a thread a line.
// Rows go through tiles of 32 pixels in shared memory, as those of kernels/resample_spline.cuh do.
// Bytes per pixel: 4 read; 8 written; 16 read and 16 written along either axis.
//
// Snakes: a block each. Points are pulled and moved by all threads; the ring's recursion is walked by one thread for x
// and one for y, four times around, from shared memory: a scan would be shorter, but add in another order. A step takes
// some 64 cycles a point so, and the snakes of other blocks fill the processor meanwhile.
#include "kernels/active_contour.hpp"
#include "kernels/primitives/block.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace snakes {

constexpr int threads = 128, lines = 64, tile = 32;

__device__ __forceinline__ double product(double a, double b) { return __dmul_rn(a, b); }

// ---- the spline, as imaging/active_contour.cpp has it

__device__ __forceinline__ double knot(int64_t n, int64_t m) {
    return n <= 2 ? 0 : n >= m ? static_cast<double>(m - 1) : static_cast<double>(n) - 1.5;
}

struct Basis {
    int64_t first;
    double value[3], slope[3];
};

__device__ __forceinline__ Basis basis_at(double at, int64_t m) {
    const double last = static_cast<double>(m - 1), x = at < 0 ? 0 : at > last ? last : at;
    int64_t n = static_cast<int64_t>(floor(x + 1.5));
    n = n < 2 ? 2 : n > m - 1 ? m - 1 : n;
    const double begin = knot(n, m), end = knot(n + 1, m);
    const double fall = (end - x) / (end - begin), rise = (x - begin) / (end - begin);
    const double before = end - knot(n - 1, m), after = knot(n + 2, m) - begin;
    Basis b;
    b.first = n - 2;
    b.value[0] = product(fall, end - x) / before;
    b.value[2] = product(rise, x - begin) / after;
    b.value[1] = 1 - b.value[0] - b.value[2];
    b.slope[0] = -2 * fall / before;
    b.slope[2] = 2 * rise / after;
    b.slope[1] = -b.slope[0] - b.slope[2];
    return b;
}

__device__ __forceinline__ SnakePoint gradient(const double* field, int64_t nx, int64_t ny, const SnakePoint& at) {
    const Basis x = basis_at(at.x, nx), y = basis_at(at.y, ny);
    const auto along = [](const double(&w)[3], const double* c) {
        return product(w[0], c[0]) + product(w[1], c[1]) + product(w[2], c[2]);
    };
    SnakePoint sum{0, 0};
#pragma unroll
    for (int q = 0; q < 3; ++q) {
        const double* const c = field + (y.first + q) * nx + x.first;
        sum.x += product(y.value[q], along(x.slope, c));
        sum.y += product(y.slope[q], along(x.value, c));
    }
    return sum;
}

// Twice around: the first time for the state that the ring's end hands to its beginning.
template <bool backwards>
__device__ __forceinline__ void round(const SnakeRing& ring, int points, double* v) {
    const auto at = [=](int n) -> double& { return v[backwards ? points - 1 - n : n]; };
    double last = 0, before = 0;
    for (int n = 0; n < points; ++n) {
        const double now = at(n) + product(ring.one, last) + product(ring.two, before);
        before = last;
        last = now;
    }
    const double first = product(ring.start[0], last) + product(ring.start[1], before);
    before = product(ring.start[2], last) + product(ring.start[3], before);
    last = first;
    for (int n = 0; n < points; ++n) {
        const double now = at(n) + (product(ring.one, last) + product(ring.two, before));
        at(n) = now;
        before = last;
        last = now;
    }
}

}  // namespace snakes

// sqrt((gx^2 + gy^2) / 2) of Sobel's differences, ends repeated.
__global__ void __launch_bounds__(256)
    snake_edges_kernel(int64_t count, int64_t nx, int64_t ny, const float* __restrict__ values,
                       double* __restrict__ edges) {
    for (int64_t n = first_item(); n < count; n += item_stride()) {
        const int64_t row = n / nx, i = n - row * nx, j = row % ny;
        const int64_t left = i > 0 ? -1 : 0, right = i + 1 < nx ? 1 : 0, above = j > 0 ? -nx : 0,
                      below = j + 1 < ny ? nx : 0;
        const float* const at = values + n;
        const auto value = [=](int64_t step) { return static_cast<double>(at[step]); };
        const auto column = [=](int64_t dx) {
            return 0.25 * value(above + dx) + 0.5 * value(dx) + 0.25 * value(below + dx);
        };
        const auto line = [=](int64_t dy) {
            return 0.25 * value(dy + left) + 0.5 * value(dy) + 0.25 * value(dy + right);
        };
        const double gx = column(right) - column(left), gy = line(below) - line(above);
        edges[n] = sqrt(0.5 * (snakes::product(gx, gx) + snakes::product(gy, gy)));
    }
}

__global__ void __launch_bounds__(snakes::lines)
    snake_rows_kernel(int64_t rows, int64_t nx, SnakeElimination e, double* v) {
    using namespace snakes;
    __shared__ double pixels[lines * (tile + 1)];
    const int rank = static_cast<int>(threadIdx.x), lane = rank % tile, warp = rank / tile;
    double* const own = pixels + rank * (tile + 1);
    const int64_t row0 = static_cast<int64_t>(blockIdx.x) * lines, last_tile = (nx - 1) / tile * tile;
    const auto each = [&](int64_t t, auto move) {
        for (int l = warp; l < lines && row0 + l < rows; l += lines / tile)
            if (t + lane < nx) move(v[(row0 + l) * nx + t + lane], pixels[l * (tile + 1) + lane]);
    };
    const auto load = [&](int64_t t) {
        each(t, [](double& from, double& to) { to = from; });
        __syncthreads();
    };
    const auto store = [&](int64_t t) {
        __syncthreads();
        each(t, [](double& to, double& from) { to = from; });
        __syncthreads();
    };
    const bool inside = row0 + rank < rows;
    double next = 0;
    for (int64_t t = 0; t < nx; t += tile) {
        load(t);
        for (int64_t i = t; inside && i < nx && i < t + tile; ++i)
            next = own[i - t] = own[i - t] - product(e.lower[i], next);
        store(t);
    }
    next = 0;
    for (int64_t t = last_tile; t >= 0; t -= tile) {
        load(t);
        for (int64_t i = (t + tile < nx ? t + tile : nx) - 1; inside && i >= t; --i)
            next = own[i - t] = (own[i - t] - product(i + 1 < nx ? e.upper[i] : 0.0, next)) / e.pivot[i];
        store(t);
    }
}

__global__ void __launch_bounds__(snakes::lines)
    snake_columns_kernel(int64_t columns, int64_t nx, int64_t ny, SnakeElimination e, double* v) {
    for (int64_t c = first_item(); c < columns; c += item_stride()) {
        double* const own = v + c / nx * nx * ny + c % nx;
        double next = own[0];
#pragma unroll 4
        for (int64_t j = 1; j < ny; ++j) next = own[j * nx] = own[j * nx] - snakes::product(e.lower[j], next);
        next = 0;
#pragma unroll 4
        for (int64_t j = ny - 1; j >= 0; --j)
            next = own[j * nx] = (own[j * nx] - snakes::product(j + 1 < ny ? e.upper[j] : 0.0, next)) / e.pivot[j];
    }
}

// With fewer registers than four blocks a processor leave, sm_100 and sm_120 spill.
__global__ void __launch_bounds__(snakes::threads, 4)
    evolve_snakes_kernel(int64_t nx, int64_t ny, const double* __restrict__ coefficients, const Snake* __restrict__ all,
                         int64_t most_points, SnakeSteps steps, SnakePoint* all_points, SnakePoint* all_past) {
    CMTL_DYNAMIC_SHARED(double, solved);
    const Snake snake = all[blockIdx.x];
    const int rank = static_cast<int>(threadIdx.x), points = snake.points;
    const double* const field = coefficients + snake.slice * nx * ny;
    SnakePoint *const at = all_points + snake.first, *const past = all_past + snake.first * snake_remembered;
    double *const x = solved, *const y = solved + most_points;
    int remembered = 0;
    for (int iteration = 0; iteration < steps.max_iterations; ++iteration) {
        for (int n = rank; n < points; n += snakes::threads) {
            const SnakePoint p = at[n], pull = snakes::gradient(field, nx, ny, p);
            x[n] = snakes::product(steps.gamma, p.x) + pull.x;
            y[n] = snakes::product(steps.gamma, p.y) + pull.y;
        }
        __syncthreads();
        if (rank == 0 || rank == warp_size) {  // of different warps
            double* const v = rank == 0 ? x : y;
            snakes::round<false>(snake.ring, points, v);
            snakes::round<true>(snake.ring, points, v);
        }
        __syncthreads();
        const bool full = remembered == snake_remembered;
        for (int n = rank; n < points; n += snakes::threads) {
            SnakePoint p = at[n];
            p.x += snakes::product(steps.max_px_move, tanh(x[n] / snake.ring.scale - p.x));
            p.y += snakes::product(steps.max_px_move, tanh(y[n] / snake.ring.scale - p.y));
            at[n] = p;
            if (!full) past[remembered * points + n] = p;
        }
        __syncthreads();
        if (!full) {
            ++remembered;
            continue;
        }
        double nearest = HUGE_VAL;
        for (int r = 0; r < snake_remembered; ++r) {
            double farthest = 0;
            for (int n = rank; n < points; n += snakes::threads) {
                const SnakePoint then = past[r * points + n], now = at[n];
                farthest = fmax(farthest, fabs(then.x - now.x) + fabs(then.y - now.y));
            }
            farthest = block_reduce(farthest, Max{});
            nearest = fmin(nearest, farthest);
        }
        if (nearest < steps.convergence) break;
        remembered = 0;
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
