#pragma once
// One picture from which a reader judges a segmentation at a glance.
#include "imaging/volume.hpp"
#include "io/png.hpp"

namespace cmtl {

struct OverlayOptions {
    float low_hu = -1350, high_hu = 150;  // the lung window
    int axial_slices = 6;  // evenly spaced through the lungs, besides one coronal and one sagittal view per lung
    int64_t panel = 320;   // pixels of a panel's longer side
};

// Slices in radiological convention (the patient's right on the left, head up), true to the spacing, with the outline
// of the mask: right lung blue, left lung orange. Volume and mask are on the same grid, of any orientation.
Picture overlay(const Volume& hu, const Mask& mask, const OverlayOptions& options = {});

}  // namespace cmtl
