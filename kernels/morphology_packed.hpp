#pragma once
// Masks of one bit a voxel: rows of words, bit b of word w is voxel 32 w + b; bits behind a row's end are 0.
#include "kernels/morphology.hpp"

namespace cmtl::kernels {

struct PackedMask {
    int64_t nx, ny, nz, words;             // with the margins; words of a row
    int64_t margin_x, margin_y, margin_z;  // on every side of the mask's grid

    PackedMask(const MaskGrid& g, const ElementOnDevice& e, MorphologyStep step) {
        const int64_t on = step == MorphologyStep::close;
        margin_x = on * (e.reach_x + 1), margin_y = on * (e.reach_y + 1),
        margin_z = e.reach_z ? on * (e.reach_z + 1) : 0;
        nx = g.nx + 2 * margin_x, ny = g.ny + 2 * margin_y, nz = g.nz + 2 * margin_z;
        words = (nx + 31) / 32;
    }
    constexpr int64_t count() const { return words * ny * nz; }
};

}  // namespace cmtl::kernels
