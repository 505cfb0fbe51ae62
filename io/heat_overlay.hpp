#pragma once
// Where a network looked, drawn over the lungs.
#include <string>

#include "imaging/volume.hpp"
#include "io/overlay.hpp"

namespace cmtl {

// A map of few cells over the field that the network saw. Between the centres of cells it is linear, at the field's rim
// the outermost cells go on, outside of the field it is 0. Directions of both grids are those of the image drawn.
struct HeatImage {
    Volume cells;    // not negative
    Geometry field;  // the network's input
    double at(const Vector3& lps) const;
};

struct HeatOverlayOptions {
    float low_hu = -1350, high_hu = 150;  // the lung window
    int64_t panel = 200;                  // pixels of the longest side of any panel
    bool plain = true;                    // a row of the same views without heat above
};

// Axial, coronal and sagittal views through the place in the lungs where the heat is largest, to 3 mm (without any:
// through the middle of the lungs), in radiological convention, with the outlines of overlay(), under heat as a share
// of its largest value; its colour scale and a bar of 50 mm stand below. Image and mask are on one canonical grid
// (LPS). Throws Error(internal) where their sizes differ.
Picture heat_overlay(const Volume& hu, const Mask& mask, const HeatImage& heat, const HeatOverlayOptions& options = {});

}  // namespace cmtl
