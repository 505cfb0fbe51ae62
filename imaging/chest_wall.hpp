#pragma once
// The wall of the chest around the lungs, in cylindrical coordinates around the middle of both: what rays from there
// meet in every slice, the rib cage as one smooth surface, and each lung's costal pleura before it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "imaging/morphology.hpp"
#include "imaging/polar_field.hpp"
#include "imaging/volume.hpp"

namespace cmtl {

// Angle and radius of every voxel of a slice around the middle of the lungs.
struct ChestPolar {
    std::vector<uint16_t> angle;  // column of a PolarField; 0 is the patient's left, a quarter on is the back
    std::vector<float> radius;    // mm

    ChestPolar(const Geometry& geometry, const Box& lungs);
};

// What a ray from the middle meets, in mm; 0 where it meets nothing.
struct ChestRays {
    std::array<PolarField, 2> outer, inner;  // the last and first voxel of the right and of the left lung
    PolarField rib;                          // the first bone behind both

    explicit ChestRays(const PolarField& none) : outer{none, none}, inner{none, none}, rib(none) {}
    float farthest(size_t n) const { return std::max(outer[0].values[n], outer[1].values[n]); }
};

// One lung's costal pleura: its radius everywhere, and where aerated lung reaches it (1).
struct Pleura {
    PolarField radius, healthy;
};

struct ChestWall {
    ChestPolar polar;
    ChestRays rays;
    std::array<Pleura, 2> pleura;  // of the right and of the left lung

    // `lungs` (1 right, 2 left, canonical LPS order, not empty) on the grid of `hu`.
    ChestWall(const Volume& hu, const Mask& lungs);

    // Marks in `bays` with the lung's value what lies between `from` (a radius by angle and height, 0: nothing) and its
    // pleura, and is neither bone, nor in `lungs`, nor marked already. side: 0 right, 1 left.
    void mark(const Volume& hu, const Mask& lungs, size_t side, const PolarField& from, Mask& bays) const;
};

// Takes those of the bays (values 1 right, 2 left) into `lungs` on whose shore more than `share` is dense
// (imaging/shore.hpp): healthy organs, and the wall's own shape, end at dark lung. Returns their millilitres.
double take_sick_bays(const Volume& hu, const Mask& bays, double share, Mask& lungs);

}  // namespace cmtl
