#include "imaging/active_contour.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>

#include "base/error.hpp"

namespace cmtl {

namespace {

// ---- the spline: m coefficients per axis; knots 0 0 0, 1.5, 2.5, ... m - 2.5, m - 1 three times

double knot(int64_t n, int64_t m) {
    return n <= 2 ? 0 : n >= m ? static_cast<double>(m - 1) : static_cast<double>(n) - 1.5;
}

// The three basis functions that are not 0 at x, in [0, m - 1], and their derivatives: those of coefficients first,
// first + 1, first + 2.
struct Basis {
    int64_t first;
    double value[3], slope[3];
};

Basis basis_at(double x, int64_t m) {
    const int64_t n = std::clamp(static_cast<int64_t>(std::floor(x + 1.5)), int64_t{2}, m - 1);
    const double begin = knot(n, m), end = knot(n + 1, m);
    const double fall = (end - x) / (end - begin), rise = (x - begin) / (end - begin);
    const double before = end - knot(n - 1, m), after = knot(n + 2, m) - begin;
    Basis b{
        n - 2, {fall * (end - x) / before, 0, rise * (x - begin) / after}, {-2 * fall / before, 0, 2 * rise / after}};
    b.value[1] = 1 - b.value[0] - b.value[2];
    b.slope[1] = -b.slope[0] - b.slope[2];
    return b;
}

}  // namespace

// Gauss elimination of the basis functions' values at the pixels, which reach one pixel to either side.
SplineElimination spline_elimination(int64_t m) {
    SplineElimination e;
    for (int64_t i = 0; i < m; ++i) {
        const Basis b = basis_at(static_cast<double>(i), m);
        const auto at = [&](int64_t c) { return c >= b.first && c <= b.first + 2 ? b.value[c - b.first] : 0.0; };
        e.lower.push_back(i > 0 ? at(i - 1) / e.pivot.back() : 0);
        e.pivot.push_back(at(i) - (i > 0 ? e.lower.back() * e.upper.back() : 0));
        e.upper.push_back(at(i + 1));
    }
    return e;
}

namespace {

void solve_rows(const SplineElimination& e, double* v, int64_t nx, int64_t ny) {
    for (int64_t j = 0; j < ny; ++j) {
        double* row = v + j * nx;
        for (int64_t i = 1; i < nx; ++i) row[i] -= e.lower[static_cast<size_t>(i)] * row[i - 1];
        row[nx - 1] /= e.pivot.back();
        for (int64_t i = nx - 2; i >= 0; --i)
            row[i] = (row[i] - e.upper[static_cast<size_t>(i)] * row[i + 1]) / e.pivot[static_cast<size_t>(i)];
    }
}

void solve_columns(const SplineElimination& e, double* v, int64_t nx, int64_t ny) {
    for (int64_t j = 1; j < ny; ++j)
        for (int64_t i = 0; i < nx; ++i) v[j * nx + i] -= e.lower[static_cast<size_t>(j)] * v[(j - 1) * nx + i];
    for (int64_t j = ny - 1; j >= 0; --j)
        for (int64_t i = 0; i < nx; ++i) {
            const double next = j + 1 < ny ? e.upper[static_cast<size_t>(j)] * v[(j + 1) * nx + i] : 0;
            v[j * nx + i] = (v[j * nx + i] - next) / e.pivot[static_cast<size_t>(j)];
        }
}

// ---- the snake

class RingSolver {
  public:
    explicit RingSolver(const RingRecursion& r) : r_(r) {}

    void solve(std::vector<double>& x) const {
        round(x.begin(), x.end());
        round(x.rbegin(), x.rend());
        for (double& v : x) v /= r_.scale;
    }

  private:
    template <class Iterator>
    void round(Iterator begin, Iterator end) const {
        double last = 0, before = 0;
        for (Iterator i = begin; i != end; ++i) {
            const double v = *i + r_.one * last + r_.two * before;
            before = last;
            last = v;
        }
        const double first = r_.start[0] * last + r_.start[1] * before;
        before = r_.start[2] * last + r_.start[3] * before;
        last = first;
        for (Iterator i = begin; i != end; ++i) {
            *i += r_.one * last + r_.two * before;
            before = last;
            last = *i;
        }
    }

    RingRecursion r_;
};

constexpr int remembered = 10;  // configurations that convergence is judged by

}  // namespace

// Solves (gamma + alpha D2 + beta D4) x = b on a ring, where D2 and D4 are the second difference, negated, and the
// fourth. The matrix is circulant, with the symbol gamma + alpha c + beta c^2, c = 2 - z - 1/z. It parts into scale *
// p(z) p(1/z) with the zeros of p inside of the unit circle, so the solution is a recursion there and one back. Where a
// recursion on a ring starts is known after one round: it must end as it began.
RingRecursion ring_recursion(const SnakeOptions& o, int64_t points) {
    using Complex = std::complex<double>;
    std::vector<Complex> c;  // zeros of the symbol
    if (o.beta > 0) {
        const Complex root = std::sqrt(Complex(o.alpha * o.alpha - 4 * o.beta * o.gamma));
        const Complex sum = -(o.alpha + root);  // of the two the one without cancellation
        c = {sum / (2 * o.beta), 2 * o.gamma / sum};
    } else if (o.alpha > 0) {
        c = {-o.gamma / o.alpha};
    }
    Complex sum = 0, product = c.size() == 2 ? 1 : 0;
    for (const Complex& zero : c) {
        const Complex half = 1.0 - 0.5 * zero, root = std::sqrt(half * half - 1.0);
        const Complex z = 1.0 / (std::abs(half + root) > std::abs(half - root) ? half + root : half - root);
        sum += z;
        product *= z;
    }
    RingRecursion r{sum.real(), -product.real(), 0, {}};
    r.scale = (o.gamma + 2 * o.alpha + 6 * o.beta) / (1 + r.one * r.one + r.two * r.two);
    // One round maps the state (last, last but one) by the recursion's matrix to the power of `points`.
    std::array<double, 4> round{1, 0, 0, 1}, step{r.one, r.two, 1, 0};
    const auto times = [](const std::array<double, 4>& a, const std::array<double, 4>& b) {
        return std::array<double, 4>{a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2],
                                     a[2] * b[1] + a[3] * b[3]};
    };
    for (int64_t n = points; n; n /= 2, step = times(step, step))
        if (n % 2) round = times(round, step);
    const double a = 1 - round[0], b = -round[1], d = -round[2], e = 1 - round[3], det = a * e - b * d;
    r.start = {e / det, -b / det, -d / det, a / det};
    return r;
}

SnakeField::SnakeField(const float* slice, int64_t nx, int64_t ny)
    : nx_(nx), ny_(ny), coefficients_(static_cast<size_t>(std::max<int64_t>(0, nx * ny))) {
    if (nx < 3 || ny < 3)
        fail(ErrorKind::input, "active_contour",
             "a slice of {} x {} pixels is too small for a spline: 3 x 3 are needed", nx, ny);
    for (int64_t j = 0; j < ny; ++j) {
        const float* above = slice + std::max<int64_t>(0, j - 1) * nx;
        const float* here = slice + j * nx;
        const float* below = slice + std::min(ny - 1, j + 1) * nx;
        for (int64_t i = 0; i < nx; ++i) {
            const int64_t left = std::max<int64_t>(0, i - 1), right = std::min(nx - 1, i + 1);
            const auto column = [&](int64_t n) {
                return 0.25 * double{above[n]} + 0.5 * double{here[n]} + 0.25 * double{below[n]};
            };
            const auto row = [&](const float* r) {
                return 0.25 * double{r[left]} + 0.5 * double{r[i]} + 0.25 * double{r[right]};
            };
            const double gx = column(right) - column(left), gy = row(below) - row(above);
            coefficients_[static_cast<size_t>(j * nx + i)] = std::sqrt(0.5 * (gx * gx + gy * gy));
        }
    }
    solve_rows(spline_elimination(nx), coefficients_.data(), nx, ny);
    solve_columns(spline_elimination(ny), coefficients_.data(), nx, ny);
}

double SnakeField::value(Point2 at) const {
    const Basis x = basis_at(std::clamp(at.x, 0.0, static_cast<double>(nx_ - 1)), nx_),
                y = basis_at(std::clamp(at.y, 0.0, static_cast<double>(ny_ - 1)), ny_);
    double sum = 0;
    for (int64_t q = 0; q < 3; ++q) {
        const double* c = coefficients_.data() + (y.first + q) * nx_ + x.first;
        sum += y.value[q] * (x.value[0] * c[0] + x.value[1] * c[1] + x.value[2] * c[2]);
    }
    return sum;
}

Point2 SnakeField::gradient(Point2 at) const {
    const Basis x = basis_at(std::clamp(at.x, 0.0, static_cast<double>(nx_ - 1)), nx_),
                y = basis_at(std::clamp(at.y, 0.0, static_cast<double>(ny_ - 1)), ny_);
    Point2 sum;
    for (int64_t q = 0; q < 3; ++q) {
        const double* c = coefficients_.data() + (y.first + q) * nx_ + x.first;
        sum.x += y.value[q] * (x.slope[0] * c[0] + x.slope[1] * c[1] + x.slope[2] * c[2]);
        sum.y += y.slope[q] * (x.value[0] * c[0] + x.value[1] * c[1] + x.value[2] * c[2]);
    }
    return sum;
}

Contour evolve_snake(const SnakeField& field, Contour contour, const SnakeOptions& options) {
    require(options.gamma > 0 && options.alpha >= 0 && options.beta >= 0, "active_contour",
            "alpha {}, beta {} and gamma {} describe no snake", options.alpha, options.beta, options.gamma);
    if (contour.empty()) return contour;
    const size_t points = contour.size();
    const RingSolver solver(ring_recursion(options, std::ssize(contour)));
    std::vector<double> x(points), y(points);
    std::vector<Contour> past;
    for (int iteration = 0; iteration < options.max_iterations; ++iteration) {
        for (size_t n = 0; n < points; ++n) {
            const Point2 pull = field.gradient(contour[n]);
            x[n] = options.gamma * contour[n].x + pull.x;
            y[n] = options.gamma * contour[n].y + pull.y;
        }
        solver.solve(x);
        solver.solve(y);
        for (size_t n = 0; n < points; ++n) {
            contour[n].x += options.max_px_move * std::tanh(x[n] - contour[n].x);
            contour[n].y += options.max_px_move * std::tanh(y[n] - contour[n].y);
        }
        if (std::ssize(past) < remembered) {
            past.push_back(contour);
            continue;
        }
        double nearest = INFINITY;
        for (const Contour& then : past) {
            double farthest = 0;
            for (size_t n = 0; n < points; ++n)
                farthest = std::max(farthest, std::abs(then[n].x - contour[n].x) + std::abs(then[n].y - contour[n].y));
            nearest = std::min(nearest, farthest);
        }
        if (nearest < options.convergence) break;
        past.clear();
    }
    return contour;
}

}  // namespace cmtl
