#pragma once
#include "imaging/morphology.hpp"
#include "imaging/volume.hpp"

namespace cmtl {

struct Trachea {
    Mask lumen;  // 1 in the trachea and the main bronchi; empty where none was found
    double ml = 0;
    int64_t carina = -1;  // slice in which the lumen parts in two (or where it was followed to), -1 unknown
};

// Follows the trachea from the top of the lungs downwards, slice by slice, in canonical LPS order: a round, dark region
// near the midline; where it runs into lung at -420 HU a lower threshold keeps it apart, and where none does it ends.
// `air` marks air inside of the body, `lungs` is the bounding box of the lungs.
Trachea find_trachea(const Volume& hu, const Mask& air, const Box& lungs);

}  // namespace cmtl
