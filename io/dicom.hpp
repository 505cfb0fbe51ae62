#pragma once
// DICOM series to volumes. read_volume() (io/image_io.hpp) is the door; this is the room behind it.
#include <filesystem>

#include "io/image_io.hpp"

namespace cmtl {

// `path` is a folder with at least one DICOM image, or a multi-frame file. Slices are sorted by their position along
// the normal (row x column); the step between them must be uniform, their grid the same and not sheared (gantry tilt).
// Transfer syntaxes: implicit and explicit little endian, explicit big endian, deflated (decoded here); RLE, JPEG, JPEG
// Lossless, JPEG-LS and JPEG 2000 through GDCM. Throws Error(input).
Volume read_dicom(const std::filesystem::path& path, const ReadOptions& options, ReadReport& report);

// The same, in the type that read_image() states.
AnyImage read_any_dicom(const std::filesystem::path& path, const ReadOptions& options, ReadReport& report);

// Whether the folder's files, or the file, begin like DICOM.
bool is_dicom(const std::filesystem::path& path);

}  // namespace cmtl
