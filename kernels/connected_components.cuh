#pragma once
// Components by union-find over all voxels, as kernels/glszm.cuh does it for zones on a ROI: the forest is the same
// (kernels/primitives/forest.cuh), bounds take the place of a border, and voxels outside of the components hold
// `outside`.
//   start   voxels of a run along x, as far as a warp sees it, hang from its first one, and that from the piece before
//   join    links runs of neighbouring rows where the left neighbour has not done so already
//   roots   flags them; their positions in order are the components' numbers
//   number  a root holds its number, negated
//   label   from voxels to their roots' numbers
// Bytes a voxel: 1 of the mask, 4 of parents, twice; 4 + 1, 1 and 4 of labels with what select_positions moves.
#include "kernels/connected_components.hpp"
#include "kernels/primitives/clear.cuh"
#include "kernels/primitives/forest.cuh"
#include "kernels/primitives/stretch.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace components {

constexpr int threads = 256;
constexpr int32_t outside = INT32_MIN;
constexpr int32_t open = -2;  // a root whose tree reaches the border

struct Grid {
    int32_t nx, ny, nz, count;
    bool in_slices, background;
    const uint8_t* mask;

    __device__ __forceinline__ bool member(int32_t v) const { return (mask[v] != 0) != background; }
};

}  // namespace components

// Whole warps stay together: each thread's turn comes with `i` of its own, which may lie behind the end.
__global__ void __launch_bounds__(components::threads) components_start_kernel(components::Grid g, int32_t* parents) {
    const int lane = lane_rank();
    for (int64_t i = first_item(); i - lane < g.count; i += item_stride()) {
        const auto v = static_cast<int32_t>(i);
        const bool member = i < g.count && g.member(v);
        const bool goes_on = member && v % g.nx != 0 && g.member(v - 1);
        const unsigned heads = __ballot_sync(whole_warp, !goes_on || lane == 0);
        const int head = 31 - __clz(static_cast<int>(heads & (0xffffffffu >> (31 - lane))));
        if (i < g.count)
            parents[v] = !member       ? components::outside
                         : lane > head ? v - (lane - head)
                         : goes_on     ? v - 1
                                       : forest::lone;
    }
}

template <bool corners>
__global__ void __launch_bounds__(components::threads) components_join_kernel(components::Grid g, int32_t* parents) {
    const int32_t plane = g.nx * g.ny;
    for (int64_t i = first_item(); i < g.count; i += item_stride()) {
        const auto v = static_cast<int32_t>(i);
        if (!g.member(v)) continue;
        const int32_t row = v / g.nx, x = v - row * g.nx, z = row / g.ny, y = row - z * g.ny;
        const bool goes_on = x > 0 && g.member(v - 1);
        // Rows before: that of this slice, and of the slice before those at y, y - 1 and y + 1. Three bits a row.
        unsigned joins = 0;
#pragma unroll
        for (int r = 0; r < (corners ? 4 : 2); ++r) {
            const bool before = r > 0;
            const int dy = r == 0 || r == 2 ? -1 : r == 1 ? 0 : 1;
            if (y + dy < 0 || y + dy >= g.ny || (before && (z == 0 || g.in_slices))) continue;
            const int32_t there = v + dy * g.nx - (before ? plane : 0);
            const unsigned middle = g.member(there), left = x > 0 && g.member(there - 1);
            if (corners) {
                const unsigned right = x + 1 < g.nx && g.member(there + 1);
                // What touches the middle there is joined with it already; what the left neighbour touches, too, by
                // that one.
                joins |= (goes_on ? (right & ~middle) << 2 : middle ? 2u : left | right << 2) << 3 * r;
            } else {
                joins |= (middle && !(goes_on && left) ? 2u : 0u) << 3 * r;
            }
        }
        for (; joins; joins &= joins - 1) {
            const int bit = __ffs(static_cast<int>(joins)) - 1, r = bit / 3;
            const int dy = r == 0 || r == 2 ? -1 : r == 1 ? 0 : 1;
            forest::join(parents, v, v + dy * g.nx - (r > 0 ? plane : 0) + bit % 3 - 1);
        }
    }
}

__global__ void __launch_bounds__(components::threads)
    components_roots_kernel(int64_t count, const int32_t* __restrict__ parents, uint8_t* __restrict__ flags) {
    for (int64_t v = first_item(); v < count; v += item_stride()) flags[v] = parents[v] == forest::lone;
}

__global__ void __launch_bounds__(components::threads)
    components_number_kernel(const int32_t* components, const int32_t* __restrict__ roots,
                             int32_t* __restrict__ parents) {
    const int32_t count = *components;
    for (int64_t c = first_item(); c < count; c += item_stride()) parents[roots[c]] = -static_cast<int32_t>(c) - 1;
}

__global__ void __launch_bounds__(components::threads)
    components_label_kernel(int64_t count, int32_t* parents, int32_t* labels) {
    for (int64_t v = first_item(); v < count; v += item_stride()) {
        const int32_t parent = atomicLoad(parents + v);
        const int32_t number = parent < 0 ? parent : atomicLoad(parents + forest::root(parents, parent));
        labels[v] = parent == components::outside ? 0 : -number;
    }
}

__global__ void __launch_bounds__(components::threads)
    component_sizes_kernel(Stretches stretches, const int32_t* __restrict__ labels, int32_t* sizes) {
    __shared__ int32_t places[forest::RootTable<components::threads>::slots],
        sums[forest::RootTable<components::threads>::slots];
    forest::RootTable<components::threads> table(places, sums);
    table.clear();
    const int64_t end = stretches.end(blockIdx.x);
    const int lane = lane_rank();
    for (int64_t i = stretches.begin(blockIdx.x) + threadIdx.x; i - lane < end; i += components::threads) {
        const int32_t label = i < end ? labels[i] : 0;
        const int32_t before = from_lane_below(whole_warp, label, 1);
        const bool head = lane == 0 || before != label;
        const unsigned later = __ballot_sync(whole_warp, head) & ~(0xffffffffu >> (31 - lane));
        if (head && label) table.add(sizes, label - 1, (later ? __ffs(static_cast<int>(later)) - 1 : warp_size) - lane);
    }
    table.flush(sizes);
}

// The border's voxels, those of edges and corners more than once: both ends of rows, then of columns, then slices.
__global__ void __launch_bounds__(components::threads) holes_border_kernel(components::Grid g, int32_t* parents) {
    const int64_t rows = int64_t{g.ny} * g.nz, columns = int64_t{g.nx} * g.nz, plane = int64_t{g.nx} * g.ny;
    const int64_t items = 2 * (rows + columns + (g.in_slices ? 0 : plane));
    for (int64_t i = first_item(); i < items; i += item_stride()) {
        int64_t v;
        if (i < 2 * columns) {
            const int64_t line = i / g.nx, z = line / 2;
            v = z * plane + (line % 2 ? g.ny - 1 : 0) * int64_t{g.nx} + i % g.nx;
        } else if (i < 2 * (columns + rows)) {
            const int64_t end = i - 2 * columns;
            v = end / 2 * g.nx + (end % 2 ? g.nx - 1 : 0);
        } else {
            const int64_t at = i - 2 * (columns + rows);
            v = at < plane ? at : at - plane + plane * (g.nz - 1);
        }
        const int32_t voxel = static_cast<int32_t>(v);
        if (g.member(voxel)) atomicMin(parents + forest::root(parents, voxel), components::open);
    }
}

__global__ void __launch_bounds__(components::threads)
    holes_fill_kernel(int64_t count, int32_t* parents, uint8_t* mask) {
    for (int64_t v = first_item(); v < count; v += item_stride()) {
        const int32_t parent = atomicLoad(parents + v);
        if (parent == components::outside) continue;
        const int32_t state = parent < 0 ? parent : atomicLoad(parents + forest::root(parents, parent));
        if (state == forest::lone) mask[v] = 1;
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
