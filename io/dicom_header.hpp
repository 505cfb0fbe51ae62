#pragma once
// The attributes of a DICOM file that make it a slice of a volume (PS3.3 C.7.6, PS3.5 for the encoding), read by a
// small parser of our own: it trusts no length, so a damaged file ends in a message instead of in the decoder.
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "imaging/volume.hpp"

namespace cmtl {

struct DicomHeader {
    std::string transfer_syntax, modality, series_uid, series_description, photometric;
    int64_t rows = 0, columns = 0, samples = 1, frames = 1;
    int64_t bits_allocated = 0, bits_stored = 0, high_bit = 0, pixel_representation = 0;
    std::optional<std::array<double, 6>> orientation;  // LPS unit vectors along a row, then along a column
    std::optional<std::array<double, 2>> spacing;      // between rows (j), between columns (i), mm
    std::vector<Vector3> positions;                    // one; one per frame in an enhanced multi-frame file
    std::vector<double> slopes, intercepts;            // likewise; empty: 1 and 0
    bool has_pixels = false, encapsulated = false;
    size_t pixel_offset = 0, pixel_bytes = 0;  // of (7FE0,0010) in `bytes`, or in `inflated` where that is used
    std::vector<std::byte> inflated;           // data set of a deflated file

    bool big_endian() const { return transfer_syntax == "1.2.840.10008.1.2.2"; }
};

// Whether the bytes begin as a DICOM file (the "DICM" mark, or a bare data set as old scanners wrote it).
bool looks_like_dicom(std::span<const std::byte> bytes);

// Throws Error(input) naming `name` where the data set is cut or broken before the pixel data.
DicomHeader parse_dicom_header(std::span<const std::byte> bytes, const std::string& name);

}  // namespace cmtl
