#pragma once
// One slice of an overlay picture, drawn.
#include "imaging/morphology.hpp"
#include "imaging/volume.hpp"
#include "io/glyphs.hpp"
#include "io/overlay.hpp"

namespace cmtl {

constexpr Colour right_colour{70, 160, 255}, left_colour{255, 150, 40}, added_colour{60, 230, 90},
    removed_colour{255, 50, 60};

// A plane through a canonical volume: its axes across and down, and the one that it is cut from.
struct Plane {
    size_t across, down, cut;
    int64_t slice;
    bool head_up() const { return down == 2; }
};

// Draws the part of the plane that lies in `field` (voxels, canonical axes) into the w x h pixels at (x0, y0). The
// outline runs where a smooth version of the mask is one half, at most half a voxel from the voxels' own edges.
void draw_plane(Picture& picture, int64_t x0, int64_t y0, int64_t w, int64_t h, const Volume& hu, const Mask& mask,
                const Box& field, const Plane& plane, const OverlayOptions& options);

}  // namespace cmtl
