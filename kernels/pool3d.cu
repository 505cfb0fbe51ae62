#include "kernels/pool3d.hpp"

#include "kernels/pool3d.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace pool {

bool is_k3(const Pool3dSizes& s) { return s.kernel == 3 && s.stride == 2 && s.padding == 1; }

template <int width>
void max_forward(Stream stream, const Pool3dSizes& s, const float* x, float* y, uint8_t* winner) {
    const Geometry g = geometry_of(s);
    if (is_k3(s)) {
        const Plan p = plan(s.n, g.out, g.channels / width, run);
        launch({"max_pool3d_forward_k3", p.grid, p.block, 0, stream}, max_pool3d_forward_k3_kernel<width>, g, p.tiling, x, y, winner);
    } else {
        const Plan p = plan(s.n, g.out, g.channels / width, 1);
        launch({"max_pool3d_forward_any", p.grid, p.block, 0, stream}, max_pool3d_forward_any_kernel<width>, g, p.tiling, x, y, winner);
    }
}

template <int width>
void max_backward(Stream stream, const Pool3dSizes& s, const float* dy, const uint8_t* winner, float* dx) {
    const Geometry g = geometry_of(s);
    const Plan p = plan(s.n, is_k3(s) ? g.out : g.in, g.channels / width, 1);
    if (is_k3(s))
        launch({"max_pool3d_backward_k3", p.grid, p.block, 0, stream}, max_pool3d_backward_k3_kernel<width>, g, p.tiling, dy, winner, dx);
    else
        launch({"max_pool3d_backward_any", p.grid, p.block, 0, stream}, max_pool3d_backward_any_kernel<width>, g, p.tiling, dy, winner, dx);
}

template <int width>
void avg_forward(Stream stream, const Pool3dSizes& s, const float* x, float* y) {
    const Geometry g = geometry_of(s);
    const Plan p = plan(s.n, g.out, g.channels / width, 1);
    launch({"avg_pool3d_forward", p.grid, p.block, 0, stream}, avg_pool3d_forward_kernel<width>, g, p.tiling, x, y);
}

template <int width>
void avg_backward(Stream stream, const Pool3dSizes& s, const float* dy, float* dx) {
    const Geometry g = geometry_of(s);
    const Plan p = plan(s.n, g.in, g.channels / width, 1);
    launch({"avg_pool3d_backward", p.grid, p.block, 0, stream}, avg_pool3d_backward_kernel<width>, g, p.tiling, dy, dx);
}

template <int width>
void global_forward(Stream stream, int64_t n, int64_t rows, int64_t channels, const float* x, float* y) {
    const RowTiles t = row_tiles(channels / width, threads, 32);  // narrow tiles: more blocks, and few rows are left for one thread
    launch({"global_avg_pool3d_forward", dim3(t.tiles, blocks_for(n, 1, 65535)), t.block(), 0, stream},
           global_avg_pool3d_forward_kernel<width>, n, rows, static_cast<int>(channels), x, y);
}

template <int width>
void global_backward(Stream stream, int64_t n, int64_t rows, int64_t channels, const float* dy, float* dx) {
    const RowTiles t = row_tiles(channels / width, threads);
    launch({"global_avg_pool3d_backward", dim3(t.tiles, blocks_for(n * rows, t.down, 8192)), t.block(), 0, stream},
           global_avg_pool3d_backward_kernel<width>, n, rows, static_cast<int>(channels), dy, dx);
}

// A tensor without elements wants no launch.
bool nothing(const Pool3dSizes& s) { return s.n == 0 || s.channels == 0; }

}  // namespace pool

}  // namespace CMTL_TARGET

template <>
void max_pool3d_forward<Target>(Stream stream, const Pool3dSizes& s, const float* x, float* y, uint8_t* winner) {
    if (pool::nothing(s)) return;
    const bool vectors = vectors_fit<float>(4, s.channels, {x, y}) && vectors_fit<uint8_t>(4, s.channels, {winner});
    (vectors ? pool::max_forward<4> : pool::max_forward<1>)(stream, s, x, y, winner);
}

template <>
void max_pool3d_backward<Target>(Stream stream, const Pool3dSizes& s, const float* dy, const uint8_t* winner, float* dx) {
    if (pool::nothing(s)) return;
    const bool vectors = vectors_fit<float>(4, s.channels, {dy, dx}) && vectors_fit<uint8_t>(4, s.channels, {winner});
    (vectors ? pool::max_backward<4> : pool::max_backward<1>)(stream, s, dy, winner, dx);
}

template <>
void avg_pool3d_forward<Target>(Stream stream, const Pool3dSizes& s, const float* x, float* y) {
    if (pool::nothing(s)) return;
    (vectors_fit<float>(4, s.channels, {x, y}) ? pool::avg_forward<4> : pool::avg_forward<1>)(stream, s, x, y);
}

template <>
void avg_pool3d_backward<Target>(Stream stream, const Pool3dSizes& s, const float* dy, float* dx) {
    if (pool::nothing(s)) return;
    (vectors_fit<float>(4, s.channels, {dy, dx}) ? pool::avg_backward<4> : pool::avg_backward<1>)(stream, s, dy, dx);
}

template <>
void global_avg_pool3d_forward<Target>(Stream stream, int64_t n, int64_t rows, int64_t channels, const float* x, float* y) {
    if (n == 0 || channels == 0) return;
    (vectors_fit<float>(4, channels, {x, y}) ? pool::global_forward<4> : pool::global_forward<1>)(stream, n, rows, channels, x, y);
}

template <>
void global_avg_pool3d_backward<Target>(Stream stream, int64_t n, int64_t rows, int64_t channels, const float* dy, float* dx) {
    if (n == 0 || rows == 0 || channels == 0) return;
    (vectors_fit<float>(4, channels, {dy, dx}) ? pool::global_backward<4> : pool::global_backward<1>)(stream, n, rows, channels, dy, dx);
}

}  // namespace cmtl::kernels
