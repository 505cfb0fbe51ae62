#pragma once
// Grids in patient space: index and LPS coordinates, and the canonical order of axes.
#include <array>
#include <string>
#include <utility>

#include "imaging/volume.hpp"

namespace cmtl {

// LPS position (mm) of a voxel index, whole or fractional, and the index of a position.
Vector3 index_to_lps(const Geometry& g, const Vector3& index);
Vector3 lps_to_index(const Geometry& g, const Vector3& position);

// How a stored grid becomes the canonical one, whose axes i, j, k run (nearly) to the left, to the back and to the
// head: canonical axis a is stored axis axis[a], walked backwards where flip[a]. Any of the 48 orientations; an oblique
// grid is taken by the nearest permutation and keeps its angles.
struct Orientation {
    std::array<int, 3> axis{0, 1, 2};
    std::array<bool, 3> flip{false, false, false};
    Geometry stored;  // the grid before, so that restore() is exact to the last bit

    bool identity() const { return axis == std::array<int, 3>{0, 1, 2} && !flip[0] && !flip[1] && !flip[2]; }
};

Orientation orientation_of(const Geometry& stored);
Geometry lps_geometry(const Orientation& orientation);

// Letters of the stored axes, as in DICOM and ITK: "LPS" is canonical, "RAS" is NIfTI's standard space.
std::string orientation_code(const Geometry& stored);

template <class T>
struct Oriented {
    Image<T> image;
    Orientation orientation;
};

// The voxels in canonical order. No copy is made of an rvalue that is canonical already.
template <class T>
Oriented<T> to_lps(Image<T> image);

// Back to the stored order; the image must have the canonical grid's size.
template <class T>
Image<T> restore(Image<T> canonical, const Orientation& orientation);

}  // namespace cmtl
