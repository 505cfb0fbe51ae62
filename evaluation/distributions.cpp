#include "evaluation/distributions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.hpp"

namespace cmtl {

namespace {
constexpr const char* tag = "distributions";
constexpr double tiny = 1e-300, precise = 1e-16;

// ln Gamma(z + 1) minus Stirling's formula without its series. std::lgamma would not do: it loses digits against the
// large terms that cancel here, and writes a global.
double stirling_error(double z) {
    if (z < 16) {
        // Shifted up by the recurrence, whose product and powers are taken in logarithms.
        double shift = 0, up = z;
        for (; up < 16; up += 1) shift += (up + 0.5) * std::log1p(1 / up) - 1;
        return z > 0 ? stirling_error(up) + shift : std::numeric_limits<double>::infinity();
    }
    const double r = 1 / (z * z);
    return (1.0 / 12 -
            r * (1.0 / 360 -
                 r * (1.0 / 1260 - r * (1.0 / 1680 - r * (1.0 / 1188 - r * (691.0 / 360360 - r * (1.0 / 156))))))) /
           z;
}

// x ln(x / m) + m - x without cancellation near x = m (Loader's deviance).
double deviance(double x, double m) {
    if (std::abs(x - m) < 0.1 * (x + m)) {
        const double v = (x - m) / (x + m);
        double sum = (x - m) * v, term = 2 * x * v;
        for (int j = 1; j < 1000; ++j) {
            term *= v * v;
            const double next = sum + term / (2 * j + 1);
            if (next == sum) break;
            sum = next;
        }
        return sum;
    }
    return x * std::log(x / m) + m - x;
}

// x^a y^b Gamma(a + b) / (Gamma(a) Gamma(b)) as a binomial probability by Loader's saddle point.
double beta_front(double a, double b, double x, double y) {
    const double n = a + b;
    const double exponent =
        stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    return std::exp(exponent) * std::sqrt(a * b / (2 * std::numbers::pi * n));
}

// The continued fraction of I_x(a, b), which converges fast for x below the mean. This form (Didonato and Morris, ACM
// TOMS 1992) has no differences of nearly equal numbers when y is small.
double beta_fraction(double a, double b, double x, double y) {
    const auto safe = [](double v) { return std::abs(v) < tiny ? tiny : v; };
    const double from_mean = (a + b) * y - b;
    double c = safe(a / (a + 1) * (from_mean + 1)), d = 0, value = c;
    for (int n = 1; n < 1000000; ++n) {
        const double k = n, at = a + 2 * k - 1;
        const double numerator = (a + k - 1) / at * ((a + b + k - 1) / at) * k * (b - k) * x * x;
        const double denominator = k + k * (b - k) * x / at + (a + k) / (at + 2) * (from_mean + 1 + k * (1 + y));
        d = 1 / safe(denominator + numerator * d);
        c = safe(denominator + numerator / c);
        value *= c * d;
        if (std::abs(c * d - 1) < 2 * precise) break;
    }
    return 1 / value;
}

// The mean of survival(s) over the distribution of s = sqrt(chi-square / df), as an integral over u = ln s: analytic
// and falling fast on both sides, so that the trapezoidal rule is exact to rounding. `peak` is near its largest value.
template <class Survival>
double over_scale(double df, double peak, Survival&& survival) {
    if (std::isinf(df)) return survival(1.0);
    // Density of u: 2 (df/2)^(df/2) / Gamma(df/2) exp(df u - df/2 e^(2u)).
    const double log_front = std::log(2.0) + 0.5 * std::log(0.5 * df / (2 * std::numbers::pi)) - stirling_error(df / 2);
    const auto value = [&](double u) {
        return std::exp(log_front - df * (0.5 * std::expm1(2 * u) - u)) * survival(std::exp(u));
    };
    const double step = std::min(0.1, 0.5 / std::sqrt(df));
    double sum = value(peak);
    for (const double direction : {-step, step})
        for (int i = 1; i < 20000; ++i) {
            const double term = value(peak + i * direction);
            sum += term;
            if (term < 1e-18 * sum && i > 10) break;
        }
    return std::min(1.0, step * sum);
}

// P(range of `groups` standard normals > w): over their least value z, all others are above it but not all within w.
double range_survival(double w, int groups) {
    if (w <= 0) return 1;
    const double others = groups - 1, step = 0.1;
    const auto value = [&](double z) {
        const double above = normal_survival(z), beyond = normal_survival(z + w);
        if (above <= 0) return 0.0;
        const double share = beyond < above ? -std::expm1(others * std::log1p(-beyond / above)) : 1.0;
        return std::exp(-0.5 * z * z) * std::pow(above, others) * share;
    };
    const double start = -0.5 * w;
    double sum = value(start);
    for (const double direction : {-step, step})
        for (int i = 1; i < 1000; ++i) {
            const double term = value(start + i * direction);
            sum += term;
            if (term < 1e-18 * sum && i > 20) break;
        }
    return std::min(1.0, groups * step * sum / std::sqrt(2 * std::numbers::pi));
}
}  // namespace

double incomplete_beta(double a, double b, double x, double y) {
    require(a > 0 && b > 0, tag, "incomplete beta of a {} and b {}", a, b);
    if (x <= 0) return 0;
    if (y <= 0) return 1;
    if (x <= (a + 1) / (a + b + 2)) return beta_front(a, b, x, y) * beta_fraction(a, b, x, y);
    return 1 - beta_front(a, b, x, y) * beta_fraction(b, a, y, x);
}

double upper_incomplete_gamma(double a, double x) {
    require(a > 0, tag, "incomplete gamma of a {}", a);
    if (x <= 0) return 1;
    // x^a e^-x / Gamma(a + 1)
    const double front = std::exp(-stirling_error(a) - deviance(a, x)) / std::sqrt(2 * std::numbers::pi * a);
    if (x < a + 1) {
        double term = 1, sum = 1;
        for (double n = a + 1; term > precise * sum; n += 1) sum += term *= x / n;
        return 1 - front * sum;
    }
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, value = d;
    for (int i = 1; i < 1000000; ++i) {
        const double k = -i * (i - a);
        b += 2;
        d = k * d + b;
        d = 1 / (std::abs(d) < tiny ? tiny : d);
        c = b + k / c;
        if (std::abs(c) < tiny) c = tiny;
        value *= c * d;
        if (std::abs(c * d - 1) < 2 * precise) break;
    }
    return front * a * value;
}

double normal_survival(double x) { return 0.5 * std::erfc(x * std::numbers::sqrt2 / 2); }

double chi_square_survival(double x, double df) {
    require(df > 0, tag, "chi-square of {} degrees of freedom", df);
    if (std::isnan(x)) return x;
    if (std::isinf(x)) return x > 0 ? 0 : 1;
    return upper_incomplete_gamma(df / 2, x / 2);
}

double f_survival(double x, double df1, double df2) {
    require(df1 > 0 && df2 > 0, tag, "F of {} and {} degrees of freedom", df1, df2);
    if (std::isnan(x)) return x;
    if (x <= 0) return 1;
    if (std::isinf(x)) return 0;
    if (std::isinf(df2)) return chi_square_survival(x * df1, df1);
    require(std::isfinite(df1), tag, "F of {} and {} degrees of freedom", df1, df2);
    const double whole = df2 + df1 * x;
    return incomplete_beta(df2 / 2, df1 / 2, df2 / whole, df1 * x / whole);
}

double t_survival(double x, double df) {
    require(df > 0, tag, "t of {} degrees of freedom", df);
    if (std::isnan(x)) return x;
    if (std::isinf(x)) return x > 0 ? 0 : 1;
    if (std::isinf(df)) return normal_survival(x);
    const double square = x * x, tail = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + square), square / (df + square));
    return x >= 0 ? tail : 1 - tail;
}

double studentized_range_survival(double q, int groups, double df) {
    require(groups >= 2 && df > 0, tag, "studentised range of {} groups and {} degrees of freedom", groups, df);
    if (std::isnan(q)) return q;
    if (q <= 0) return 1;
    if (std::isinf(q)) return 0;
    return over_scale(df, -0.5 * std::log1p(q * q / (2 * df)), [&](double s) { return range_survival(q * s, groups); });
}

double maximum_modulus_survival(double t, int count, double df) {
    require(count >= 1 && df > 0, tag, "maximum modulus of {} variables and {} degrees of freedom", count, df);
    if (std::isnan(t)) return t;
    if (t <= 0) return 1;
    if (std::isinf(t)) return 0;
    return over_scale(df, -0.5 * std::log1p(t * t / df), [&](double s) {
        return -std::expm1(count * std::log1p(-std::erfc(t * s * std::numbers::sqrt2 / 2)));
    });
}

double binomial_cdf(double successes, double trials, double p) {
    require(p > 0 && p < 1 && successes >= 0 && successes <= trials, tag, "{} of {} with probability {}", successes,
            trials, p);
    return successes >= trials ? 1 : incomplete_beta(trials - successes, successes + 1, 1 - p, p);
}

}  // namespace cmtl
