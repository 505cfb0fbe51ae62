#pragma once
// One picture from which a reader judges a segmentation at a glance.
#include <string>

#include "imaging/volume.hpp"
#include "io/png.hpp"

namespace cmtl {

struct OverlayOptions {
    float low_hu = -1350, high_hu = 150;  // the lung window
    int axial_slices = 6;  // evenly spaced through the lungs, besides one coronal and one sagittal view per lung
    int64_t panel = 480;   // pixels of the longest side of any panel
    std::string title;     // first line of the picture, ASCII; empty: none
    // An earlier mask of the same lungs on the same grid, what it lacks is shown in green and what it alone has in red.
    // Each slice is then the one of its neighbourhood that changed most, if by 1 cm2. Not owned; nullptr: none.
    const Mask* before = nullptr;
};

// Slices in radiological convention (the patient's right on the left, head up), cropped to the surroundings of the
// lungs, all at one scale and true to the spacing, images interpolated by cubics. Right lung: blue outline, left lung:
// orange. Captions name the LPS coordinate (mm) of the slice's centre and its number, counted from 0 at the patient's
// right, front or foot; a legend has colours, litres and a scale bar. Volume and masks are on the same grid, of any
// orientation: the picture is the same for all 48. Throws Error(internal) where the sizes differ.
Picture overlay(const Volume& hu, const Mask& mask, const OverlayOptions& options = {});

}  // namespace cmtl
