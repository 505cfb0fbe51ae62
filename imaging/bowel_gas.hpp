#pragma once
#include "imaging/morphology.hpp"
#include "imaging/volume.hpp"

namespace cmtl {

// Gas in the stomach and the bowel, which a thin diaphragm does not keep apart from lung at -420 HU: pockets that are
// homogeneously as dark as air, in the lower part of `lungs` (a bounding box) or below, and wrapped in soft tissue.
// Bullae and emphysema are wrapped in lung and stay. Sought on a grid of about 3 mm; the result (1 in gas and its
// blurred rim) is on the volume's own. Canonical LPS order.
Mask find_bowel_gas(const Volume& hu, const Mask& air, const Box& lungs);

}  // namespace cmtl
