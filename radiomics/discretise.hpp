#pragma once
// Grey levels: PyRadiomics' getBinEdges and binImage, with the roundings of numpy's arange, linspace and digitize.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "radiomics/large_array.hpp"
#include "radiomics/roi.hpp"
#include "radiomics/settings.hpp"

namespace cmtl {

// Edge i is low + i * step, both rounded; a value's level is the number of edges that are not above it, at most `most`.
struct Binning {
    double low = 0, step = 1;
    int most = 0;  // levels that are possible: 1 to this; 0: no limit by the settings

    double edge(int64_t i) const { return low + static_cast<double>(i) * step; }
    int level(double value) const;
};

struct ValueRange {
    double least = 0, greatest = 0;
};

// The range of the packed values; NaN where any value is not finite.
ValueRange value_range(std::span<const double> values);

// For values in this range. Throws Error(input) that names `what` ("wavelet-LLL") where they are not
// finite, or give more than max_levels levels: it says which bin width would do.
Binning make_binning(const ValueRange& range, const RadiomicsSettings& settings, const std::string& what);

// Levels of the ROI's box, 0 outside of the ROI, with a margin of zeros `margin` wide on every side so that neighbours
// may be read without a question, and 64 more at the end for reads by the vector.
template <class Level>
class LevelVolume {
  public:
    LevelVolume(const Roi& roi, int64_t margin)
        : margin_(margin),
          row_(roi.size[0] + 2 * margin),
          plane_(row_ * (roi.size[1] + 2 * margin)),
          levels_(static_cast<size_t>(plane_ * (roi.size[2] + 2 * margin)) + 64) {}

    int64_t margin() const { return margin_; }
    int64_t row() const { return row_; }
    int64_t plane() const { return plane_; }
    // Level of voxel (i, j, k) of the box; -margin <= i < size + margin.
    Level* at(int64_t i, int64_t j, int64_t k) { return levels_.data() + offset(i, j, k); }
    const Level* at(int64_t i, int64_t j, int64_t k) const { return levels_.data() + offset(i, j, k); }
    int64_t offset(int64_t i, int64_t j, int64_t k) const {
        return ((k + margin_) * plane_ + (j + margin_) * row_) + i + margin_;
    }
    // The step in memory of an offset x, y, z.
    int64_t step(const Index3& offset) const { return offset[2] * plane_ + offset[1] * row_ + offset[0]; }

  private:
    int64_t margin_, row_, plane_;
    LargeArray<Level> levels_;
};

// What a ROI's values are once binned.
struct LevelCounts {
    int highest = 0;              // Ng: the highest level that occurs
    int present = 0;              // levels that occur
    std::vector<int64_t> voxels;  // of level l + 1, for l below `highest`
};

// Writes the levels of the packed values into the volume. Level: uint8_t where all fit in.
template <class Level>
LevelCounts discretise(const Roi& roi, std::span<const double> values, const Binning& binning,
                       LevelVolume<Level>& volume);

}  // namespace cmtl
