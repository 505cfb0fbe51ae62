#pragma once
// NIfTI, MetaImage and NRRD through ITK's image classes: the only translation unit that sees ITK (it compiles slowly).
#include <cstdint>
#include <filesystem>

#include "imaging/volume.hpp"
#include "io/header_checks.hpp"
#include "io/image_io.hpp"

namespace cmtl {

// Any scalar type becomes float, NIfTI's slope and intercept applied. The header must have passed its check.
// Throws Error(input) where ITK cannot read the file.
Volume read_with_itk(const std::filesystem::path& path, FileFormat format);

// The type that the file stores (float where NIfTI's slope and intercept change the values); voxels go from ITK's hands
// into the image without a detour where AnyImage has that type.
AnyImage read_any_with_itk(const std::filesystem::path& path, FileFormat format);

enum class ValueType { uint8, int16, float32 };

// Writes g.count() values to `path` in the format; NIfTI compresses by the name's end, the others always.
void write_with_itk(const std::filesystem::path& path, FileFormat format, const Geometry& g, ValueType type,
                    const void* voxels);

}  // namespace cmtl
