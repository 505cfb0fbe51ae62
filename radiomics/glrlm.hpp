#pragma once
// Run lengths: PyRadiomics' `glrlm` class (every direction by itself, the mean over directions).
#include <vector>

#include "radiomics/discretise.hpp"
#include "radiomics/size_matrix.hpp"

namespace cmtl {

// The runs of each of the directions (glcm_offsets of distance 1): neighbours of equal level in a row, as long as they can be. Empty
// for a direction in which no line holds two voxels of the ROI.
template <class Level>
std::vector<std::vector<SizeCount>> glrlm_runs(const Roi& roi, const LevelVolume<Level>& volume, const LevelCounts& levels,
                                               const std::vector<Index3>& directions);

// Whether some line in this direction holds two voxels of the ROI, next to each other or not.
bool has_line_of_two(const Roi& roi, const Index3& direction);

// In the order of feature_names(FeatureClass::glrlm): the mean over the directions that are not empty, NaN without any.
std::vector<double> glrlm_features(const std::vector<std::vector<SizeCount>>& directions);

}  // namespace cmtl
