#pragma once
// The undecimated coif1 filters along one axis: every kernel reads a value once for both of them.
//
// Bytes per output, s = sizeof(T), where both filters are wanted:
//   rows      s read, 2 s written; a block's piece of the input, which has 5 positions more per row, lies in shared
//   memory columns   s (1 + 5 / 32) read, 2 s written; a thread walks along the axis with the last six values in
//   registers gather    s read from memory and 6 s from the caches (six slices of the box, which L2 holds), 4 for the
//   offset, 16 written
// 24 operations in T per output: memory bounds it where double precision runs at half the speed of single, arithmetic
// where it runs at 1/64.
#include "kernels/dialect.hpp"
#include "kernels/wavelet.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace wavelets {
constexpr unsigned threads = 256;
constexpr int row_tile = 512, halo = wavelet_taps - 1;
constexpr int64_t segment = 32;  // outputs that a thread of the columns' kernel takes
}  // namespace wavelets

__device__ __forceinline__ double rounded_product(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ float rounded_product(float a, float b) { return __fmul_rn(a, b); }

// x[0] to x[5] in order along the axis: x[5] meets the first tap. `last`: of the whole axis. The sum begins with a 0,
// as PyWavelets' does, so that it is never -0.
template <bool high_pass, class T>
__device__ __forceinline__ T coif1(const T (&x)[wavelet_taps], bool last) {
    constexpr T a = static_cast<T>(0.015655728135791993), b = static_cast<T>(0.07273261951252645),
                c = static_cast<T>(0.3848648468648578), e = static_cast<T>(0.3378976624574818),
                d = sizeof(T) == 4 ? static_cast<T>(0x1.b4845p-1) : static_cast<T>(0.8525720202116004);
    constexpr T low[wavelet_taps] = {-a, -b, c, d, e, -b}, high[wavelet_taps] = {b, e, -d, c, b, -a};
    T term[wavelet_taps];
#pragma unroll
    for (int k = 0; k < wavelet_taps; ++k)
        term[k] = rounded_product(high_pass ? high[k] : low[k], x[wavelet_taps - 1 - k]);
    T sum = T{0} + (last ? term[2] : term[0]);
    sum += term[1];
    sum += last ? term[0] : term[2];
    sum += term[3];
    sum += term[4];
    return sum + term[5];
}

// How far apart rows of a tile begin in shared memory, less their outputs. Where a warp's outputs go on in the next
// row, lanes would meet in a bank if a row were followed by its five more inputs alone; with a whole turn of the banks
// in between they do not. Thin boxes have too many rows for that.
template <class T>
inline __host__ __device__ int wavelet_row_gap(int64_t width) {
    constexpr int turn = 128 / static_cast<int>(sizeof(T));
    return width < turn ? wavelets::halo : turn;
}
// Elements of shared memory for a tile of outputs in rows of `width`: it crosses the most rows when it begins with a
// row's last.
template <class T>
inline __host__ __device__ int64_t wavelet_row_span(int64_t width) {
    using namespace wavelets;
    return row_tile + wavelet_row_gap<T>(width) * ((row_tile - 2 + width) / width) + halo + 7;
}

// Along the fastest axis. Block b takes outputs 512 b to 512 b + 511 whatever the width of rows, so stores are whole
// lines; the inputs of these lie together, and are loaded from a multiple of 32 bytes on.
template <class T>
__global__ void __launch_bounds__(wavelets::threads)
    wavelet_rows_kernel(int64_t count, int width, int64_t last, const T* __restrict__ x, T* __restrict__ low,
                        T* __restrict__ high) {
    using namespace wavelets;
    CMTL_DYNAMIC_SHARED(T, tile);
    const int64_t base = static_cast<int64_t>(blockIdx.x) * row_tile, row = base / width;
    const int column = static_cast<int>(base - row * width), wide = width + halo, gap = wavelet_row_gap<T>(width);
    const int outputs = count - base < row_tile ? static_cast<int>(count - base) : row_tile;
    const int64_t first = row * wide + column, begin = first & ~int64_t{32 / sizeof(T) - 1};
    const int ahead = static_cast<int>(first - begin);
    // Rows of the tile are counted from that of its first output. Input `ahead` is the first of output 0; those before
    // it are not used.
    const auto rows_before = [=](int p) {
        return static_cast<int>(static_cast<unsigned>(column + p) / static_cast<unsigned>(width));
    };
    const int inputs = ahead + outputs + rows_before(outputs - 1) * halo + halo;
    for (int i = static_cast<int>(threadIdx.x); i < inputs; i += threads) {
        const T value = x[begin + i];
        const int within = i - ahead;
        const int rows =
            within < 0 ? 0 : static_cast<int>(static_cast<unsigned>(column + within) / static_cast<unsigned>(wide));
        tile[i + rows * (gap - halo)] = value;
    }
    __syncthreads();
    for (int p = static_cast<int>(threadIdx.x); p < outputs; p += threads) {
        const int rows = rows_before(p);
        const T* from = tile + ahead + p + rows * gap;
        const bool at_end = column + p - rows * width == last;
        T v[wavelet_taps];
#pragma unroll
        for (int a = 0; a < wavelet_taps; ++a) v[a] = from[a];
        if (low) low[base + p] = coif1<false>(v, at_end);
        if (high) high[base + p] = coif1<true>(v, at_end);
    }
}

// Along any other axis. An item is a piece of a column; neighbouring lanes take neighbouring columns.
template <class T>
__global__ void __launch_bounds__(wavelets::threads)
    wavelet_columns_kernel(int64_t items, int64_t pieces, int64_t per_piece, int64_t length, int64_t inner,
                           int64_t last, const T* __restrict__ x, T* __restrict__ low, T* __restrict__ high) {
    using namespace wavelets;
    for (int64_t item = first_item(); item < items; item += item_stride()) {
        const int64_t line = item / inner, column = item - line * inner, outer = line / pieces;
        const int64_t begin = (line - outer * pieces) * per_piece,
                      end = begin + per_piece < length ? begin + per_piece : length;
        const T* from = x + (outer * (length + halo) + begin) * inner + column;
        int64_t to = (outer * length + begin) * inner + column;
        T v[wavelet_taps];
#pragma unroll
        for (int a = 0; a < halo; ++a, from += inner) v[a + 1] = *from;
#pragma unroll 2  // more spills on sm_100 and sm_120
        for (int64_t i = begin; i < end; ++i, from += inner, to += inner) {
#pragma unroll
            for (int a = 0; a < halo; ++a) v[a] = v[a + 1];
            v[halo] = *from;
            if (low) low[to] = coif1<false>(v, i == last);
            if (high) high[to] = coif1<true>(v, i == last);
        }
    }
}

// `plane`: voxels of a slice; outputs from `last_from` on are in the last slice of the whole axis.
template <class T>
__global__ void __launch_bounds__(wavelets::threads)
    wavelet_gather_kernel(int64_t count, int64_t plane, int64_t last_from, const int32_t* __restrict__ offsets,
                          const T* __restrict__ x, double* __restrict__ low, double* __restrict__ high) {
    for (int64_t m = first_item(); m < count; m += item_stride()) {
        const int64_t offset = offsets[m];
        T v[wavelet_taps];
#pragma unroll
        for (int a = 0; a < wavelet_taps; ++a) v[a] = x[offset + a * plane];
        if (low) low[m] = static_cast<double>(coif1<false>(v, offset >= last_from));
        if (high) high[m] = static_cast<double>(coif1<true>(v, offset >= last_from));
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
