#pragma once
// From a CT file to the network's input: one preparation, shared by training and inference.
//
// Prepared volumes are uint16 arrays (z, y, x) in LPS order: z runs from foot to head, y from front to back, x from the
// patient's right to left, as SimpleITK hands an axial series to NumPy, and as the published volumes are stored.
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "imaging/operations.hpp"
#include "io/image_io.hpp"

namespace cmtl {

struct PreparationOptions {
    double spacing_mm = 1;                                 // voxels of the prepared volume, the same along all axes
    std::array<int64_t, 3> size{340, 390, 390};            // prepared volume, z y x
    std::array<int64_t, 3> crop{200, 250, 250};            // network input, z y x
    std::array<int64_t, 3> evaluation_offset{70, 70, 70};  // of the crop in the volume, z y x
    std::vector<int64_t> training_offsets_z{50, 60, 70, 80, 90, 100};
    std::vector<int64_t> training_offsets_y{20, 30, 40, 50, 60, 70, 80};
    std::vector<int64_t> training_offsets_x{20, 30, 40, 50, 60, 70, 80};
    double lung_spacing_mm = 1;       // of the grid on which the lungs are sought
    std::string refine = "surfaces";  // of the lungs: "surfaces", "published" or "none" (imaging/lungs.hpp)
    bool average = false;             // take means of blocks first where a grid becomes at least twice as coarse
    double clip = 2000;               // upper limit of the network's input, in HU + 1024
    std::string centre = "image";  // the prepared volume's centre: "image" (published) or "lungs" (their bounding box)
    // DICOM series that are no regular grid, as in ReadOptions.
    bool correct_tilt = false, allow_gaps = false;
    bool operator==(const PreparationOptions&) const = default;
};

// "full": as published; "small": 5 mm, for laptops and the demo. Throws Error(usage) for another name.
PreparationOptions preparation_preset(std::string_view name);

nlohmann::json to_json(const PreparationOptions& options);
// Missing keys keep their default. Throws Error(usage) for unknown keys, wrong types and sizes that do not fit
// together.
PreparationOptions preparation_from_json(const nlohmann::json& json);
// A crop that leaves the volume, an empty size: Error(usage) naming the key.
void validate(const PreparationOptions& options);

// Seconds by step, in the order they ran.
using Timeline = std::vector<std::pair<std::string, double>>;

struct PreparedCase {
    std::array<int64_t, 3> size{};  // z y x
    std::vector<uint16_t> voxels;   // HU + 1024, clipped to [0, 4095]; 0 outside the lungs
    Geometry grid;                  // of `voxels` in patient space (axes x y z)
    Mask lungs;                     // on the input's own grid: 1 right, 2 left
    double litres_right = 0, litres_left = 0;
    std::vector<std::string> flags;     // of the segmentation (imaging/lungs.hpp); none for a given mask
    std::vector<std::string> warnings;  // of the reader, and the flags
    Timeline timeline;
};

// Reads a CT, resamples it (cubic spline, nearest edge), finds the lungs as cmtl_segment does (or takes them from
// `mask`, any voxel above 0, on the CT's grid), keeps them, crops or pads with zeros around the centre. `reading`
// chooses among DICOM series; tilt and gaps are corrected where it or `options` says so. `operations` runs resampling
// and the heavy steps of the lungs; nullptr: the CPU. Throws Error(input) as read_volume and segment_lungs do; for a
// mask on another grid; for a mask without a voxel.
PreparedCase prepare_case(const std::filesystem::path& image, const PreparationOptions& options,
                          const std::filesystem::path& mask = {}, ReadOptions reading = {},
                          const ImagingOperations* operations = nullptr);

// Mean and standard deviation of the training cohort, over whole prepared volumes (zeros outside the lungs included).
struct IntensityStatistics {
    double mean = 0, deviation = 1;
};

nlohmann::json to_json(const IntensityStatistics& statistics);

// The crop at `offset` (z y x), limited to options.clip and standardised: crop[0] x crop[1] x crop[2] values.
std::vector<float> network_input(std::span<const uint16_t> volume, const std::array<int64_t, 3>& offset,
                                 const IntensityStatistics& statistics, const PreparationOptions& options);

}  // namespace cmtl
