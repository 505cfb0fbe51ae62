#pragma once
#include "imaging/lungs.hpp"

namespace cmtl {

// Fills in the litres, densities, areas and flags of `lungs`, whose mask is on the grid of `hu` (canonical LPS order).
void measure_lungs(const Volume& hu, Lungs& lungs);

}  // namespace cmtl
