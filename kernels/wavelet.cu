#include "kernels/wavelet.hpp"

#include <limits>

#include "kernels/wavelet.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace wavelets {

// The output that is the last of the whole axis; -1 where it is not among them.
inline int64_t last_output(const WaveletLines& lines) {
    const int64_t last = lines.period - 1 - lines.first;
    return last < lines.length ? last : -1;
}

template <class T>
void pass(Stream stream, const WaveletLines& lines, const T* x, T* low, T* high) {
    const auto [outer, length, inner, first, period] = lines;
    const int64_t count = outer * length * inner, last = last_output(lines);
    if (!count) return;
    if (inner == 1) {
        const auto blocks = static_cast<unsigned>((count + row_tile - 1) / row_tile);
        const auto shared = static_cast<size_t>(wavelet_row_span<T>(length)) * sizeof(T);
        launch({"wavelet_rows", dim3(blocks), dim3(threads), shared, stream}, wavelet_rows_kernel<T>, count,
               static_cast<int>(length), last, x, low, high);
    } else {
        const int64_t least = (length + segment - 1) / segment, per_piece = (length + least - 1) / least;
        const int64_t pieces = (length + per_piece - 1) / per_piece, items = outer * pieces * inner;
        launch({"wavelet_columns", dim3(blocks_for(items, threads)), dim3(threads), 0, stream},
               wavelet_columns_kernel<T>, items, pieces, per_piece, length, inner, last, x, low, high);
    }
}

template <class T>
void gather(Stream stream, const WaveletLines& lines, int64_t count, const int32_t* offsets, const T* x, double* low,
            double* high) {
    if (!count) return;
    const int64_t last = last_output(lines),
                  last_from = last < 0 ? std::numeric_limits<int64_t>::max() : last * lines.inner;
    launch({"wavelet_gather", dim3(blocks_for(count, threads)), dim3(threads), 0, stream}, wavelet_gather_kernel<T>,
           count, lines.inner, last_from, offsets, x, low, high);
}

}  // namespace wavelets
}  // namespace CMTL_TARGET

template <>
void wavelet_pass<Target, float>(Stream stream, const WaveletLines& lines, const float* x, float* low, float* high) {
    wavelets::pass(stream, lines, x, low, high);
}
template <>
void wavelet_pass<Target, double>(Stream stream, const WaveletLines& lines, const double* x, double* low,
                                  double* high) {
    wavelets::pass(stream, lines, x, low, high);
}
template <>
void wavelet_gather<Target, float>(Stream stream, const WaveletLines& lines, int64_t count, const int32_t* offsets,
                                   const float* x, double* low, double* high) {
    wavelets::gather(stream, lines, count, offsets, x, low, high);
}
template <>
void wavelet_gather<Target, double>(Stream stream, const WaveletLines& lines, int64_t count, const int32_t* offsets,
                                    const double* x, double* low, double* high) {
    wavelets::gather(stream, lines, count, offsets, x, low, high);
}

}  // namespace cmtl::kernels
