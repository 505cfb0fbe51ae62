// Pools on the CPU. Forward reads each window's rows of channels; backward is a gather: every input position looks at the
// windows it lies in, so threads never write to the same place and the order of additions is fixed.
#include <algorithm>
#include <cstring>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "engine/cpu/columns.hpp"
#include "engine/operators/pool3d_problem.hpp"

namespace cmtl {

namespace {

CMTL_MULTIARCH void keep_larger(const float* x, uint8_t position, float* best, uint8_t* winner, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) {
        const bool wins = x[c] > best[c] || x[c] != x[c];
        best[c] = wins ? x[c] : best[c];
        winner[c] = wins ? position : winner[c];
    }
}

CMTL_MULTIARCH void add_where_won(const float* dy, const uint8_t* winner, uint8_t position, float* dx, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) dx[c] += winner[c] == position ? dy[c] : 0.0f;
}

CMTL_MULTIARCH void add_scaled(const float* x, float scale, float* y, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] += x[c] * scale;
}

struct Range {
    int64_t begin, end;
};

// Positions of the window at `out` that lie inside [0, size).
Range window(const Pool3dOptions& o, int axis, int64_t out, int64_t size) {
    const int64_t start = out * o.stride[axis] - o.padding[axis];
    return {std::max<int64_t>(start, 0), std::min(start + o.kernel[axis], size)};
}

// Windows that contain input position `in`.
Range windows_of(const Pool3dOptions& o, int axis, int64_t in, int64_t outs) {
    const int64_t shifted = in + o.padding[axis];
    const int64_t first = shifted < o.kernel[axis] ? 0 : (shifted - o.kernel[axis]) / o.stride[axis] + 1;
    return {first, std::min(shifted / o.stride[axis] + 1, outs)};
}

// body(input offset in elements, position in window) for every input under the window of output (n, z, y, x).
template <class Body>
void for_window(const Pool3dProblem& p, int64_t n, int64_t z, int64_t y, int64_t x, Body&& body) {
    const Pool3dOptions& o = p.options;
    const Range rz = window(o, 0, z, p.d), ry = window(o, 1, y, p.h), rx = window(o, 2, x, p.w);
    for (int64_t a = rz.begin; a < rz.end; ++a)
        for (int64_t b = ry.begin; b < ry.end; ++b)
            for (int64_t c = rx.begin; c < rx.end; ++c) {
                const int64_t k = ((a - z * o.stride.d + o.padding.d) * o.kernel.h + b - y * o.stride.h + o.padding.h) * o.kernel.w +
                                  c - x * o.stride.w + o.padding.w;
                body((((n * p.d + a) * p.h + b) * p.w + c) * p.channels, static_cast<uint8_t>(k));
            }
}

// body(output offset in elements, position in that window) for every window over input (n, z, y, x).
template <class Body>
void for_windows_of(const Pool3dProblem& p, int64_t n, int64_t z, int64_t y, int64_t x, Body&& body) {
    const Pool3dOptions& o = p.options;
    const Shape out = p.y_shape();
    const Range rz = windows_of(o, 0, z, out[1]), ry = windows_of(o, 1, y, out[2]), rx = windows_of(o, 2, x, out[3]);
    for (int64_t a = rz.begin; a < rz.end; ++a)
        for (int64_t b = ry.begin; b < ry.end; ++b)
            for (int64_t c = rx.begin; c < rx.end; ++c) {
                const int64_t k = ((z - a * o.stride.d + o.padding.d) * o.kernel.h + y - b * o.stride.h + o.padding.h) * o.kernel.w +
                                  x - c * o.stride.w + o.padding.w;
                body((((n * out[1] + a) * out[2] + b) * out[3] + c) * p.channels, static_cast<uint8_t>(k));
            }
}

// body(n, z, y, x, offset) for every position of `shape`, rows of the grid in parallel.
template <class Body>
void for_positions(const Shape& shape, Body&& body) {
    parallel_ranges(shape[0] * shape[1] * shape[2], [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const int64_t y = row % shape[2], z = row / shape[2] % shape[1], n = row / shape[2] / shape[1];
            for (int64_t x = 0; x < shape[3]; ++x) body(n, z, y, x, (row * shape[3] + x) * shape[4]);
        }
    });
}

void max_forward(Context&, const Pool3dProblem& p, const Tensor& x, const Tensor& y, const Tensor& winner) {
    const float* source = x.data<float>();
    float* result = y.data<float>();
    uint8_t* won = winner.defined() ? winner.data<uint8_t>() : nullptr;
    const int64_t C = p.channels;
    std::vector<uint8_t> unused(won ? 0 : static_cast<size_t>(C * omp_get_max_threads()));
    for_positions(p.y_shape(), [&](int64_t n, int64_t oz, int64_t oy, int64_t ox, int64_t offset) {
        float* best = result + offset;
        uint8_t* index = won ? won + offset : unused.data() + C * omp_get_thread_num();
        bool first = true;
        for_window(p, n, oz, oy, ox, [&](int64_t at, uint8_t k) {
            if (first) {
                std::memcpy(best, source + at, static_cast<size_t>(C) * sizeof(float));
                std::memset(index, k, static_cast<size_t>(C));
                first = false;
            } else {
                keep_larger(source + at, k, best, index, C);
            }
        });
    });
}

void max_backward(Context&, const Pool3dProblem& p, const Tensor& dy, const Tensor& winner, const Tensor& dx) {
    const float* gradient = dy.data<float>();
    const uint8_t* won = winner.data<uint8_t>();
    float* result = dx.data<float>();
    for_positions(p.x_shape(), [&](int64_t n, int64_t z, int64_t y, int64_t x, int64_t offset) {
        std::memset(result + offset, 0, static_cast<size_t>(p.channels) * sizeof(float));
        for_windows_of(p, n, z, y, x, [&](int64_t at, uint8_t k) {
            add_where_won(gradient + at, won + at, k, result + offset, p.channels);
        });
    });
}

float window_share(const Pool3dProblem& p) { return 1.0f / static_cast<float>(p.options.kernel.product()); }

void avg_forward(Context&, const Pool3dProblem& p, const Tensor& x, const Tensor& y) {
    const float* source = x.data<float>();
    float* result = y.data<float>();
    for_positions(p.y_shape(), [&](int64_t n, int64_t oz, int64_t oy, int64_t ox, int64_t offset) {
        std::memset(result + offset, 0, static_cast<size_t>(p.channels) * sizeof(float));
        for_window(p, n, oz, oy, ox, [&](int64_t at, uint8_t) { add_scaled(source + at, window_share(p), result + offset, p.channels); });
    });
}

void avg_backward(Context&, const Pool3dProblem& p, const Tensor& dy, const Tensor& dx) {
    const float* gradient = dy.data<float>();
    float* result = dx.data<float>();
    for_positions(p.x_shape(), [&](int64_t n, int64_t z, int64_t y, int64_t x, int64_t offset) {
        std::memset(result + offset, 0, static_cast<size_t>(p.channels) * sizeof(float));
        for_windows_of(p, n, z, y, x, [&](int64_t at, uint8_t) {
            add_scaled(gradient + at, window_share(p), result + offset, p.channels);
        });
    });
}

void global_forward(Context&, const Pool3dProblem& p, const Tensor& x, const Tensor& y) {
    const int64_t rows = p.d * p.h * p.w, C = p.channels;
    for (int64_t n = 0; n < p.n; ++n) {
        const auto sums = column_sums(x.data<float>() + n * rows * C, rows, C);
        for (int64_t c = 0; c < C; ++c) y.data<float>()[n * C + c] = static_cast<float>(sums[static_cast<size_t>(c)] / static_cast<double>(rows));
    }
}

void global_backward(Context&, const Pool3dProblem& p, const Tensor& dy, const Tensor& dx) {
    const int64_t rows = p.d * p.h * p.w, C = p.channels;
    std::vector<float> share(static_cast<size_t>(p.n * C));
    for (size_t i = 0; i < share.size(); ++i) share[i] = dy.data<float>()[i] / static_cast<float>(rows);
    parallel_ranges(p.n * rows, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            std::memcpy(dx.data<float>() + i * C, share.data() + i / rows * C, static_cast<size_t>(C) * sizeof(float));
    }, 64);
}

Refusal on_cpu(const Context& context, const Pool3dProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }

}  // namespace

std::vector<MaxPool3dForward> cpu_max_pool3d_forward() { return {{"cpu", on_cpu, max_forward}}; }
std::vector<MaxPool3dBackward> cpu_max_pool3d_backward() { return {{"cpu", on_cpu, max_backward}}; }
std::vector<AvgPool3dForward> cpu_avg_pool3d_forward() { return {{"cpu", on_cpu, avg_forward}}; }
std::vector<AvgPool3dBackward> cpu_avg_pool3d_backward() { return {{"cpu", on_cpu, avg_backward}}; }
std::vector<AvgPool3dForward> cpu_global_avg_pool3d_forward() { return {{"cpu", on_cpu, global_forward}}; }
std::vector<AvgPool3dBackward> cpu_global_avg_pool3d_backward() { return {{"cpu", on_cpu, global_backward}}; }

}  // namespace cmtl
