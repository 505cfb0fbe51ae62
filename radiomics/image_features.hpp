#pragma once
// One image type of a ROI: its levels, its matrices, the features of the classes asked for.
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "engine/context.hpp"
#include "radiomics/discretise.hpp"
#include "radiomics/wavelet.hpp"

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

// The image's values at the ROI's voxels, packed: roi.voxels of them.
template <class Real>
void read_roi(const Roi& roi, const RowReader<Real>& read, double* values);

using ImagesWanted = std::array<Wanted, image_types>;
using ImagesFeatures = std::array<ImageFeatures, image_types>;

// read: the image's rows; voxel_volume: mm^3. Throw Error(input) as make_binning does. The same results but for the
// roundings of sums; the second on the context's device, a GPU or simt.
template <class Real>
ImagesFeatures cpu_image_features(const Roi& roi, const RowReader<Real>& read, const RadiomicsSettings& settings,
                                  double voxel_volume, const ImagesWanted& wanted, StepTimes& times);
template <class Real>
ImagesFeatures device_image_features(Context& context, const Roi& roi, const RowReader<Real>& read,
                                     const RadiomicsSettings& settings, double voxel_volume, const ImagesWanted& wanted,
                                     StepTimes& times);

// Adds what passed since it was made, or since the last lap, to a step.
class StepWatch {
  public:
    explicit StepWatch(StepTimes& times) : times_(&times) {}
    void lap(const char* step) {
        const auto now = std::chrono::steady_clock::now();
        add_time(*times_, step, std::chrono::duration<double>(now - last_).count());
        last_ = now;
    }

  private:
    StepTimes* times_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace cmtl
