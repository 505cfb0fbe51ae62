#pragma once
// Images on a regular grid in patient space, the currency of imaging/, io/ and pipeline/.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cmtl {

using Index3 = std::array<int64_t, 3>;
using Vector3 = std::array<double, 3>;

// A grid in LPS patient coordinates (x to the left, y to the back, z to the head; millimetres), as in DICOM and ITK.
struct Geometry {
    Index3 size{0, 0, 0};            // voxels along i (fastest in memory), j, k
    Vector3 spacing{1, 1, 1};        // mm between voxel centres along i, j, k; positive
    Vector3 origin{0, 0, 0};         // LPS position of the centre of voxel (0, 0, 0)
    std::array<double, 9> direction{1, 0, 0, 0, 1, 0, 0, 0, 1};  // row-major 3x3; column a is the unit LPS vector of axis a

    int64_t count() const { return size[0] * size[1] * size[2]; }
    double voxel_ml() const { return spacing[0] * spacing[1] * spacing[2] / 1000; }
    bool operator==(const Geometry&) const = default;
};

// Voxels in memory order k, j, i: voxel (i, j, k) is voxels[(k * size[1] + j) * size[0] + i].
template <class T>
struct Image {
    Geometry geometry;
    std::vector<T> voxels;

    Image() = default;
    explicit Image(const Geometry& g, T value = T{}) : geometry(g), voxels(static_cast<size_t>(g.count()), value) {}

    int64_t nx() const { return geometry.size[0]; }
    int64_t ny() const { return geometry.size[1]; }
    int64_t nz() const { return geometry.size[2]; }
    int64_t offset(int64_t i, int64_t j, int64_t k) const { return (k * ny() + j) * nx() + i; }
    T& at(int64_t i, int64_t j, int64_t k) { return voxels[static_cast<size_t>(offset(i, j, k))]; }
    const T& at(int64_t i, int64_t j, int64_t k) const { return voxels[static_cast<size_t>(offset(i, j, k))]; }
};

using Volume = Image<float>;    // CT in Hounsfield units
using Mask = Image<uint8_t>;    // 0 outside; lungs: 1 right, 2 left

}  // namespace cmtl
