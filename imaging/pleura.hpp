#pragma once
#include "imaging/volume.hpp"

namespace cmtl {

// Consolidated lung at the chest wall is as bright as the wall, so nothing of it is air. What tells it is the pleura:
// a smooth surface at a steady depth behind the ribs. Here it is an active surface in cylindrical coordinates around
// the middle of the chest, one radius per angle and slice: carried by the aerated lung where that reaches it, stretched
// between those places by smoothness, and kept behind the ribs by the depth that it has around.
//
// `lungs` (1 right, 2 left, canonical LPS order) gets the voxels between its aerated lung and the pleura wherever
// healthy pleura surrounds the place, in angle and height: the heart, the liver and the stomach touch the wall, too, but
// at the edge of the lung. Lung that is dark up to such a bay is healthy, and the bay is the wall's own shape
// (imaging/shore.hpp). Voxels of bone stay out. `hu` is on the same grid. Returns the millilitres that were added.
double fill_to_pleura(const Volume& hu, Mask& lungs);

// Consolidation that fills a lung's end, the recess between diaphragm and ribs or a corner at the apex, has no healthy
// pleura around. What tells it is the other lung: where that reaches its pleura on its own side and this one does not,
// lung is expected, as deep as there, and taken if almost all of its shore is sick (after fill_to_pleura: what was filled
// counts). Only at the back: the heart and the liver make the front unequal. Arguments and result as above.
double fill_mirrored_lung(const Volume& hu, Mask& lungs);

}  // namespace cmtl
