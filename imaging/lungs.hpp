#pragma once
// The lungs of a chest CT. The classical method: air inside of the body, the largest structures of it that look like
// lung, without the trachea and the main bronchi, parted into right and left, with their vessels filled in. The
// refinement: what consolidation took from them at the pleura (imaging/pleura.hpp) and elsewhere (dense_bays.hpp).
#include <string>
#include <string_view>
#include <vector>

#include "imaging/operations.hpp"

namespace cmtl {

enum class Refinement {
    none,       // the classical mask
    surfaces,   // the pleura as a surface, bays whose shore is ground glass, dense edges: nothing healthy changes
    published,  // snakes in every slice (imaging/slice_snakes.hpp), for comparison: it loses a rim of 1 to 2 mm
};

// By its name above. Throws Error(usage) for another one.
Refinement refinement_named(std::string_view name);

struct LungOptions {
    double air_below = -420;     // HU; 604 on the scale HU + 1024
    double closing_radius = 10;  // mm, disks: vessels and the lung's notches at the hilum
    Refinement refine = Refinement::surfaces;
    double smallest_litres = 0.3;                   // both lungs together; less is no pair of lungs
    bool keep_classical = false;                    // the mask before its refinement, too, at the cost of filling it
    const ImagingOperations* operations = nullptr;  // what runs the heavy steps; nullptr: the CPU
};

struct Lungs {
    Mask mask;  // 0 outside, 1 right, 2 left, on the volume's grid
    double right_litres = 0, left_litres = 0;
    double right_mean_hu = 0, left_mean_hu = 0;
    Mask classical;  // before the refinement, if it was to be kept and differs; else empty
    double refine_seconds = 0;
    double trachea_ml = 0;           // what was taken away as trachea and main bronchi
    double regained_ml = 0;          // consolidation that the refinement added
    double dense_share = 0;          // of the lungs' voxels, above -250 HU: vessels and consolidation
    double side_mm2 = 0;             // where the lungs touch the image's sides
    double air_ml = 0;               // pockets in the mask that are as dark as air: bowel gas, a bronchus, bullae
    std::vector<std::string> flags;  // what a reader should look at, see below

    double litres() const { return right_litres + left_litres; }
};

// Flags: "no_trachea" none was found, so airways may be inside; "one_lung"; "asymmetric" one lung is less than half of
// the other; "small", "large" below 1.5 or above 9 litres; "cut_at_top", "cut_at_bottom" more than 10 cm2 in the last
// or first slice; "cut_at_sides" more than 5 cm2 at the image's sides; "air" a leak, or bullae: more than 15 ml of air
// in the mask; "dense" more than a fifth is above -250 HU.
//
// Any spacing and orientation; every threshold is in millimetres and millilitres. The values are HU.
// Throws Error(input) "no lungs ..." where nothing in the image looks like lungs.
Lungs segment_lungs(const Volume& hu, const LungOptions& options = {});

}  // namespace cmtl
