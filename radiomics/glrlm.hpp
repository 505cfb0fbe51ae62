#pragma once
// Run lengths: PyRadiomics' `glrlm` class (every direction by itself, the mean over directions).
#include <vector>

#include "radiomics/neighbours.hpp"
#include "radiomics/size_matrix.hpp"

namespace cmtl {

// The runs of one direction: neighbours of equal level in a line, as long as they can be.
std::vector<SizeCount> glrlm_runs(const LevelCounts& levels, const NeighbourCounts& counts);

// Whether some line in this direction holds two voxels of the ROI, next to each other or not: PyRadiomics drops
// directions without one.
bool has_line_of_two(const Roi& roi, const Index3& direction);

// In the order of feature_names(FeatureClass::glrlm): the mean over the directions whose list is not empty, NaN without
// any.
std::vector<double> glrlm_features(const std::vector<std::vector<SizeCount>>& directions);

}  // namespace cmtl
