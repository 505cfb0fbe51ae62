#pragma once
// The volumes that COVID-MTL publishes: one DICOM file whose encapsulated frames are 16-bit grey PNG pictures of HU +
// 1024, whatever its transfer syntax says (RLE). It names neither sizes nor geometry.
#include <cstdint>
#include <filesystem>
#include <optional>

#include "imaging/volume.hpp"
#include "io/image_io.hpp"

namespace cmtl {

// The file itself, or the only file of a folder, where it is such a volume. Throws Error(input) for a folder whose
// first file is one and which has further ones.
std::optional<std::filesystem::path> find_covid_mtl_volume(const std::filesystem::path& path);

// Hounsfield units: value - 1024, unless the file has a rescale slope or intercept of its own. Where the header is
// silent, voxels are 1 mm apart and the axes are those of the published code, which stacks axial slices by rising z:
// x to the left, y to the back, frames from feet to head, the first voxel at 0. Where the lungs were cut out, all else
// is 0, that is, -1024 HU, and a warning says so. Throws Error(input) for a frame that is cut, damaged, of another size
// or no 16-bit grey picture, and where frames are missing.
Image<int32_t> read_covid_mtl_volume(const std::filesystem::path& path, ReadReport& report);

}  // namespace cmtl
