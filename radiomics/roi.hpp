#pragma once
// The region of interest as runs of voxels. Everything after it touches these voxels only: values lie packed, one per
// ROI voxel in the order of memory, and images outside of the ROI's box are never looked at.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "imaging/volume.hpp"

namespace cmtl {

// Voxels begin to end - 1 of a row, in the box's coordinates; `first` is the number of the first one among the ROI's
// voxels.
struct RoiRun {
    int32_t begin, end, j, k;
    int64_t first;
    int64_t count() const { return end - begin; }
};

struct Roi {
    Index3 low{}, size{};            // of the box in the image, voxels
    Index3 image{};                  // the image's size
    std::vector<RoiRun> runs;        // in the order of memory
    std::vector<int64_t> row_start;  // first run of row k * size[1] + j, and the end
    int64_t voxels = 0;

    std::span<const RoiRun> row(int64_t j, int64_t k) const {
        const auto r = static_cast<size_t>(k * size[1] + j);
        return {runs.data() + row_start[r], static_cast<size_t>(row_start[r + 1] - row_start[r])};
    }
    // The slices' numbers at which to cut for `parts` shares of about equally many ROI voxels: parts + 1 of them, from
    // 0 to size[2].
    std::vector<int64_t> slabs(int parts) const;
    // Cuts runs 0 to runs.size() for `parts` shares of about equally many voxels.
    std::vector<size_t> shares(int parts) const;
};

// inside(j, k, row): writes 1 or 0 for every voxel of the image's row. Called from several threads.
using RowTest = std::function<void(int64_t j, int64_t k, uint8_t* row)>;
Roi find_roi(const Index3& image, const RowTest& inside);

}  // namespace cmtl
