#pragma once
// Batch normalisation. Forward is three kernels, backward too; the two outer ones of each are bound by memory:
//
//   moments            reads x (4 bytes an element): per-channel sums of x and x^2, one partial sum per block
//   finish_forward     reads the partial sums, C threads' worth of work: mean, deviation, running statistics, coefficients
//   apply              reads x, writes y (8 bytes)
//   gradient_sums      reads x and dy (8 bytes): sums of dy and dy (x - mean)
//   finish_backward    dscale, dshift, coefficients
//   apply_gradient     reads x and dy, writes dx (12 bytes)
//
// That is the minimum for statistics that are needed before the first result: neither normalised values nor a mask are stored, the
// fused ReLU's sign is computed again from x by the very operations of the forward pass.
//
// Sums: a thread adds a strip of a few rows in single precision, relative to the strip's first value, and the strip's sums in double,
// relative to the channel's first value. So only one in eight operations is in double, which most GPUs have at 1/64 of the speed, and
// neither a large mean nor a long column costs digits. Strips that single precision does not hold are added in double.
// Partitions depend on the shape alone: the same bits on every GPU.
#include "kernels/batch_norm3d.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/primitives/vector.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace norm {

constexpr unsigned threads = 256;
constexpr int strip = 8;           // rows that a thread adds in single precision
constexpr int gradient_strip = 4;  // of two tensors each
constexpr int batch = 4;           // rows that a thread applies at once: loads first, so that they overlap

constexpr int center = BatchNorm3dTable::center, slope = BatchNorm3dTable::slope, offset = BatchNorm3dTable::offset,
              linear = BatchNorm3dTable::linear, constant = BatchNorm3dTable::constant;

__device__ __forceinline__ float finite_or_zero(float v) { return v - v == 0 ? v : 0.0f; }
__device__ __forceinline__ bool finite(float v) { return v - v == 0; }

// How rows are cut: blocks of `rows_per_block`, a multiple of what a block takes in two strips.
struct Cut {
    RowTiles tiles;
    unsigned blocks;
    int64_t rows_per_block;
};
inline Cut cut_rows(const BatchNorm3dSizes& s, int width) {
    const RowTiles tiles = row_tiles(s.channels / width, threads);
    const int64_t least = int64_t{2} * strip * tiles.down, partials = batch_norm3d_partials(s);
    const int64_t most = partials < tiles.tiles ? 1 : partials / tiles.tiles;  // the number of blocks, not of partials, is bounded
    const int64_t pieces = (s.rows + least - 1) / least, rows_per_block = (pieces + most - 1) / most * least;
    return {tiles, static_cast<unsigned>(s.rows ? (s.rows + rows_per_block - 1) / rows_per_block : 1), s.rows ? rows_per_block : least};
}

template <int width>
__device__ __forceinline__ int first_channel() {
    return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * width;
}

// The block's two sums per channel into partial[block][2][channels].
template <int width>
__device__ __forceinline__ void store_partial(double (&sums)[2 * width], int channel, int channels, double* partial) {
    sum_down<2 * width, threads>(sums);
    if (threadIdx.y || channel >= channels) return;
    double* const out = partial + static_cast<int64_t>(blockIdx.y) * 2 * channels + channel;
#pragma unroll
    for (int i = 0; i < width; ++i) {
        out[i] = sums[i];
        out[channels + i] = sums[width + i];
    }
}

}  // namespace norm

template <int width>
__global__ void __launch_bounds__(norm::threads)
batch_norm3d_moments_kernel(const float* x, int64_t rows, int channels, int64_t rows_per_block, double* partial) {
    using namespace norm;
    const int channel = first_channel<width>();
    double sums[2 * width] = {};
    if (channel < channels) {
        const auto pivot = load_vector<width>(x + channel);
        const int64_t begin = blockIdx.y * rows_per_block, end = begin + rows_per_block < rows ? begin + rows_per_block : rows;
        const int64_t step = static_cast<int64_t>(blockDim.y) * channels;
        for (int64_t row = begin + threadIdx.y; row < end; row += strip * blockDim.y) {
            const float* at = x + row * channels + channel;
            bool done = row + (strip - 1) * blockDim.y < end;
            if (done) {
                Vector<float, width> v[strip];
#pragma unroll
                for (int j = 0; j < strip; ++j) v[j] = load_vector<width>(at + j * step);
                float sum[width], square[width];
#pragma unroll
                for (int i = 0; i < width; ++i) {
                    sum[i] = square[i] = 0;
#pragma unroll
                    for (int j = 1; j < strip; ++j) {
                        const float d = v[j][i] - v[0][i];
                        sum[i] += d;
                        square[i] = fmaf(d, d, square[i]);
                    }
                    done = done && finite(square[i]);
                }
                if (done) {
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        const double p = static_cast<double>(v[0][i]) - static_cast<double>(finite_or_zero(pivot[i])), s = sum[i];
                        sums[i] += fma(double{strip}, p, s);
                        sums[width + i] += fma(p, fma(double{strip}, p, 2 * s), static_cast<double>(square[i]));
                    }
                }
            }
            if (!done) {  // the ragged end; NaN, infinity and squares beyond single precision
                for (int j = 0; j < strip && row + j * blockDim.y < end; ++j) {
                    const auto v = load_vector<width>(at + j * step);
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        const double d = static_cast<double>(v[i]) - static_cast<double>(finite_or_zero(pivot[i]));
                        sums[i] += d;
                        sums[width + i] = fma(d, d, sums[width + i]);
                    }
                }
            }
        }
    }
    store_partial<width>(sums, channel, channels, partial);
}

template <int width, bool relu>
__global__ void __launch_bounds__(norm::threads)
batch_norm3d_gradient_sums_kernel(const float* x, const float* dy, const float* table, int64_t rows, int channels,
                                  int64_t rows_per_block, double* partial) {
    using namespace norm;
    const int channel = first_channel<width>();
    double sums[2 * width] = {};
    if (channel < channels) {
        const auto m = load_vector<width>(table + center * channels + channel);
        const auto a = load_vector<width>(table + slope * channels + channel);
        const auto b = load_vector<width>(table + offset * channels + channel);
        const auto open = [&](float g, float d, int i) { return !relu || fmaf(d, a[i], b[i]) > 0 ? g : 0.0f; };
        const int64_t begin = blockIdx.y * rows_per_block, end = begin + rows_per_block < rows ? begin + rows_per_block : rows;
        const int64_t step = static_cast<int64_t>(blockDim.y) * channels;
        for (int64_t row = begin + threadIdx.y; row < end; row += gradient_strip * blockDim.y) {
            const int64_t at = row * channels + channel;
            bool done = row + (gradient_strip - 1) * blockDim.y < end;
            if (done) {
                Vector<float, width> v[gradient_strip], g[gradient_strip];
#pragma unroll
                for (int j = 0; j < gradient_strip; ++j) {
                    v[j] = load_vector<width>(x + at + j * step);
                    g[j] = load_vector<width>(dy + at + j * step);
                }
                float sum[width], product[width];
#pragma unroll
                for (int i = 0; i < width; ++i) {
                    sum[i] = product[i] = 0;
#pragma unroll
                    for (int j = 0; j < gradient_strip; ++j) {
                        const float d = v[j][i] - m[i], open_g = open(g[j][i], d, i);
                        sum[i] += open_g;
                        product[i] = fmaf(open_g, d, product[i]);
                    }
                    done = done && finite(sum[i]) && finite(product[i]);
                }
                if (done) {
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        sums[i] += static_cast<double>(sum[i]);
                        sums[width + i] += static_cast<double>(product[i]);
                    }
                }
            }
            if (!done) {
                for (int j = 0; j < gradient_strip && row + j * blockDim.y < end; ++j) {
                    const auto v = load_vector<width>(x + at + j * step), g = load_vector<width>(dy + at + j * step);
#pragma unroll
                    for (int i = 0; i < width; ++i) {
                        const float d = v[i] - m[i];
                        const double open_g = open(g[i], d, i);
                        sums[i] += open_g;
                        sums[width + i] = fma(open_g, static_cast<double>(v[i]) - static_cast<double>(m[i]), sums[width + i]);
                    }
                }
            }
        }
    }
    store_partial<width>(sums, channel, channels, partial);
}

namespace norm {

constexpr unsigned finish_across = 32, finish_down = 32;

// The two sums of channel `c`, from all blocks; valid where threadIdx.y == 0.
__device__ __forceinline__ void total(const double* partial, int blocks, int c, int channels, double (&sums)[2]) {
    sums[0] = sums[1] = 0;
    if (c < channels)
#pragma unroll 4
        for (int b = static_cast<int>(threadIdx.y); b < blocks; b += finish_down) {
            const double* const from = partial + static_cast<int64_t>(b) * 2 * channels + c;
            sums[0] += from[0];
            sums[1] += from[channels];
        }
    sum_down<2, finish_across * finish_down>(sums);
}

__device__ __forceinline__ void store_map(float* table, int channels, int c, double scale, double shift, float mean, float rest,
                                          double inverse) {
    const double a = scale * inverse;
    table[center * channels + c] = mean;
    table[slope * channels + c] = static_cast<float>(a);
    table[offset * channels + c] = static_cast<float>(shift - static_cast<double>(rest) * a);
}

}  // namespace norm

// One warp across 32 channels, 32 threads down the blocks' partial sums.
__global__ void __launch_bounds__(norm::finish_across* norm::finish_down, 1)
batch_norm3d_finish_forward_kernel(const BatchNorm3dForwardArguments a, const double* partial, int blocks, float* table) {
    using namespace norm;
    const int channels = static_cast<int>(a.sizes.channels), c = static_cast<int>(blockIdx.x * finish_across + threadIdx.x);
    double sums[2];
    total(partial, blocks, c, channels, sums);
    if (threadIdx.y || c >= channels) return;
    const double n = static_cast<double>(a.sizes.rows), m = a.momentum, moved = sums[0] / n;
    const double average = static_cast<double>(finite_or_zero(a.x[c])) + moved;
    const double difference = sums[1] / n - moved * moved, variance = difference < 0 ? 0 : difference;  // NaN stays
    const float mean = static_cast<float>(average), rest = static_cast<float>(average - static_cast<double>(mean));
    const float inverse = static_cast<float>(1 / sqrt(variance + a.eps));
    a.saved.mean[c] = mean;
    a.saved.mean_rest[c] = rest;
    a.saved.inverse_deviation[c] = inverse;
    a.running_mean[c] = static_cast<float>((1 - m) * static_cast<double>(a.running_mean[c]) + m * average);
    a.running_variance[c] = static_cast<float>((1 - m) * static_cast<double>(a.running_variance[c]) + m * variance * n / (n - 1));
    store_map(table, channels, c, a.scale[c], a.shift[c], mean, rest, inverse);
}

// Evaluation: the running statistics normalise.
__global__ void batch_norm3d_running_kernel(const BatchNorm3dForwardArguments a, float* table) {
    using namespace norm;
    const int channels = static_cast<int>(a.sizes.channels), c = static_cast<int>(first_item());
    if (c >= channels) return;
    const float mean = a.running_mean[c];
    const float inverse = static_cast<float>(1 / sqrt(static_cast<double>(a.running_variance[c]) + a.eps));
    a.saved.mean[c] = mean;
    a.saved.mean_rest[c] = 0;
    a.saved.inverse_deviation[c] = inverse;
    store_map(table, channels, c, a.scale[c], a.shift[c], mean, 0, inverse);
}

// The forward pass' map again, from what it saved.
__global__ void batch_norm3d_saved_kernel(const BatchNorm3dBackwardArguments a, float* table) {
    const int channels = static_cast<int>(a.sizes.channels), c = static_cast<int>(first_item());
    if (c >= channels) return;
    norm::store_map(table, channels, c, a.scale[c], a.shift[c], a.saved.mean[c], a.saved.mean_rest[c], a.saved.inverse_deviation[c]);
}

// dx = slope (dy - mean(dy) - xhat mean(dy xhat)) = slope dy + linear (x - center) + constant.
__global__ void __launch_bounds__(norm::finish_across* norm::finish_down, 1)
batch_norm3d_finish_backward_kernel(const BatchNorm3dBackwardArguments a, const double* partial, int blocks, float* table) {
    using namespace norm;
    const int channels = static_cast<int>(a.sizes.channels), c = static_cast<int>(blockIdx.x * finish_across + threadIdx.x);
    double sums[2];
    total(partial, blocks, c, channels, sums);
    if (threadIdx.y || c >= channels) return;
    const double rest = a.saved.mean_rest[c], inverse = a.saved.inverse_deviation[c], n = static_cast<double>(a.sizes.rows);
    const double normalised = (sums[1] - rest * sums[0]) * inverse;  // sum of dy xhat
    a.dshift[c] = static_cast<float>(sums[0]);
    a.dscale[c] = static_cast<float>(normalised);
    const double scaled = static_cast<double>(a.scale[c]) * inverse, along = -scaled * inverse * normalised / n;
    table[linear * channels + c] = a.training ? static_cast<float>(along) : 0.0f;
    table[constant * channels + c] = a.training ? static_cast<float>(-scaled * sums[0] / n - along * rest) : 0.0f;
}

template <int width, bool relu>
__global__ void __launch_bounds__(norm::threads)
batch_norm3d_apply_kernel(const float* x, const float* table, int64_t rows, int channels, float* y) {
    using namespace norm;
    const int channel = first_channel<width>();
    if (channel >= channels) return;
    const auto m = load_vector<width>(table + center * channels + channel);
    const auto a = load_vector<width>(table + slope * channels + channel);
    const auto b = load_vector<width>(table + offset * channels + channel);
    const auto map = [&](Vector<float, width> v) {
#pragma unroll
        for (int i = 0; i < width; ++i) {
            v[i] = fmaf(v[i] - m[i], a[i], b[i]);
            if (relu) v[i] = v[i] < 0 ? 0.0f : v[i];
        }
        return v;
    };
    const int64_t step = static_cast<int64_t>(blockDim.y) * channels;
    for (int64_t row = static_cast<int64_t>(blockIdx.y) * batch * blockDim.y + threadIdx.y; row < rows;
         row += static_cast<int64_t>(gridDim.y) * batch * blockDim.y) {
        const int64_t at = row * channels + channel;
        if (row + (batch - 1) * blockDim.y < rows) {
            Vector<float, width> v[batch];
#pragma unroll
            for (int j = 0; j < batch; ++j) v[j] = load_vector<width>(x + at + j * step);
#pragma unroll
            for (int j = 0; j < batch; ++j) store_vector<width>(y + at + j * step, map(v[j]));
        } else {
            for (int j = 0; j < batch && row + j * blockDim.y < rows; ++j)
                store_vector<width>(y + at + j * step, map(load_vector<width>(x + at + j * step)));
        }
    }
}

template <int width, bool relu>
__global__ void __launch_bounds__(norm::threads)
batch_norm3d_apply_gradient_kernel(const float* x, const float* dy, const float* table, int64_t rows, int channels, float* dx) {
    using namespace norm;
    const int channel = first_channel<width>();
    if (channel >= channels) return;
    const auto m = load_vector<width>(table + center * channels + channel);
    const auto a = load_vector<width>(table + slope * channels + channel);
    const auto b = load_vector<width>(table + offset * channels + channel);
    const auto u = load_vector<width>(table + linear * channels + channel);
    const auto w = load_vector<width>(table + constant * channels + channel);
    const auto map = [&](const Vector<float, width>& v, Vector<float, width> g) {
#pragma unroll
        for (int i = 0; i < width; ++i) {
            const float d = v[i] - m[i];
            if (relu) g[i] = fmaf(d, a[i], b[i]) > 0 ? g[i] : 0.0f;
            g[i] = fmaf(a[i], g[i], fmaf(u[i], d, w[i]));
        }
        return g;
    };
    const int64_t step = static_cast<int64_t>(blockDim.y) * channels;
    for (int64_t row = static_cast<int64_t>(blockIdx.y) * batch * blockDim.y + threadIdx.y; row < rows;
         row += static_cast<int64_t>(gridDim.y) * batch * blockDim.y) {
        const int64_t at = row * channels + channel;
        if (row + (batch - 1) * blockDim.y < rows) {
            Vector<float, width> v[batch], g[batch];
#pragma unroll
            for (int j = 0; j < batch; ++j) {
                v[j] = load_vector<width>(x + at + j * step);
                g[j] = load_vector<width>(dy + at + j * step);
            }
#pragma unroll
            for (int j = 0; j < batch; ++j) store_vector<width>(dx + at + j * step, map(v[j], g[j]));
        } else {
            for (int j = 0; j < batch && row + j * blockDim.y < rows; ++j)
                store_vector<width>(dx + at + j * step, map(load_vector<width>(x + at + j * step), load_vector<width>(dy + at + j * step)));
        }
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
