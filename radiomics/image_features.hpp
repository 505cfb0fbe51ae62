#pragma once
// One image type of a ROI: its levels, its matrices, the features of the classes asked for.
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "radiomics/discretise.hpp"

namespace cmtl {

using StepTimes = std::vector<std::pair<std::string, double>>;
// Adds to the step of that name, or begins it.
void add_time(StepTimes& times, const std::string& step, double seconds);

struct Wanted {
    std::array<bool, feature_classes> classes{};
    bool mcc = false;  // the only feature that costs more than its matrix
    bool any() const { return classes[0] || classes[1] || classes[2] || classes[3]; }
};

struct ImageFeatures {
    int levels = 0;
    std::array<std::vector<double>, feature_classes> values;  // of the wanted classes, in the order of feature_names
};

// Computes on the CPU; holds the level volumes, which every image type of the ROI uses again.
class ImageAnalysis {
  public:
    ImageAnalysis(const Roi& roi, const RadiomicsSettings& settings, double voxel_volume, StepTimes& times);
    // values: packed; `name` is in messages. Throws Error(input) as make_binning does.
    ImageFeatures run(std::span<const double> values, const Wanted& wanted, const std::string& name);

  private:
    template <class Level>
    void textures(std::span<const double> values, const Binning& binning, const Wanted& wanted, std::unique_ptr<LevelVolume<Level>>& volume,
                  ImageFeatures& out);

    const Roi& roi_;
    const RadiomicsSettings& settings_;
    double voxel_volume_;
    StepTimes& times_;
    std::unique_ptr<LevelVolume<uint8_t>> narrow_;
    std::unique_ptr<LevelVolume<uint16_t>> wide_;
};

}  // namespace cmtl
