#pragma once
// Launchers of connected components of masks, numbered as imaging/components.hpp does, and of filled holes. Pointers
// are device memory.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// Voxels (nz, ny, nx) in C order, fewer than 2^31.
struct ComponentGrid {
    int64_t nx, ny, nz;
    bool corners = false;     // 26 neighbours instead of 6; within slices 8 instead of 4
    bool in_slices = false;   // components of every slice
    bool background = false;  // of the zero voxels instead of the others
    int64_t count() const { return nx * ny * nz; }
};

// labels: grid.count() of them, 0 outside of the components, which are numbered from 1 on in the order of their first
// voxel; `components` receives how many they are. Scratch memory is 256-byte aligned.
template <class Target>
size_t connected_components_scratch(const ComponentGrid& grid);
template <class Target>
void connected_components(Stream stream, const ComponentGrid& grid, const uint8_t* mask, int32_t* labels,
                          int32_t* components, void* scratch);

// sizes[l - 1]: the voxels of label l, for l up to `components`.
template <class Target>
void component_sizes(Stream stream, int64_t count, const int32_t* labels, int64_t components, int32_t* sizes);

// Sets the zero voxels that no path (faces) joins to the border to 1, the others stay: to the sides of their slice
// where in_slices, else to all six sides; `corners` and `background` are not looked at.
// parents: scratch, grid.count() of them.
template <class Target>
void fill_holes(Stream stream, const ComponentGrid& grid, uint8_t* mask, int32_t* parents);

}  // namespace cmtl::kernels
