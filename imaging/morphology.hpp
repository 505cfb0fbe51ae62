#pragma once
// Binary morphology with disks (every axial slice by itself) and balls of a radius in millimetres, on any spacing.
// A structuring element holds the voxels whose centres are at most `radius` away. Masks are zero or not zero; results
// are 0 and 1. What lies outside of the grid is empty for dilate(), and solid for erode().
#include "imaging/volume.hpp"

namespace cmtl {

enum class Element { disk, ball };

Mask dilate(const Mask& mask, double radius, Element element);
Mask erode(const Mask& mask, double radius, Element element);
// Dilation, then erosion, on a grid padded by the radius: the edge of the grid changes nothing.
Mask close(const Mask& mask, double radius, Element element);
// Erosion, then dilation.
Mask open(const Mask& mask, double radius, Element element);

// Sets the zero voxels that no path (faces) joins to the border: of the slice (disk) or of the volume (ball).
void fill_holes(Mask& mask, Element element);

// 1 where the mask has the label.
Mask labelled(const Mask& mask, uint8_t label);

// The bounding box of the set voxels, both ends inside; high < low where there are none.
struct Box {
    Index3 low{0, 0, 0}, high{-1, -1, -1};
    bool empty() const { return high[0] < low[0]; }
};
Box bounding_box(const Mask& mask);

// The part of the mask within `box` widened by `margin` voxels per axis and padded with zeros beyond the grid.
// The geometry's origin moves along. paste() with a shift of box.low - margin puts it back.
Mask crop(const Mask& mask, const Box& box, const Index3& margin);

// Copies the voxels that both grids share; `shift` is the index in `to` of the first voxel of `from`.
void paste(Mask& to, const Mask& from, const Index3& shift);

}  // namespace cmtl
