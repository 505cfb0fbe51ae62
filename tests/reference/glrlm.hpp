#pragma once
// Grey level run lengths.
#include <algorithm>

#include "reference/level_volume.hpp"

namespace cmtl::reference {

// runs[(level - 1) * longest + length - 1]: runs along `offset` of voxels of equal level, longest = the largest of the
// sizes.
inline std::vector<int64_t> glrlm(const Sizes& sizes, const std::vector<int>& levels, int highest, const Offset& o) {
    const int64_t longest = *std::max_element(sizes.begin(), sizes.end());
    std::vector<int64_t> runs(static_cast<size_t>(highest * longest));
    each_voxel(sizes, levels, [&](int64_t z, int64_t y, int64_t x, int level) {
        if (level_at(sizes, levels, z - o[0], y - o[1], x - o[2]) == level) return;  // within a run
        int64_t length = 1;
        while (level_at(sizes, levels, z + length * o[0], y + length * o[1], x + length * o[2]) == level) ++length;
        ++runs[static_cast<size_t>((level - 1) * longest + length - 1)];
    });
    return runs;
}

// Whether a line along `offset` holds more than one voxel of the mask, next to each other or not.
inline bool line_of_two(const Sizes& sizes, const std::vector<int>& levels, const Offset& o) {
    const int64_t longest = *std::max_element(sizes.begin(), sizes.end());
    bool found = false;
    each_voxel(sizes, levels, [&](int64_t z, int64_t y, int64_t x, int) {
        for (int64_t k = 1; k < longest; ++k)
            found = found || level_at(sizes, levels, z + k * o[0], y + k * o[1], x + k * o[2]);
    });
    return found;
}

}  // namespace cmtl::reference
