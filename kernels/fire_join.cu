#include "kernels/fire_join.hpp"

#include "kernels/fire_join.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace fire {

Half half_of(const BatchNorm3dForwardArguments& a) {
    return {a.x, nullptr, batch_norm3d_coefficients(a.sizes, a.scratch), nullptr, static_cast<int>(a.sizes.channels)};
}
Half half_of(const BatchNorm3dBackwardArguments& a) {
    return {a.x, a.dx, batch_norm3d_coefficients(a.sizes, a.scratch), static_cast<double*>(a.scratch), static_cast<int>(a.sizes.channels)};
}

// Both halves allow them: then every vector of the joined tensor lies in one of them.
template <class Arguments>
bool vectors(const Arguments& one, const Arguments& three, std::initializer_list<const float*> joined) {
    const auto fit = [](const BatchNorm3dSizes& s, std::initializer_list<const float*> p) { return vectors_fit<float>(4, s.channels, p); };
    return fit(one.sizes, {one.x, static_cast<const float*>(one.scratch)}) &&
           fit(three.sizes, {three.x, static_cast<const float*>(three.scratch)}) && fit(one.sizes, joined);
}

RowTiles tiles_of(const Half& one, const Half& three, int width) {
    return row_tiles((int64_t{one.channels} + three.channels) / width, threads);
}
dim3 apply_grid(int64_t rows, const RowTiles& t) { return dim3(t.tiles, blocks_for(rows, t.down * strip, 8192)); }

template <int width>
void forward(Stream stream, const FireJoinForwardArguments& a) {
    const Half one = half_of(a.one), three = half_of(a.three);
    const RowTiles t = tiles_of(one, three, width);
    launch({"fire_join", apply_grid(a.one.sizes.rows, t), t.block(), 0, stream},
           a.bypass ? fire_join_kernel<width, true> : fire_join_kernel<width, false>, one, three, a.one.sizes.rows, a.bypass, a.y);
}

template <int width>
void backward(Stream stream, const FireJoinBackwardArguments& a) {
    const Half one = half_of(a.one), three = half_of(a.three);
    const RowTiles t = tiles_of(one, three, width);
    // Blocks of rows, several strips each; as many as make use of a GPU, and no more than there are partial sums.
    const int64_t rows = a.one.sizes.rows, least = int64_t{4} * strip * t.down, partials = batch_norm3d_partials(a.one.sizes);
    const int64_t most = partials < t.tiles ? 1 : partials / t.tiles, pieces = rows ? (rows + least - 1) / least : 1;
    const int64_t rows_per_block = (pieces + most - 1) / most * least, blocks = rows ? (rows + rows_per_block - 1) / rows_per_block : 1;
    const bool bypassed = a.dbypass != nullptr;

    for (const BatchNorm3dBackwardArguments* norm : {&a.one, &a.three})
        if (norm->sizes.channels) batch_norm3d_begin_backward<Target>(stream, *norm);
    launch({"fire_join_gradient_sums", dim3(t.tiles, static_cast<unsigned>(blocks)), t.block(), 0, stream},
           bypassed ? fire_join_gradient_sums_kernel<width, true> : fire_join_gradient_sums_kernel<width, false>, one, three, rows,
           rows_per_block, a.dy, a.y, a.dbypass);
    for (const BatchNorm3dBackwardArguments* norm : {&a.one, &a.three})
        if (norm->sizes.channels) batch_norm3d_finish_backward<Target>(stream, *norm, blocks);
    launch({"fire_join_apply_gradient", apply_grid(rows, t), t.block(), 0, stream},
           bypassed ? fire_join_apply_gradient_kernel<width, true> : fire_join_apply_gradient_kernel<width, false>, one, three, rows,
           bypassed ? static_cast<const float*>(a.dbypass) : a.dy);
}

}  // namespace fire

}  // namespace CMTL_TARGET

template <>
void fire_join_forward<Target>(Stream stream, const FireJoinForwardArguments& a) {
    for (const BatchNorm3dForwardArguments* norm : {&a.one, &a.three}) {
        BatchNorm3dForwardArguments statistics = *norm;
        statistics.y = nullptr;
        batch_norm3d_forward<Target>(stream, statistics);
    }
    if (!a.one.sizes.channels && !a.three.sizes.channels) return;
    (fire::vectors(a.one, a.three, {a.bypass, a.y}) ? fire::forward<4> : fire::forward<1>)(stream, a);
}

template <>
void fire_join_backward<Target>(Stream stream, const FireJoinBackwardArguments& a) {
    if (!a.one.sizes.channels && !a.three.sizes.channels) return;
    (fire::vectors(a.one, a.three, {a.one.dx, a.three.dx, a.dy, a.dbypass ? a.y : nullptr, a.dbypass}) ? fire::backward<4>
                                                                                                       : fire::backward<1>)(stream, a);
}

}  // namespace cmtl::kernels
