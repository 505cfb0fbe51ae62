#pragma once
// The undecimated coif1 wavelet, level 1, at the voxels of a ROI: PyRadiomics' `Wavelet` image type (pywt.swtn), to the
// bit.
#include <array>
#include <functional>

#include "radiomics/roi.hpp"

namespace cmtl {

// Reads `count` voxels of the image's row (j, k) from voxel `begin` on. Called from several threads, inside of the
// image only.
template <class Real>
using RowReader = std::function<void(int64_t j, int64_t k, int64_t begin, int64_t count, Real* out)>;

constexpr size_t sub_bands = 8;  // LLH LHL LHH HLL HLH HHL HHH LLL, letters along x, y, z

// The number of the sub-band whose letters are these, 0: L, 1: H.
constexpr size_t sub_band(int x, int y, int z) { return static_cast<size_t>((4 * x + 2 * y + z + 7) % 8); }

// After how many voxels an axis of length n repeats: an odd one after one more voxel, the first.
constexpr int64_t period(int64_t n) { return n + n % 2; }

// The voxel of an axis of length n behind coordinate c of its periodic continuation: after one more voxel, the first,
// where n is odd.
int64_t periodic(int64_t c, int64_t n);

// `count` values of row (j, k) of an image `width` wide, from coordinate `first` of the continuation on.
template <class Real>
void read_periodic(const RowReader<Real>& read, int64_t width, int64_t j, int64_t k, int64_t first, int64_t count,
                   Real* out);

// out[b]: roi.voxels values of sub-band b, packed; nullptr where it is not wanted. Each is what filtering the whole
// image along x, then y, then z gives, the image repeated periodically (axes of odd length: after one more voxel, the
// first), in Real arithmetic: y[i] = sum_k f[k] x[i + 3 - k], k ascending, but where i + 3 reaches the end the wrapped
// terms first, as PyWavelets adds them. Real: float or double. Each thread holds 24 pieces of slices of eight rows.
template <class Real>
void wavelet(const Roi& roi, const RowReader<Real>& read, const std::array<double*, sub_bands>& out);

}  // namespace cmtl
