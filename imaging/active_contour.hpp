#pragma once
// Active contours (snakes; Kass, Witkin, Terzopoulos 1988), as skimage.segmentation.active_contour moves them from
// version 0.19 on. Slices and contours are independent of each other: callers run them in parallel.
#include <array>
#include <cstdint>
#include <vector>

#include "imaging/contours.hpp"

namespace cmtl {

// What pulls a snake in one slice: the height of its edges, as a smooth surface. That is the magnitude of Sobel's
// gradient, sqrt((gx^2 + gy^2) / 2) with differences over two pixels and ends repeated (skimage.filters.sobel), and
// through its pixels the tensor spline of degree 2 whose knots lie half-way between pixels (scipy's
// RectBivariateSpline(kx=2, ky=2, s=0)), the slice's ends included. All in double, as scikit-image does it for a
// float64 image: for a float32 one it rounds to float on the way. Agrees with both to 1e-9 of the edges' height.
class SnakeField {
  public:
    // slice[j * nx + i], such as Hounsfield units. Throws Error(input) below 3 x 3 pixels.
    SnakeField(const float* slice, int64_t nx, int64_t ny);

    int64_t nx() const { return nx_; }
    int64_t ny() const { return ny_; }
    // Points outside of the slice count as the nearest ones inside.
    double value(Point2 at) const;
    Point2 gradient(Point2 at) const;

  private:
    int64_t nx_, ny_;
    std::vector<double> coefficients_;  // of the spline; as the slice
};

struct SnakeOptions {
    double alpha = 0.02;     // against stretching; 0 or more
    double beta = 20;        // against bending; 0 or more
    double gamma = 0.01;     // time step; above 0
    double max_px_move = 1;  // of a point in one iteration
    int max_iterations = 20;
    double convergence = 0.1;  // the end: every point as near (|dx| + |dy|) to where it was at one of ten steps before
};

// The contour after at most max_iterations steps towards the field's edges: active_contour(image, contour, w_line=0,
// w_edge=1, boundary_condition='periodic'), to 1e-6 pixels. A step takes time in proportion to the number of points.
Contour evolve_snake(const SnakeField& field, Contour contour, const SnakeOptions& options = {});

// What the two are computed from, for devices. The elimination of the spline's equations along an axis of m pixels, m
// numbers each; and the recursion x[n] += one * x[n - 1] + two * x[n - 2] that, once along the ring and once back,
// solves the snake's equations times `scale`. start maps its last two values after a round from zero to those before
// it.
struct SplineElimination {
    std::vector<double> lower, pivot, upper;
};
SplineElimination spline_elimination(int64_t m);
struct RingRecursion {
    double one, two, scale;
    std::array<double, 4> start;
};
RingRecursion ring_recursion(const SnakeOptions& options, int64_t points);

}  // namespace cmtl
