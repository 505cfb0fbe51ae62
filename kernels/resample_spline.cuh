#pragma once
// A thread takes a line. The causal recursion walks up and leaves its values in scratch memory; the one back needs no
// place for its own, since an output can be summed as soon as the four coefficients before it are known, which then lie
// in registers. A group of threads' values lie side by side in scratch, so every access there is whole lines.
// Lines along the fastest axis go through a tile of 32 voxels each in shared memory, both ways: rows are loaded and
// stored by warps, walked by threads. Other lines lie side by side already.
//
// Bytes per input voxel: 4 read, 8 written and 8 read of scratch, 40 / 128 of taps; 4 written per output. In double, 5
// operations an input and 7 an output.
#include "kernels/dialect.hpp"
#include "kernels/resample_spline.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace spline {

constexpr int threads = 128, tile = 32, words_per_tap = sizeof(SplineTap) / 8;
constexpr int horizon = 40;             // of the sum that the first coefficient needs: powers of the pole vanish beyond
constexpr int unread = spline_pad - 1;  // no output reads the coefficients before
constexpr unsigned most_blocks = 512;   // the groups that have a place in scratch memory

struct Pole {
    double z, gain, last;  // last: what ends the causal recursion
};

__device__ __forceinline__ double product(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ double sum(double a, double b) { return __dadd_rn(a, b); }

// Rows of `length` from `from` on, 32 voxels of each from `first` on, between memory and a tile [threads][tile + 1].
template <class Move>
__device__ __forceinline__ void each_of_tile(int64_t lines, int64_t line0, int64_t length, int64_t first, Move move) {
    const int lane = static_cast<int>(threadIdx.x) % tile, warp = static_cast<int>(threadIdx.x) / tile;
    if (first + lane >= length) return;
    for (int l = warp; l < threads; l += threads / tile) {
        if (line0 + l >= lines) break;
        move((line0 + l) * length + first + lane, l * (tile + 1) + lane);
    }
}

}  // namespace spline

template <bool rows>
__global__ void __launch_bounds__(spline::threads)
    resample_spline_kernel(SplineLines l, spline::Pole pole, const SplineTap* __restrict__ taps,
                           const float* __restrict__ x, float* __restrict__ y, double* scratch) {
    using namespace spline;
    __shared__ float voxels[rows ? threads * (tile + 1) : 1];
    __shared__ uint64_t tap_words[tile * words_per_tap];
    const auto* const tap = reinterpret_cast<const SplineTap*>(tap_words);
    const int rank = static_cast<int>(threadIdx.x);
    const int64_t lines = l.outer * l.inner, kept = l.in + 2 * spline_pad - unread, n = l.in + 2 * spline_pad;
    double* const own = scratch + static_cast<int64_t>(blockIdx.x) * kept * threads + rank;

    for (int64_t line0 = static_cast<int64_t>(blockIdx.x) * threads; line0 < lines;
         line0 += static_cast<int64_t>(gridDim.x) * threads) {
        const int64_t line = line0 + rank, outer = line / l.inner, column = line - outer * l.inner;
        const bool inside = line < lines;
        const float* const from = x + outer * l.in * l.inner + column;
        const auto scaled = [&](int64_t v) {  // of the tile that is loaded
            const float value = !inside ? 0.0f : rows ? voxels[rank * (tile + 1) + v % tile] : from[v * l.inner];
            return product(static_cast<double>(value), pole.gain);
        };
        double c = 0, end = 0;
        for (int64_t t = 0; t < l.in; t += tile) {
            if (rows) {
                __syncthreads();
                each_of_tile(lines, line0, l.in, t, [&](int64_t at, int place) { voxels[place] = x[at]; });
                __syncthreads();
            }
            if (t == 0) {
                const double begin = scaled(0);
                double first = 0, power = pole.z;
                for (int i = 0; i < horizon && i < n; ++i) {
                    const int64_t v = i - spline_pad;
                    first = sum(first, product(power, v <= 0 ? begin : scaled(v < l.in ? v : l.in - 1)));
                    power = product(power, pole.z);
                }
                c = sum(begin, first);
                for (int i = 1; i < spline_pad; ++i) c = sum(begin, product(pole.z, c));
                own[0] = c;
            }
            const int64_t stop = t + tile < l.in ? t + tile : l.in;
#pragma unroll 4
            for (int64_t v = t; v < stop; ++v) {
                end = scaled(v);
                c = sum(end, product(pole.z, c));
                own[(v + spline_pad - unread) * threads] = c;
            }
        }
        for (int64_t i = l.in + spline_pad; i < n; ++i) {
            c = sum(end, product(pole.z, c));
            own[(i - unread) * threads] = c;
        }

        c = product(c, pole.last);
        double next[3] = {c, 0, 0};
        int64_t o = l.out - 1;
        const auto load_taps = [&] {
            const int64_t base = o / tile * tile, words = (l.out - base < tile ? l.out - base : tile) * words_per_tap;
            const auto* const source = reinterpret_cast<const uint64_t*>(taps + base);
            for (int w = rank; w < words; w += threads) tap_words[w] = source[w];
        };
        __syncthreads();  // whoever still reads the last group's
        load_taps();
        __syncthreads();
        for (int64_t i = n - 2; o >= 0; --i) {
            c = product(pole.z, sum(c, -own[(i - unread) * threads]));
            while (o >= 0 && tap[o % tile].first == i) {
                const SplineTap& a = tap[o % tile];
                const double value =
                    sum(sum(sum(product(a.weight[0], c), product(a.weight[1], next[0])), product(a.weight[2], next[1])),
                        product(a.weight[3], next[2]));
                if (rows)
                    voxels[rank * (tile + 1) + o % tile] = static_cast<float>(value);
                else if (inside)
                    y[(outer * l.out + o) * l.inner + column] = static_cast<float>(value);
                const bool tile_done = o % tile == 0;
                --o;
                if (!tile_done) continue;
                __syncthreads();
                if (rows)
                    each_of_tile(lines, line0, l.out, o + 1, [&](int64_t at, int place) { y[at] = voxels[place]; });
                if (o >= 0) load_taps();
                __syncthreads();
            }
            next[2] = next[1];
            next[1] = next[0];
            next[0] = c;
        }
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
