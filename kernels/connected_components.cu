#include "kernels/connected_components.hpp"

#include "kernels/connected_components.cuh"
#include "kernels/device_algorithms.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace components {

inline Grid grid_of(const ComponentGrid& g, const uint8_t* mask, bool background) {
    return {static_cast<int32_t>(g.nx),
            static_cast<int32_t>(g.ny),
            static_cast<int32_t>(g.nz),
            static_cast<int32_t>(g.count()),
            g.in_slices,
            background,
            mask};
}

// Of the scratch memory: parents, then flags, then what select_positions wants.
inline size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }
inline size_t parents_bytes(int64_t count) { return aligned(static_cast<size_t>(count) * sizeof(int32_t)); }

inline void grow(Stream stream, const Grid& grid, bool corners, int32_t* parents) {
    const dim3 blocks(blocks_for(grid.count, threads)), block(threads);
    launch({"components_start", blocks, block, 0, stream}, components_start_kernel, grid, parents);
    if (corners)
        launch({"components_join_corners", blocks, block, 0, stream}, components_join_kernel<true>, grid, parents);
    else
        launch({"components_join_faces", blocks, block, 0, stream}, components_join_kernel<false>, grid, parents);
}

}  // namespace components
}  // namespace CMTL_TARGET

template <>
size_t connected_components_scratch<Target>(const ComponentGrid& grid) {
    const int64_t n = grid.count();
    return components::parents_bytes(n) + components::aligned(static_cast<size_t>(n)) +
           (n ? select_positions_scratch<Target>(n) : 0);
}

template <>
void connected_components<Target>(Stream stream, const ComponentGrid& grid, const uint8_t* mask, int32_t* labels,
                                  int32_t* found, void* scratch) {
    using namespace components;
    const int64_t n = grid.count();
    clear(stream, 1, found);
    if (!n) return;
    auto* const bytes = static_cast<std::byte*>(scratch);
    auto* const parents = reinterpret_cast<int32_t*>(bytes);
    auto* const flags = reinterpret_cast<uint8_t*>(bytes + parents_bytes(n));
    grow(stream, grid_of(grid, mask, grid.background), grid.corners, parents);
    const dim3 blocks(blocks_for(n, threads)), block(threads);
    launch({"components_roots", blocks, block, 0, stream}, components_roots_kernel, n, parents, flags);
    // The list of roots lies where their labels will.
    select_positions<Target>(stream, n, flags, labels, found,
                             bytes + parents_bytes(n) + aligned(static_cast<size_t>(n)));
    launch({"components_number", dim3(blocks_for(n, threads, 1024)), block, 0, stream}, components_number_kernel, found,
           labels, parents);
    launch({"components_label", blocks, block, 0, stream}, components_label_kernel, n, parents, labels);
}

template <>
void component_sizes<Target>(Stream stream, int64_t count, const int32_t* labels, int64_t components_count,
                             int32_t* sizes) {
    clear(stream, components_count, sizes);
    if (!count || !components_count) return;
    const Stretches stretches(count, 8192);
    launch({"component_sizes", dim3(stretches.blocks()), dim3(components::threads), 0, stream}, component_sizes_kernel,
           stretches, labels, sizes);
}

template <>
void fill_holes<Target>(Stream stream, const ComponentGrid& grid, uint8_t* mask, int32_t* parents) {
    using namespace components;
    const int64_t n = grid.count();
    if (!n) return;
    const Grid g = grid_of(grid, mask, true);
    grow(stream, g, false, parents);
    const int64_t border = 2 * (grid.ny * grid.nz + grid.nx * grid.nz + (grid.in_slices ? 0 : grid.nx * grid.ny));
    launch({"holes_border", dim3(blocks_for(border, threads)), dim3(threads), 0, stream}, holes_border_kernel, g,
           parents);
    launch({"holes_fill", dim3(blocks_for(n, threads)), dim3(threads), 0, stream}, holes_fill_kernel, n, parents, mask);
}

}  // namespace cmtl::kernels
