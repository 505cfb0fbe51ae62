#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "io/dicom_header.hpp"

namespace cmtl {

// Decodes frame after frame into `out` (columns fastest, header.rows * header.columns * header.frames values) as stored
// value * slope + intercept of that frame, -1024 where it is header.padding (io/dicom.hpp). Throws Error(input) naming
// `name` where pixel data are missing or damaged. Safe to call from several threads. T is float, double, or a whole
// number that holds every value the header allows.
template <class T>
void decode_pixels(const DicomHeader& header, std::span<const std::byte> bytes, const std::string& name,
                   std::span<T> out);

}  // namespace cmtl
