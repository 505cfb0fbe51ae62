#pragma once
// Launcher of the grey level zone sizes. Pointers are device memory.
#include <cstddef>
#include <cstdint>

#include "kernels/roi_levels.hpp"

namespace cmtl::kernels {

// Sizes up to this one are counted, larger zones listed: a table of levels by sizes to two million would be mostly
// zeros.
constexpr int64_t glszm_small_size = 64;

struct ZoneRecord {
    uint32_t level, size;
};
// How many records there can be.
constexpr int64_t glszm_most_records(int64_t roi_voxels) { return roi_voxels / (glszm_small_size + 1); }

struct GlszmResult {
    uint32_t* small;      // (roi.highest, glszm_small_size): small[level - 1][size - 1] = how many zones
    ZoneRecord* records;  // room for glszm_most_records(roi.count): the larger zones, in no order
    uint32_t* count;      // one: how many records there are
};

// Zones: voxels of equal level in the mask that are connected through any of 26 neighbours. The box' border is 1 or
// more. parents: scratch, roi.box.elements() of them; needs no values.
template <class Target, class Level>
void glszm(Stream stream, const RoiLevels<Level>& roi, int32_t* parents, const GlszmResult& result);

}  // namespace cmtl::kernels
