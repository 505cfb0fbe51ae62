#include "kernels/augmentation.hpp"

#include "kernels/augmentation.cuh"

namespace cmtl::kernels {

template <>
void augmented_crop<Target>(Stream stream, const AugmentedCrop& crop, const DrawKey& noise, const uint16_t* volume, float* input) {
    const int64_t count = int64_t{crop.crop[0]} * crop.crop[1] * crop.crop[2];
    if (count == 0) return;
    if (crop.quarter_turns % 2 == 0) {
        launch({"augmented_rows", blocks_for(count, 256), 256, 0, stream}, augmented_rows_kernel, crop, noise, volume, input);
    } else {
        const int tiles = (crop.crop[1] + augmentation_tile - 1) / augmentation_tile;
        launch({"augmented_turn", static_cast<unsigned>(crop.crop[0] * tiles * tiles), dim3(augmentation_tile, augmentation_rows), 0, stream},
               augmented_turn_kernel, crop, noise, volume, input);
    }
}

}  // namespace cmtl::kernels
