// Eigenvalues of a small matrix that is not symmetric: Householder's reduction to Hessenberg form, then Francis' QR
// steps with two shifts (Golub and Van Loan, Matrix Computations, 7.4 and 7.5). With px as weights the matrix would be
// symmetric but for the epsilon in its denominators, which moves the eigenvalues of rare levels: it is kept, and the
// weights only make the matrix well conditioned.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/cpu_dispatch.hpp"
#include "radiomics/glcm.hpp"

namespace cmtl {

namespace {

constexpr double epsilon = 0x1p-52;

CMTL_MULTIARCH void add_scaled(double* to, const double* from, double factor, size_t n) {
    for (size_t i = 0; i < n; ++i) to[i] += factor * from[i];
}
CMTL_MULTIARCH double dot(const double* a, const double* b, size_t n) {
    double lanes[8] = {};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t l = 0; l < 8; ++l) lanes[l] += a[i + l] * b[i + l];
    for (; i < n; ++i) lanes[0] += a[i] * b[i];
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}
// Rows a, b, c minus f, g, h times s = v0 a + v1 b + v2 c: a reflection from the left.
CMTL_MULTIARCH void reflect_rows(double* a, double* b, double* c, const double* v, double beta, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        const double s = beta * (a[i] + v[0] * b[i] + v[1] * c[i]);
        a[i] -= s;
        b[i] -= s * v[0];
        c[i] -= s * v[1];
    }
}

class Square {
  public:
    explicit Square(size_t n) : n_(n), values_(n * n, 0) {}
    double* operator[](size_t row) { return values_.data() + row * n_; }
    const double* operator[](size_t row) const { return values_.data() + row * n_; }
    size_t size() const { return n_; }

  private:
    size_t n_;
    std::vector<double> values_;
};

void reduce_to_hessenberg(Square& a) {
    const size_t n = a.size();
    std::vector<double> v(n), w(n);
    for (size_t k = 0; k + 2 < n; ++k) {
        double norm = 0;
        for (size_t i = k + 1; i < n; ++i) norm = std::hypot(norm, v[i] = a[i][k]);
        if (norm == 0) continue;
        v[k + 1] += v[k + 1] < 0 ? -norm : norm;
        const size_t m = n - k - 1;
        const double* u = v.data() + k + 1;
        const double beta = 2 / dot(u, u, m);
        std::fill(w.begin(), w.end(), 0);
        for (size_t i = k + 1; i < n; ++i) add_scaled(w.data() + k, a[i] + k, v[i], n - k);
        for (size_t i = k + 1; i < n; ++i) add_scaled(a[i] + k, w.data() + k, -beta * v[i], n - k);
        for (size_t i = 0; i < n; ++i) add_scaled(a[i] + k + 1, u, -beta * dot(a[i] + k + 1, u, m), m);
        for (size_t i = k + 2; i < n; ++i) a[i][k] = 0;
    }
}

// One step with the shifts whose sum and product are given, on the active block first..last, at least three rows.
void francis_step(Square& h, size_t first, size_t last, double sum, double product) {
    double x =
        h[first][first] * h[first][first] + h[first][first + 1] * h[first + 1][first] - sum * h[first][first] + product;
    double y = h[first + 1][first] * (h[first][first] + h[first + 1][first + 1] - sum);
    double z = h[first + 1][first] * h[first + 2][first + 1];
    std::vector<double> nothing(last + 1, 0);  // the third row of the last reflection, which has two
    for (size_t k = first; k < last; ++k) {
        const bool three = k + 2 <= last;
        if (!three) z = 0;
        const double scale = std::abs(x) + std::abs(y) + std::abs(z);
        if (scale != 0) {
            const double norm =
                scale * std::sqrt((x / scale) * (x / scale) + (y / scale) * (y / scale) + (z / scale) * (z / scale));
            const double alpha = x < 0 ? -norm : norm, head = x + alpha;
            const double v[2] = {y / head, z / head}, beta = head / alpha;
            const size_t left = k > first ? k - 1 : first, count = last - left + 1;
            reflect_rows(h[k] + left, h[k + 1] + left, three ? h[k + 2] + left : nothing.data(), v, beta, count);
            for (size_t i = first; i <= std::min(k + 3, last); ++i) {
                double* row = h[i] + k;
                const double s = beta * (row[0] + v[0] * row[1] + (three ? v[1] * row[2] : 0));
                row[0] -= s;
                row[1] -= s * v[0];
                if (three) row[2] -= s * v[1];
            }
            if (k > first) {
                h[k + 1][k - 1] = 0;
                if (three) h[k + 2][k - 1] = 0;
            }
        }
        x = h[k + 1][k];
        y = k + 2 <= last ? h[k + 2][k] : 0;
        z = k + 3 <= last ? h[k + 3][k] : 0;
    }
}

// Real parts of all eigenvalues. The matrix is destroyed.
std::vector<double> eigenvalues(Square& h) {
    std::vector<double> values;
    reduce_to_hessenberg(h);
    double norm = 0;
    for (size_t i = 0; i < h.size(); ++i) norm += dot(h[i], h[i], h.size());
    // What is below the rounding of the whole matrix counts as zero: the great eigenvalues are as good, and the many
    // that are zero, of levels that hardly ever meet, cost no steps.
    const double negligible = epsilon * std::sqrt(norm);
    size_t end = h.size();  // the active block is first..end-1
    for (int steps = 0; end > 0;) {
        const size_t last = end - 1;
        size_t first = last;
        while (first > 0 && std::abs(h[first][first - 1]) > negligible) --first;
        if (first == last) {
            values.push_back(h[last][last]);
            end -= 1;
            steps = 0;
            continue;
        }
        double sum = h[last - 1][last - 1] + h[last][last];
        double product = h[last - 1][last - 1] * h[last][last] - h[last - 1][last] * h[last][last - 1];
        if (first + 1 == last) {
            const double half = (h[last - 1][last - 1] - h[last][last]) / 2;
            const double discriminant = half * half + h[last - 1][last] * h[last][last - 1];
            const double root = discriminant > 0 ? std::sqrt(discriminant) : 0;  // else a pair with this real part
            values.push_back(sum / 2 + root);
            values.push_back(sum / 2 - root);
            end -= 2;
            steps = 0;
            continue;
        }
        if (++steps % 10 == 0) {  // shifts that are something else, should the usual ones go in circles
            const double shift = std::abs(h[last][last - 1]) + std::abs(h[last - 1][last - 2]);
            sum = 1.5 * shift;
            product = shift * shift;
        }
        if (steps > 300) return {};
        francis_step(h, first, last, sum, product);
    }
    return values;
}

}  // namespace

double maximal_correlation(const std::vector<uint32_t>& counts, int levels, int present) {
    if (present < 2) return 1;
    const auto all = static_cast<size_t>(levels);
    std::vector<double> rows(all, 0);
    double total = 0;
    for (size_t i = 0; i < all; ++i)
        for (size_t j = 0; j < all; ++j) rows[i] += double{1} * counts[i * all + j] + counts[j * all + i];
    std::vector<size_t> used;
    for (size_t i = 0; i < all; ++i)
        if (rows[i] > 0) {
            used.push_back(i);
            total += rows[i];
        }
    const size_t n = used.size();
    if (n < 2) return 0;  // beside levels without a pair, whose eigenvalue is 0
    Square weighted(n), p(n), q(n);
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < n; ++k) {
            const size_t a = used[i], b = used[k];
            p[i][k] = (double{1} * counts[a * all + b] + counts[b * all + a]) / total;
            weighted[i][k] = p[i][k] / (rows[a] / total * (rows[b] / total) + epsilon);
        }
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < n; ++k)
            if (weighted[i][k] != 0) add_scaled(q[i], p[k], weighted[i][k], n);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) q[i][j] *= std::sqrt(rows[used[i]] / rows[used[j]]);
    std::vector<double> values = eigenvalues(q);
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    std::nth_element(values.begin(), values.begin() + 1, values.end(), std::greater<>());
    return std::sqrt(values[1]);
}

}  // namespace cmtl
