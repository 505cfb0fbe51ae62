#pragma once
#include "imaging/volume.hpp"

namespace cmtl {

// One threshold for air puts the lung's edge half-way between aerated lung and the chest wall; ground glass lies nearer
// to the wall's density, and a rim of it is lost. Where the lung 3 to 8 mm inside is dense, its edge is taken half-way
// between that density and soft tissue. Healthy lung stays as it is.
//
// `lungs` (1 right, 2 left) gets those voxels, at most 2 mm of them; `hu` is on the same grid. Returns millilitres.
double grow_dense_edges(const Volume& hu, Mask& lungs);

}  // namespace cmtl
