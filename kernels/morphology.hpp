#pragma once
// Launchers of binary dilation, erosion and closing, equal to imaging/morphology.hpp voxel by voxel. Pointers are
// device memory.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// A structuring element as chords along x: of the row dy and dz away it holds the voxels up to chord[|dz| * (reach_y +
// 1) + |dy|] steps to either side, none where that is -1. What is within the radius is decided in the same floats as on
// the CPU.
struct ElementChords {
    int reach_x = 0, reach_y = 0, reach_z = 0;
    std::vector<int32_t> chord;  // (reach_z + 1, reach_y + 1)
};
// Spacing in mm along x, y, z; `ball`: otherwise a disk, whose reach_z is 0.
ElementChords element_chords(const double (&spacing)[3], double radius, bool ball);

// The same with its chords on the device.
struct ElementOnDevice {
    int reach_x, reach_y, reach_z;
    const int32_t* chord;
};

// Voxels (nz, ny, nx) in C order, fewer than 2^31; also with closing's margin of reach + 1 on every side.
struct MaskGrid {
    int64_t nx, ny, nz;
};

enum class MorphologyStep { dilate, erode, close };

// Bytes of 4-byte aligned scratch memory.
size_t morphology_scratch(const MaskGrid& grid, const ElementOnDevice& element, MorphologyStep step);

// mask: zero or not zero; out: 0 and 1, may be the mask. Outside of the grid lies nothing for dilation, a solid for
// erosion; a closing is that of a grid without an end.
template <class Target>
void morphology(Stream stream, const MaskGrid& grid, const ElementOnDevice& element, MorphologyStep step,
                const uint8_t* mask, uint8_t* out, void* scratch);

}  // namespace cmtl::kernels
