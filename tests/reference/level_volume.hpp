#pragma once
// Grey levels of a ROI on its box: sizes (z, y, x), one level per voxel, 0 outside the mask. What the definitions of
// GLCM, GLRLM and GLSZM share.
#include <array>
#include <vector>

#include "reference/array.hpp"

namespace cmtl::reference {

using Offset = std::array<int64_t, 3>;  // z, y, x

// 0 outside the box, too.
inline int level_at(const Sizes& sizes, const std::vector<int>& levels, int64_t z, int64_t y, int64_t x) {
    if (z < 0 || y < 0 || x < 0 || z >= sizes[0] || y >= sizes[1] || x >= sizes[2]) return 0;
    return levels[static_cast<size_t>((z * sizes[1] + y) * sizes[2] + x)];
}

// visit(z, y, x, level) for every voxel of the mask.
template <class Visit>
void each_voxel(const Sizes& sizes, const std::vector<int>& levels, Visit visit) {
    for (int64_t z = 0; z < sizes[0]; ++z)
        for (int64_t y = 0; y < sizes[1]; ++y)
            for (int64_t x = 0; x < sizes[2]; ++x)
                if (const int level = level_at(sizes, levels, z, y, x)) visit(z, y, x, level);
}

// Half of the neighbours at `distance`, the largest of the three steps: of each neighbour and its opposite the one
// whose first step other than 0 is positive. 13 at distance 1.
inline std::vector<Offset> directions(int64_t distance = 1) {
    std::vector<Offset> all;
    for (int64_t z = 0; z <= distance; ++z)
        for (int64_t y = -distance; y <= distance; ++y)
            for (int64_t x = -distance; x <= distance; ++x) {
                const bool positive = z > 0 || (z == 0 && (y > 0 || (y == 0 && x > 0)));
                const bool far = z == distance || y == distance || y == -distance || x == distance || x == -distance;
                if (positive && far) all.push_back({z, y, x});
            }
    return all;
}

}  // namespace cmtl::reference
