#pragma once
// DICOM series to volumes. read_volume() (io/image_io.hpp) is the door; this is the room behind it.
#include <filesystem>

#include "io/image_io.hpp"

namespace cmtl {

// `path` is a folder with at least one DICOM image, or a file. Steps: headers (io/dicom_scan.hpp), one series and one
// group of its images (io/dicom_series.hpp), a regular grid of them (io/dicom_stack.hpp), pixels (io/dicom_decode.hpp).
// Multi-frame files may hold frames in any order, with positions and rescaling of their own, or with offsets from the
// first one (3004,000C). Transfer syntaxes: implicit and explicit little endian, explicit big endian, deflated (decoded
// here); RLE, JPEG, JPEG Lossless, JPEG-LS and JPEG 2000 through GDCM.
//
// Of a CT, padding values (0028,0120), with (0028,0121) a range, become -1024 HU, as does what a corrected tilt leaves
// empty (0 for other modalities). Padding that would be tissue (above -900 HU) counts in slices with such a corner
// alone: some exporters write a 0 that is water. A slope of 0, a rescale type that is no HU, and values that look like
// HU
// + 1024 without an intercept are Error(input) where options.expect_ct; a missing slope or intercept is a warning.
// Throws Error(input).
Volume read_dicom(const std::filesystem::path& path, const ReadOptions& options, ReadReport& report);

// The same, in the type that read_image() states, with padding as it is stored.
AnyImage read_any_dicom(const std::filesystem::path& path, const ReadOptions& options, ReadReport& report);

// Whether the folder's files, or the file, begin like DICOM.
bool is_dicom(const std::filesystem::path& path);

}  // namespace cmtl
