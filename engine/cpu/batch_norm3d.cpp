// Batch normalisation on the CPU: two passes forward (statistics, apply), two backward (sums, apply), each bound by memory.
// The sign of the fused ReLU is recomputed from x, so neither the normalised values nor a mask are stored.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/cpu_dispatch.hpp"
#include "engine/cpu/columns.hpp"
#include "engine/cpu/lanes.hpp"
#include "engine/operators/batch_norm3d_problem.hpp"

namespace cmtl {

namespace {

// Sums keep 16 channels in registers over a strip of rows that stays in the first-level cache.
constexpr int64_t strip = 128;

CMTL_MULTIARCH void add_moments(const float* x, int64_t rows, int64_t channels, double* sum, double* square) {
    for (int64_t top = 0; top < rows; top += strip) {
        const int64_t bottom = std::min(rows, top + strip);
        int64_t first = 0;
        for (; first + lanes <= channels; first += lanes) {
            Doubles s, q;
            CMTL_LOAD_LANES(s, sum + first);
            CMTL_LOAD_LANES(q, square + first);
            for (int64_t r = top; r < bottom; ++r) {
                Floats v;
                CMTL_LOAD_LANES(v, x + r * channels + first);
                const Doubles wide = __builtin_convertvector(v, Doubles);
                s += wide;
                q += wide * wide;
            }
            CMTL_STORE_LANES(sum + first, s);
            CMTL_STORE_LANES(square + first, q);
        }
        for (int64_t r = top; r < bottom; ++r)
            for (int64_t c = first; c < channels; ++c) {
                const double v = static_cast<double>(x[r * channels + c]);
                sum[c] += v;
                square[c] += v * v;
            }
    }
}

// y = x a + b, with a and b per channel.
CMTL_MULTIARCH void apply(const float* x, const float* a, const float* b, float* y, int64_t rows, int64_t channels) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < channels; ++c) y[r * channels + c] = x[r * channels + c] * a[c] + b[c];
}

CMTL_MULTIARCH void apply_relu(const float* x, const float* a, const float* b, float* y, int64_t rows, int64_t channels) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < channels; ++c) {
            const float v = x[r * channels + c] * a[c] + b[c];
            y[r * channels + c] = v < 0 ? 0 : v;  // NaN stays
        }
}

// dy, or 0 where the fused ReLU was closed. `floor` is 0 with a ReLU and -infinity without: one loop serves both.
inline float masked(float dy, float v, float a, float b, float floor) { return v * a + b > floor ? dy : 0.0f; }

// Sums of dy and dy * x over rows.
CMTL_MULTIARCH void add_gradient_sums(const float* x, const float* dy, const float* a, const float* b, float floor, int64_t rows,
                                      int64_t channels, double* sum, double* product) {
    for (int64_t top = 0; top < rows; top += strip) {
        const int64_t bottom = std::min(rows, top + strip);
        int64_t first = 0;
        for (; first + lanes <= channels; first += lanes) {
            Doubles s, q;
            Floats slope, offset;
            CMTL_LOAD_LANES(s, sum + first);
            CMTL_LOAD_LANES(q, product + first);
            CMTL_LOAD_LANES(slope, a + first);
            CMTL_LOAD_LANES(offset, b + first);
            for (int64_t r = top; r < bottom; ++r) {
                Floats v, g;
                CMTL_LOAD_LANES(v, x + r * channels + first);
                CMTL_LOAD_LANES(g, dy + r * channels + first);
                g = v * slope + offset > floor ? g : Floats{};
                const Doubles wide = __builtin_convertvector(g, Doubles);
                s += wide;
                q += wide * __builtin_convertvector(v, Doubles);
            }
            CMTL_STORE_LANES(sum + first, s);
            CMTL_STORE_LANES(product + first, q);
        }
        for (int64_t r = top; r < bottom; ++r)
            for (int64_t c = first; c < channels; ++c) {
                const float v = x[r * channels + c], g = masked(dy[r * channels + c], v, a[c], b[c], floor);
                sum[c] += static_cast<double>(g);
                product[c] += static_cast<double>(g) * static_cast<double>(v);
            }
    }
}

// dx = a dy + u x + w; dx may be dy.
CMTL_MULTIARCH void apply_gradient(const float* x, const float* dy, const float* a, const float* b, float floor, const float* u,
                                   const float* w, float* dx, int64_t rows, int64_t channels) {
    for (int64_t r = 0; r < rows; ++r) {
        const float *values = x + r * channels, *gradients = dy + r * channels;
        float* result = dx + r * channels;
        int64_t c = 0;
        for (; c + lanes <= channels; c += lanes) {
            Floats v, g, slope, offset, linear, constant;
            CMTL_LOAD_LANES(v, values + c);
            CMTL_LOAD_LANES(g, gradients + c);
            CMTL_LOAD_LANES(slope, a + c);
            CMTL_LOAD_LANES(offset, b + c);
            CMTL_LOAD_LANES(linear, u + c);
            CMTL_LOAD_LANES(constant, w + c);
            g = v * slope + offset > floor ? g : Floats{};
            g = slope * g + (linear * v + constant);
            CMTL_STORE_LANES(result + c, g);
        }
        for (; c < channels; ++c) {
            const float v = values[c], g = masked(gradients[c], v, a[c], b[c], floor);
            result[c] = a[c] * g + (u[c] * v + w[c]);
        }
    }
}

// a = scale / deviation, b = shift - mean a: y = x a + b.
void coefficients(const BatchNorm3dProblem& p, const Tensor& scale, const Tensor& shift, const BatchNorm3dStatistics& statistics,
                  std::vector<float>& a, std::vector<float>& b) {
    a.resize(static_cast<size_t>(p.channels));
    b.resize(static_cast<size_t>(p.channels));
    const float *mean = statistics.mean.data<float>(), *inverse = statistics.inverse_deviation.data<float>();
    for (size_t c = 0; c < a.size(); ++c) {
        const double product = static_cast<double>(scale.data<float>()[c]) * static_cast<double>(inverse[c]);
        a[c] = static_cast<float>(product);
        b[c] = static_cast<float>(static_cast<double>(shift.data<float>()[c]) - static_cast<double>(mean[c]) * product);
    }
}

void forward(Context&, const BatchNorm3dProblem& p, const Tensor& x, const Tensor& scale, const Tensor& shift,
             const Tensor& running_mean, const Tensor& running_variance, const Tensor& y, const BatchNorm3dStatistics& statistics) {
    const int64_t C = p.channels;
    const float* values = x.data<float>();
    float *mean = statistics.mean.data<float>(), *inverse = statistics.inverse_deviation.data<float>();
    float *old_mean = running_mean.data<float>(), *old_variance = running_variance.data<float>();
    if (p.options.training) {
        const auto sums = sum_rows(p.rows, 2 * C, [&](int64_t begin, int64_t end, double* partial) {
            add_moments(values + begin * C, end - begin, C, partial, partial + C);
        });
        const double n = static_cast<double>(p.rows), m = p.options.momentum;
        for (int64_t c = 0; c < C; ++c) {
            const double average = sums[static_cast<size_t>(c)] / n;
            const double difference = sums[static_cast<size_t>(C + c)] / n - average * average;
            const double variance = difference < 0 ? 0 : difference;  // NaN stays
            mean[c] = static_cast<float>(average);
            inverse[c] = static_cast<float>(1 / std::sqrt(variance + p.options.eps));
            old_mean[c] = static_cast<float>((1 - m) * static_cast<double>(old_mean[c]) + m * average);
            old_variance[c] = static_cast<float>((1 - m) * static_cast<double>(old_variance[c]) + m * variance * n / (n - 1));
        }
    } else {
        for (int64_t c = 0; c < C; ++c) {
            mean[c] = old_mean[c];
            inverse[c] = static_cast<float>(1 / std::sqrt(static_cast<double>(old_variance[c]) + p.options.eps));
        }
    }
    std::vector<float> a, b;
    coefficients(p, scale, shift, statistics, a, b);
    float* result = y.data<float>();
    parallel_ranges(p.rows, [&](int64_t begin, int64_t end) {
        (p.options.relu ? apply_relu : apply)(values + begin * C, a.data(), b.data(), result + begin * C, end - begin, C);
    }, 256);
}

void backward(Context&, const BatchNorm3dProblem& p, const Tensor& x, const Tensor& dy, const Tensor& scale, const Tensor& shift,
              const BatchNorm3dStatistics& statistics, const Tensor& dx, const Tensor& dscale, const Tensor& dshift) {
    const int64_t C = p.channels;
    const float *values = x.data<float>(), *gradient = dy.data<float>();
    const float *mean = statistics.mean.data<float>(), *inverse = statistics.inverse_deviation.data<float>();
    std::vector<float> a, b, u(static_cast<size_t>(C), 0.0f), w(static_cast<size_t>(C), 0.0f);
    coefficients(p, scale, shift, statistics, a, b);
    const float floor = p.options.relu ? 0.0f : -std::numeric_limits<float>::infinity();
    const auto sums = sum_rows(p.rows, 2 * C, [&](int64_t begin, int64_t end, double* partial) {
        add_gradient_sums(values + begin * C, gradient + begin * C, a.data(), b.data(), floor, end - begin, C, partial, partial + C);
    });
    for (int64_t c = 0; c < C; ++c) {
        const size_t k = static_cast<size_t>(c);
        const double m = static_cast<double>(mean[c]), i = static_cast<double>(inverse[c]), n = static_cast<double>(p.rows);
        const double sum = sums[k], normalised = (sums[static_cast<size_t>(C + c)] - m * sum) * i;  // sum of dy * xhat
        dshift.data<float>()[c] = static_cast<float>(sum);
        dscale.data<float>()[c] = static_cast<float>(normalised);
        if (p.options.training) {
            // dx = a (dy - mean(dy) - xhat mean(dy xhat)), xhat = (x - m) i
            const double scaled = static_cast<double>(scale.data<float>()[c]) * i;
            u[k] = static_cast<float>(-scaled * i * normalised / n);
            w[k] = static_cast<float>(-scaled * (sum - m * i * normalised) / n);
        }
    }
    float* result = dx.data<float>();
    parallel_ranges(p.rows, [&](int64_t begin, int64_t end) {
        apply_gradient(values + begin * C, gradient + begin * C, a.data(), b.data(), floor, u.data(), w.data(),
                       result + begin * C, end - begin, C);
    }, 256);
}

Refusal on_cpu(const Context& context, const BatchNorm3dProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }

}  // namespace

std::vector<BatchNorm3dForward> cpu_batch_norm3d_forward() { return {{"cpu", on_cpu, forward}}; }
std::vector<BatchNorm3dBackward> cpu_batch_norm3d_backward() { return {{"cpu", on_cpu, backward}}; }

}  // namespace cmtl
