#pragma once
// Launcher of the augmentation of one training volume. Pointers are device memory.
#include <cstdint>

#include "kernels/step_state.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

// What augmented_input (training/augmentation.hpp) is told; axes are z, y, x. Volumes and crops hold fewer than 2^31 voxels.
struct AugmentedCrop {
    int size[3];         // of the volume
    int offset[3];       // of the crop in it
    int crop[3];
    double noise_sd;     // 0: no noise
    uint64_t case_number;  // of the noise draws, below 2^27
    double clip;         // values are limited to [0, clip]
    double mean, deviation;  // subtracted, then divided by unless it is not above 0
    int quarter_turns;   // 0..3 in the y x plane; 1 and 3 only where the crop is square
    bool flip;           // along x, after the turns
};

// input: crop[0] x crop[1] x crop[2] values, bit for bit those of augmented_input. `noise`: the key of the noise draws.
template <class Target>
void augmented_crop(Stream stream, const AugmentedCrop& crop, const DrawKey& noise, const uint16_t* volume, float* input);

}  // namespace cmtl::kernels
