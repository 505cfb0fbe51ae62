#pragma once
// How the kernels of texture matrices (glcm, glrlm, glszm) see a ROI: its grey levels on its box, and where its voxels
// lie.
//
// The box has a border of zeros, as many voxels on each side of each axis as the farthest neighbour that a kernel looks
// at (1 for distance 1), so that neighbours need no tests of bounds. The list of voxels spends threads on the ROI
// alone: lungs fill a quarter of their box.
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// From a voxel to its neighbour. An axis' absolute values are at most the border.
struct VoxelOffset {
    int32_t z, y, x;
};

struct LevelBox {
    int64_t nz, ny, nx;  // of the ROI's box, without the border
    int64_t border;

    constexpr int64_t row() const { return nx + 2 * border; }
    constexpr int64_t plane() const { return row() * (ny + 2 * border); }
    constexpr int64_t elements() const { return plane() * (nz + 2 * border); }  // below 2^31
    // Elements from a voxel to its neighbour.
    constexpr int64_t step(const VoxelOffset& o) const { return o.z * plane() + o.y * row() + o.x; }
    // Where the voxel (z, y, x) of the box lies.
    constexpr int64_t at(int64_t z, int64_t y, int64_t x) const {
        return (z + border) * plane() + (y + border) * row() + x + border;
    }
    constexpr int64_t longest() const { return nz > ny ? (nz > nx ? nz : nx) : (ny > nx ? ny : nx); }
};

// Level: uint8_t or uint16_t. Pointers are device memory.
template <class Level>
struct RoiLevels {
    LevelBox box;
    int highest;            // level, Ng: at most 4096
    const Level* levels;    // box.elements() of them: 0 outside the mask and in the border, else 1 to `highest`
    int64_t count;          // of the ROI's voxels; 0: launchers clear their results and are done
    const int32_t* voxels;  // where they lie in `levels`, ascending
};

}  // namespace cmtl::kernels
