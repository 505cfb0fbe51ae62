#pragma once
// Grey level zone sizes.
#include <algorithm>
#include <utility>

#include "reference/level_volume.hpp"

namespace cmtl::reference {

// (level, size) of each zone, ascending. A zone is flooded from its first voxel through all of 26 neighbours of its
// level.
inline std::vector<std::pair<int, int64_t>> glszm(const Sizes& sizes, const std::vector<int>& levels) {
    std::vector<std::pair<int, int64_t>> zones;
    std::vector<int> left = levels;  // what no zone has taken yet
    each_voxel(sizes, levels, [&](int64_t z0, int64_t y0, int64_t x0, int level) {
        std::vector<Offset> found;
        const auto take = [&](int64_t z, int64_t y, int64_t x) {
            if (level_at(sizes, left, z, y, x) != level) return;
            left[static_cast<size_t>((z * sizes[1] + y) * sizes[2] + x)] = 0;
            found.push_back({z, y, x});
        };
        take(z0, y0, x0);
        for (size_t i = 0; i < found.size(); ++i) {
            const Offset v = found[i];
            for (int64_t z = v[0] - 1; z <= v[0] + 1; ++z)
                for (int64_t y = v[1] - 1; y <= v[1] + 1; ++y)
                    for (int64_t x = v[2] - 1; x <= v[2] + 1; ++x) take(z, y, x);
        }
        if (!found.empty()) zones.emplace_back(level, static_cast<int64_t>(found.size()));
    });
    std::sort(zones.begin(), zones.end());
    return zones;
}

}  // namespace cmtl::reference
