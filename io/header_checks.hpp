#pragma once
// What NIfTI, MetaImage and NRRD headers claim is checked against the file before a library may allocate by it.
#include <filesystem>
#include <string>

namespace cmtl {

enum class FileFormat { nifti, meta, nrrd, unknown };

// By content (NIfTI's magic, also inside gzip; "NRRD"; MetaImage's keys) and, for MetaImage, by the name's end.
FileFormat detect_format(const std::filesystem::path& path);

// Each throws Error(input) unless the header is one of a 3-D scalar image of at most max_voxels voxels whose data are
// in the file: dimensions, value type, spacing, transform, and the length of the data (for compressed data without
// inflating them where the length is recorded, else by streaming).
void check_nifti_header(const std::filesystem::path& path);
void check_meta_header(const std::filesystem::path& path);
void check_nrrd_header(const std::filesystem::path& path);

}  // namespace cmtl
