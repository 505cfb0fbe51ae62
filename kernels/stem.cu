#include "kernels/stem.hpp"

#include "kernels/stem.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace stem {

Geometry geometry(const StemSizes& s) { return geometry_of({s.n, s.d, s.h, s.w, s.channels, 3, 2, 1}); }

// Of samples that move: one channel a thread, groups of channels one after the other.
Plan moved_plan(const StemSizes& s, const Geometry& g, int depth) { return plan(s.n, g.out, g.channels, depth, group, true); }

const int2* entries(const StemShift& shift) { return reinterpret_cast<const int2*>(shift.plan); }

template <int width>
void forward(Stream stream, const StemSizes& s, const StemShift& shift, const float* x, const float* table, float* y, uint8_t* winner) {
    const Geometry g = geometry(s);
    const Plan still = plan(s.n, g.out, g.channels / width, run);
    launch({"stem_pool_forward", still.grid, still.block, 0, stream}, stem_pool_forward_kernel<width, false>, g, still.tiling,
           entries(shift), shift.filled, shift.fill, x, table, y, winner);
    if (!shift.plan) return;
    const Plan moved = moved_plan(s, g, run);
    launch({"stem_pool_forward_moved", moved.grid, moved.block, 0, stream}, stem_pool_forward_kernel<1, true>, g, moved.tiling,
           entries(shift), shift.filled, shift.fill, x, table, y, winner);
}

template <int width>
void backward(Stream stream, const StemSizes& s, const StemShift& shift, const float* dy, const uint8_t* winner,
              const BatchNorm3dBackwardArguments& a) {
    const Geometry g = geometry(s);
    const Plan still = plan(s.n, g.out, g.channels / width, 1), moved = moved_plan(s, g, 1);
    const float* const table = batch_norm3d_coefficients(a.sizes, a.scratch);
    double* const partial = static_cast<double*>(a.scratch);
    const int64_t places = still.tiling.places() > moved.tiling.places() ? still.tiling.places() : moved.tiling.places();
    const int64_t most = batch_norm3d_partials(a.sizes) / s.n, blocks = places < most ? places : most;
    const dim3 sums_grid(static_cast<unsigned>(blocks), static_cast<unsigned>(s.n));

    batch_norm3d_begin_backward<Target>(stream, a);
    launch({"stem_gradient_sums", sums_grid, still.block, 0, stream}, stem_gradient_sums_kernel<width, false>, g, still.tiling,
           entries(shift), shift.filled, a.x, dy, winner, table, partial);
    if (shift.plan)
        launch({"stem_gradient_sums_moved", sums_grid, moved.block, 0, stream}, stem_gradient_sums_kernel<1, true>, g, moved.tiling,
               entries(shift), shift.filled, a.x, dy, winner, table, partial);
    batch_norm3d_finish_backward<Target>(stream, a, blocks * s.n);
    launch({"stem_apply_gradient", still.grid, still.block, 0, stream}, stem_apply_gradient_kernel<width, false>, g, still.tiling,
           entries(shift), shift.filled, a.x, dy, winner, table, a.dx);
    if (shift.plan)
        launch({"stem_apply_gradient_moved", moved.grid, moved.block, 0, stream}, stem_apply_gradient_kernel<1, true>, g, moved.tiling,
               entries(shift), shift.filled, a.x, dy, winner, table, a.dx);
}

}  // namespace stem

}  // namespace CMTL_TARGET

template <>
void stem_pool_forward<Target>(Stream stream, const StemSizes& s, const StemShift& shift, const float* x, const float* table, float* y,
                               uint8_t* winner) {
    if (!s.n || !s.channels) return;
    const bool vectors = vectors_fit<float>(4, s.channels, {x, table, y}) && vectors_fit<uint8_t>(4, s.channels, {winner});
    (vectors ? stem::forward<4> : stem::forward<1>)(stream, s, shift, x, table, y, winner);
}

template <>
void stem_pool_backward<Target>(Stream stream, const StemSizes& s, const StemShift& shift, const float* dy, const uint8_t* winner,
                                const BatchNorm3dBackwardArguments& a) {
    if (!s.n || !s.channels) return;
    const bool vectors = vectors_fit<float>(4, s.channels, {a.x, dy, a.dx, static_cast<const float*>(a.scratch)}) &&
                         vectors_fit<uint8_t>(4, s.channels, {winner});
    (vectors ? stem::backward<4> : stem::backward<1>)(stream, s, shift, dy, winner, a);
}

}  // namespace cmtl::kernels
