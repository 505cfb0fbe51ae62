#pragma once
#include "imaging/volume.hpp"

namespace cmtl {

// The refinement that COVID-MTL published (Bao et al. 2022, section 3.1 and its code): in every axial slice, for each
// lung, the outline of the lung closed with a disk of 10 mm is a snake's start; the snake (alpha 0.02, beta 20, at most
// 20 steps, boundary periodic) moves on the edges of the lung's image, HU + 1024 with 0 outside of the lung, scaled by
// 1/32767 as scikit-image scales 16 bits; what it encloses is united with the lung, eroded with a disk of 2 mm and
// closed with one of 10 mm. A slice of fewer than two regions, or of less than 15,000 mm2, is only closed with 5 mm.
//
// It differs from the published code in three ways: right and left are those of `lungs`, where the code takes the
// largest region and all others; regions beside the two largest are kept; the snake is filled as a polygon.
//
// `lungs`: 1 right, 2 left, canonical LPS order, on the grid of `hu`, whose pixels must be near 1 mm for the steps to be
// the published ones. Returns labels in the same way. Slices run in parallel.
Mask refine_by_snakes(const Volume& hu, const Mask& lungs);

}  // namespace cmtl
