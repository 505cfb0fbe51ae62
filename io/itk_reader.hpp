#pragma once
// MetaImage from, and NIfTI, MetaImage and NRRD to files through ITK's image classes: the only translation unit that
// sees ITK (it compiles slowly).
#include <cstdint>
#include <filesystem>

#include "imaging/volume.hpp"
#include "io/header_checks.hpp"
#include "io/image_io.hpp"

namespace cmtl {

// One file at a time, whatever the number of threads. Throws Error(input) where the header fails its check or ITK
// cannot read the file.
Volume read_meta(const std::filesystem::path& path);
AnyImage read_any_meta(const std::filesystem::path& path);

enum class ValueType { uint8, int16, float32 };

// Writes g.count() values to `path` in the format; NIfTI compresses by the name's end, the others always.
void write_with_itk(const std::filesystem::path& path, FileFormat format, const Geometry& g, ValueType type,
                    const void* voxels);

}  // namespace cmtl
