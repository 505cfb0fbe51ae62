#pragma once
// The voxels of a NIfTI-1 file, read by ourselves: the library behind ITK takes those of patient.nii for patient.nii.gz
// where both lie in one folder, and copies them twice.
#include <cstddef>
#include <filesystem>
#include <span>

namespace cmtl {

// Fills `out` with the voxels in the machine's byte order, in the type that ITK states for the file: the stored one,
// or, where slope or intercept change values, float (double for stored doubles) as ITK computes it. The header must
// have passed its check, and `out` has the length of all voxels. Throws Error(input) where the data are cut or damaged.
// Safe to call from several threads.
void read_nifti_voxels(const std::filesystem::path& path, std::span<std::byte> out);

}  // namespace cmtl
