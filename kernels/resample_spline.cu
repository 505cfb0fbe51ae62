#include "kernels/resample_spline.hpp"

#include <cmath>

#include "kernels/resample_spline.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace spline {

inline unsigned blocks(const SplineLines& l) { return blocks_for(l.outer * l.inner, threads, most_blocks); }

inline Pole pole() {
    const double z = std::sqrt(3.0) - 2;
    return {z, (1 - z) * (1 - 1 / z), z / (z - 1)};
}

}  // namespace spline
}  // namespace CMTL_TARGET

template <>
size_t resample_spline_scratch<Target>(const SplineLines& l) {
    return static_cast<size_t>(l.in + 2 * spline_pad - spline::unread) * spline::blocks(l) * spline::threads *
           sizeof(double);
}

template <>
void resample_spline<Target>(Stream stream, const SplineLines& l, const SplineTap* taps, const float* x, float* y,
                             void* scratch) {
    if (l.outer * l.in * l.out * l.inner == 0) return;
    const dim3 grid(spline::blocks(l)), block(spline::threads);
    auto* const places = static_cast<double*>(scratch);
    if (l.inner == 1)
        launch({"resample_spline_rows", grid, block, 0, stream}, resample_spline_kernel<true>, l, spline::pole(), taps,
               x, y, places);
    else
        launch({"resample_spline_columns", grid, block, 0, stream}, resample_spline_kernel<false>, l, spline::pole(),
               taps, x, y, places);
}

}  // namespace cmtl::kernels
