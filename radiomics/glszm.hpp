#pragma once
// Zone sizes: PyRadiomics' `glszm` class.
#include <vector>

#include "radiomics/discretise.hpp"
#include "radiomics/size_matrix.hpp"

namespace cmtl {

// The zones: voxels of one level that hang together over faces, edges and corners.
template <class Level>
std::vector<SizeCount> glszm_zones(const Roi& roi, const LevelVolume<Level>& volume, int levels);

// A list of (level, size) pieces, in any order, as a matrix; `histogram`, if not empty, holds counts of the sizes 1 to
// `small` of each level: histogram[(level - 1) * small + size - 1].
std::vector<SizeCount> size_matrix_of(const std::vector<std::pair<int, int64_t>>& pieces,
                                      const std::vector<uint32_t>& histogram, int64_t small);

// In the order of feature_names(FeatureClass::glszm).
std::vector<double> glszm_features(const std::vector<SizeCount>& zones);

}  // namespace cmtl
