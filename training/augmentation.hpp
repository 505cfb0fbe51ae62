#pragma once
// Random changes to training volumes. Every draw is keyed by (seed, purpose, epoch, case): results do not depend on
// threads, on prefetching, or on where a training was interrupted.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "pipeline/preparation.hpp"
#include "training/config.hpp"

namespace cmtl {

struct Augmentation {
    std::array<int64_t, 3> offset{};  // of the crop, z y x
    double noise_sd = 0;              // HU; 0: no noise
    int quarter_turns = 0;            // in the y x plane, towards (y, x) -> (x, -y)
    bool flip = false;                // along x
    bool operator==(const Augmentation&) const = default;
};

Augmentation draw_augmentation(const AugmentConfig& config, const PreparationOptions& preparation, uint64_t seed,
                               uint64_t epoch, uint64_t case_number);

// network_input of the changed volume: crop, noise on lung voxels (value above 0) limited to [0, clip], standardised,
// turned, flipped. Without noise, turn and flip it equals network_input at the offset.
std::vector<float> augmented_input(std::span<const uint16_t> volume, const Augmentation& augmentation,
                                   const IntensityStatistics& statistics, const PreparationOptions& preparation,
                                   uint64_t seed, uint64_t epoch, uint64_t case_number);

}  // namespace cmtl
