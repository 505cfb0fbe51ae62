#pragma once
// From an image and a mask to radiomic features, in agreement with PyRadiomics 3.0.1: bins and matrices exactly,
// features to 1e-9 relative (MCC 1e-7). Results do not depend on the number of threads, bit for bit.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "engine/context.hpp"
#include "imaging/volume.hpp"
#include "radiomics/settings.hpp"

namespace cmtl {

struct RadiomicsResult {
    std::vector<std::string> names;  // settings.features, in order
    std::vector<double> values;      // NaN where PyRadiomics gives NaN (a ROI without two neighbouring voxels)
    int64_t roi_voxels = 0;
    Index3 box_low{}, box_high{};                          // of the ROI in the image, both ends inside
    std::array<int, image_types> levels{};                 // highest grey level of each image; 0: not computed
    std::vector<std::pair<std::string, double>> timeline;  // seconds by step, in the order of their first
};

// T: uint8_t, int16_t, uint16_t, int32_t, float or double, the type the file stores: like PyRadiomics the wavelet of a
// float image is taken in float, of all others in double. The mask has the image's size (its geometry is not looked at:
// match_mask). Runs on the context's device. Memory beside image and mask, on the CPU: 32 bytes per ROI voxel, one byte
// (with more than 255 levels three) per voxel of the ROI's box, 12 per zone, and per thread a table of counts of at
// most 64 MiB, or of 4 (levels + 1) (levels + longest side of the box) bytes where that is more. On a device: some 40
// bytes per voxel of the box (float images: 24), and 40 per ROI voxel.
//
// Throws Error(input): a mask of another size, without the label (it lists those it has), with one voxel, with too few
// dimensions or voxels; NaN or infinity within the ROI's reach; more than max_levels grey levels (it says which bin
// width would do).
template <class T>
RadiomicsResult extract_features(Context& context, const Image<T>& image, const Mask& mask,
                                 const RadiomicsSettings& settings);

// The same with the ROI of all voxels above 0, as in a prepared volume that holds nothing but lungs.
template <class T>
RadiomicsResult extract_features(Context& context, const Image<T>& image, const RadiomicsSettings& settings);

constexpr int max_levels = 4096;

// The mask on the image's grid. Throws Error(input) naming `image_name` and `mask_name` and the largest difference in
// mm where sizes, spacings, origins or directions differ by more than settings.geometry_tolerance times the spacing and
// settings.correct_mask is off; with it, the mask is resampled to the image's grid (nearest voxel), and must lie within
// the image.
Mask match_mask(Mask mask, const Geometry& image, const RadiomicsSettings& settings, const std::string& image_name,
                const std::string& mask_name);

}  // namespace cmtl
