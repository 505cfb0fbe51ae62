#pragma once
// What run lengths and zone sizes have in common: a matrix of how many pieces of each level and each size there are.
#include <cstdint>
#include <vector>

namespace cmtl {

// So many pieces of this level and of this size (voxels). Lists are in the order of level, then size; no entry twice,
// none is empty.
struct SizeCount {
    int level = 0;
    int64_t size = 0;
    int64_t count = 0;
    bool operator==(const SizeCount&) const = default;
};

// The sixteen features of one matrix, `voxels` being the voxels that all pieces together have.
struct SizeFeatures {
    double level_non_uniformity, level_non_uniformity_normalised, level_variance, high_level, large, large_high_level,
        large_low_level, low_level, entropy, size_non_uniformity, size_non_uniformity_normalised, percentage,
        size_variance, small, small_high_level, small_low_level;
};
SizeFeatures size_features(const std::vector<SizeCount>& matrix);

}  // namespace cmtl
