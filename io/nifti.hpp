#pragma once
// NIfTI-1 and NIfTI-2, read by ourselves: the library behind ITK takes the voxels of patient.nii for patient.nii.gz
// where both lie in one folder, knows no NIfTI-2, and lets one file be read at a time.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/image_io.hpp"
#include "io/voxel_types.hpp"

namespace cmtl {

struct NiftiHeader {
    std::filesystem::path data;  // the file of the voxels: itself, or the .img of a pair
    uint64_t offset = 0;
    bool swap = false;
    StoredType type = StoredType::int16;
    double slope = 1, intercept = 0;
    Geometry geometry;
    std::vector<std::string> warnings;

    bool rescaled() const { return slope != 1 || intercept != 0; }
    // What the voxels become: float, or double where that is stored, where slope and intercept change them.
    StoredType value_type() const;
};

// `path` is .nii, .nii.gz, or either half of a pair .hdr/.img (also with .gz), in either byte order. A fourth and
// further dimension must be of size 1. Lengths in metres and micrometres become mm.
// Which transform: as ITK 5.4 does, the sform where it is the scanner's (code 1) or the qform is absent, else the
// qform; an sform that is sheared, or whose columns are not as long as the voxel spacing, gives way to the qform, and
// without one is an error (ITK would take the spacing, nibabel the columns). Where both are set and differ, or none is
// (then axes are those of ITK: to the left, the back and the head, from 0), there is a warning.
// A slope of 0 or NaN means no scaling at all, as the standard and nibabel have it (ITK adds the intercept).
// Throws Error(input) unless the header is one of a 3-D scalar image of at most max_voxels voxels whose data are in the
// file; nothing is allocated before.
NiftiHeader read_nifti_header(const std::filesystem::path& path);

// Values with slope and intercept. Safe to call from several threads.
Volume read_nifti(const std::filesystem::path& path, ReadReport& report);
AnyImage read_any_nifti(const std::filesystem::path& path, ReadReport& report);

}  // namespace cmtl
