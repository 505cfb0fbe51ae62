#pragma once
// Resampling to another spacing of the same canonical axes, as COVID-MTL's preparation does it.
#include "imaging/volume.hpp"

namespace cmtl {

// The size at `spacing` mm: round(size * old / new) voxels per axis, at least 1, ties to even as numpy rounds.
// Throws Error(input) where that is more than 2^29 voxels.
Index3 size_at_spacing(const Geometry& g, const Vector3& spacing);

// The grid of `size` voxels whose first and last voxel centres are those of `g`.
Geometry grid_of_size(const Geometry& g, const Index3& size);

// Where output o of an axis of a cubic spline reads: the sum of weight[n] * coefficient[first + n], where coefficients
// are counted from the first of the spline_pad copies of the line's first voxel.
struct SplineTap {
    int64_t first;
    double weight[4];
};
constexpr int64_t spline_pad = 12;  // scipy pads mode='nearest' by as many edge voxels in front of the prefilter
// Those of an axis of `in` voxels that gets `out`, its first and last centres kept.
std::vector<SplineTap> spline_taps(int64_t in, int64_t out);

// Cubic B-spline interpolation onto grid_of_size(volume.geometry, size): scipy.ndimage.zoom(order=3, mode='nearest') in
// double precision along each line, rounded to float between the axes. Values may overshoot the input's range.
// The input is taken by value so that a moved one is freed early.
Volume resample_cubic(Volume volume, const Index3& size);

// Trilinear between voxel centres at a fractional index; beyond the outermost centres the nearest voxel's value goes on
// (torch's grid_sample with padding_mode='border', align_corners=True).
double linear_at(const Volume& volume, const Vector3& index);

enum class MaskInterpolation {
    nearest,  // the label of the nearest voxel
    linear,   // the label (or 0) with the largest share of the trilinear weights
};

// A mask onto another grid with the same axis directions (any spacing, origin and size). Outside of the mask: 0.
Mask resample_mask(const Mask& mask, const Geometry& grid, MaskInterpolation how);

}  // namespace cmtl
