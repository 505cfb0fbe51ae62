#include "kernels/batch_norm3d.hpp"

#include "kernels/batch_norm3d.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace norm {

// Scratch memory: partial sums, then the table of coefficients.
struct Scratch {
    double* partial;
    float* table;
};
Scratch scratch_of(const BatchNorm3dSizes& s, void* memory) {
    return {static_cast<double*>(memory), batch_norm3d_coefficients(s, memory)};
}

dim3 apply_grid(const BatchNorm3dSizes& s, const RowTiles& tiles) {
    return dim3(tiles.tiles, blocks_for(s.rows, tiles.down * batch, 8192));
}
dim3 finish_grid(const BatchNorm3dSizes& s) { return dim3(static_cast<unsigned>((s.channels + finish_across - 1) / finish_across)); }
const dim3 finish_block(finish_across, finish_down);

template <int width>
void forward(Stream stream, const BatchNorm3dForwardArguments& a) {
    const auto [partial, table] = scratch_of(a.sizes, a.scratch);
    const Cut cut = cut_rows(a.sizes, width);
    const int channels = static_cast<int>(a.sizes.channels);
    if (a.training) {
        launch({"batch_norm3d_moments", dim3(cut.tiles.tiles, cut.blocks), cut.tiles.block(), 0, stream},
               batch_norm3d_moments_kernel<width>, a.x, a.sizes.rows, channels, cut.rows_per_block, partial);
        launch({"batch_norm3d_finish_forward", finish_grid(a.sizes), finish_block, 0, stream}, batch_norm3d_finish_forward_kernel, a,
               partial, static_cast<int>(cut.blocks), table);
    } else {
        launch({"batch_norm3d_running", blocks_for(a.sizes.channels, 128), 128, 0, stream}, batch_norm3d_running_kernel, a, table);
    }
    if (a.y)
        launch({"batch_norm3d_apply", apply_grid(a.sizes, cut.tiles), cut.tiles.block(), 0, stream},
               a.relu ? batch_norm3d_apply_kernel<width, true> : batch_norm3d_apply_kernel<width, false>, a.x, table, a.sizes.rows,
               channels, a.y);
}

void begin_backward(Stream stream, const BatchNorm3dBackwardArguments& a) {
    launch({"batch_norm3d_saved", blocks_for(a.sizes.channels, 128), 128, 0, stream}, batch_norm3d_saved_kernel, a,
           scratch_of(a.sizes, a.scratch).table);
}

void finish_backward(Stream stream, const BatchNorm3dBackwardArguments& a, int64_t partials) {
    const auto [partial, table] = scratch_of(a.sizes, a.scratch);
    launch({"batch_norm3d_finish_backward", finish_grid(a.sizes), finish_block, 0, stream}, batch_norm3d_finish_backward_kernel, a,
           partial, static_cast<int>(partials), table);
}

template <int width>
void backward(Stream stream, const BatchNorm3dBackwardArguments& a) {
    const auto [partial, table] = scratch_of(a.sizes, a.scratch);
    const Cut cut = cut_rows(a.sizes, width);
    const int channels = static_cast<int>(a.sizes.channels);
    begin_backward(stream, a);
    launch({"batch_norm3d_gradient_sums", dim3(cut.tiles.tiles, cut.blocks), cut.tiles.block(), 0, stream},
           a.relu ? batch_norm3d_gradient_sums_kernel<width, true> : batch_norm3d_gradient_sums_kernel<width, false>, a.x, a.dy, table,
           a.sizes.rows, channels, cut.rows_per_block, partial);
    finish_backward(stream, a, cut.blocks);
    launch({"batch_norm3d_apply_gradient", apply_grid(a.sizes, cut.tiles), cut.tiles.block(), 0, stream},
           a.relu ? batch_norm3d_apply_gradient_kernel<width, true> : batch_norm3d_apply_gradient_kernel<width, false>, a.x, a.dy,
           table, a.sizes.rows, channels, a.dx);
}

}  // namespace norm

}  // namespace CMTL_TARGET

template <>
void batch_norm3d_forward<Target>(Stream stream, const BatchNorm3dForwardArguments& a) {
    if (!a.sizes.channels) return;
    const bool vectors = vectors_fit<float>(4, a.sizes.channels, {a.x, a.y, static_cast<const float*>(a.scratch)});
    (vectors ? norm::forward<4> : norm::forward<1>)(stream, a);
}

template <>
void batch_norm3d_begin_backward<Target>(Stream stream, const BatchNorm3dBackwardArguments& a) {
    norm::begin_backward(stream, a);
}

template <>
void batch_norm3d_finish_backward<Target>(Stream stream, const BatchNorm3dBackwardArguments& a, int64_t partials) {
    norm::finish_backward(stream, a, partials);
}

template <>
void batch_norm3d_backward<Target>(Stream stream, const BatchNorm3dBackwardArguments& a) {
    if (!a.sizes.channels) return;
    const bool vectors = vectors_fit<float>(4, a.sizes.channels, {a.x, a.dy, a.dx, static_cast<const float*>(a.scratch)});
    (vectors ? norm::backward<4> : norm::backward<1>)(stream, a);
}

}  // namespace cmtl::kernels
