#pragma once
// Grey level co-occurrence: PyRadiomics' `glcm` class (symmetric, every direction by itself, the mean over directions).
#include <functional>
#include <vector>

#include "radiomics/discretise.hpp"

namespace cmtl {

// The offsets x, y, z whose largest component is one of `distances`, one of each pair of opposites, and no longer than
// the box allows (an offset as long as the box finds no neighbour). 13 for distance 1.
std::vector<Index3> glcm_offsets(const std::vector<int>& distances, const Index3& box);

// counts[(a - 1) * levels + b - 1]: voxels of level a whose neighbour at the offset lies in the ROI and has level b.
// Calls use(direction, counts) once per offset, from several threads.
using GlcmUse = std::function<void(size_t direction, const std::vector<uint32_t>& counts)>;
template <class Level>
void glcm_counts(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& offsets,
                 const GlcmUse& use);

// One direction's matrix, made symmetric, in the sums that features are made of. Sums over integers are exact.
struct GlcmSums {
    uint64_t total = 0;                     // of the symmetric counts; 0: no pair in this direction
    std::vector<uint64_t> row;              // by level: px times total
    std::vector<uint64_t> sum, difference;  // by i + j - 2 and |i - j|: p_{x+y} and p_{|x-y|} times total
    double energy = 0, greatest = 0;        // sum and maximum of p^2 and p
    double entropy = 0;                     // HXY: -sum p log2(p + eps)
    double cross = 0, product = 0;          // HXY1, HXY2: -sum p log2(px py + eps), -sum px py log2(px py + eps)
    double mcc = 0;                         // maximal correlation coefficient; only where asked for
};
GlcmSums glcm_sums(const std::vector<uint32_t>& counts, int levels, int present, bool with_mcc);

// Mean over the directions that have a pair, in the order of feature_names(FeatureClass::glcm). All NaN without any
// pair.
std::vector<double> glcm_features(const std::vector<GlcmSums>& directions, int levels, int present);

// The square root of the second largest eigenvalue of Q(i, j) = sum_k p(i, k) p(j, k) / (px(i) py(k) + eps), of the
// levels whose row sum is above 0; NaN where that eigenvalue is negative. 1 for `present` below 2. By QR iteration: 10
// n^3 operations.
double maximal_correlation(const std::vector<uint32_t>& counts, int levels, int present);

}  // namespace cmtl
