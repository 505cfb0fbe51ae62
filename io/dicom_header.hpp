#pragma once
// The attributes of a DICOM file that make it a slice of a volume (PS3.3 C.7.6, PS3.5 for the encoding), read by a
// small parser of our own: it trusts no length, so a damaged file ends in a message instead of in the decoder.
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "imaging/volume.hpp"

namespace cmtl {

// Attributes by which a scanner tells several images of one place apart, in the order in which they are tried.
constexpr std::array<const char*, 9> dicom_marks = {"stack",         "acquisition number", "temporal position",
                                                    "cardiac phase", "trigger time",       "kernel",
                                                    "tube voltage",  "image type",         "slice thickness"};

// What a header says about one image: a slice, or a frame of a multi-frame file.
struct DicomFrame {
    std::optional<Vector3> position;                   // of the first pixel's centre, LPS mm
    std::optional<std::array<double, 6>> orientation;  // LPS unit vectors along a row, then along a column
    std::optional<std::array<double, 2>> spacing;      // between rows (j), between columns (i), mm
    std::optional<double> slope, intercept;
    std::string rescale_type;
    std::array<std::string, dicom_marks.size()> marks;  // empty: not given

    const std::string& image_type() const { return marks[7]; }
    bool localizer() const { return image_type().find("LOCALIZER") != std::string::npos; }
};

struct DicomHeader {
    std::string transfer_syntax, modality, series_uid, series_description, photometric, sop_class, sop_uid;
    int64_t rows = 0, columns = 0, samples = 1, frames = 1;
    int64_t bits_allocated = 0, bits_stored = 0, high_bit = 0, pixel_representation = 0;
    DicomFrame common;                       // the file's, or what all of its frames share
    std::vector<DicomFrame> own;             // what an enhanced multi-frame file says frame by frame
    std::vector<double> grid_offsets;        // (3004,000C): of the frames along the normal from the first one, mm
    std::vector<double> slopes, intercepts;  // one, or one per frame; empty: 1 and 0
    std::optional<double> gantry_tilt;       // (0018,1120), degrees
    // Stored values that are no measurement, (0028,0120) and (0028,0121), least and largest.
    std::optional<std::pair<double, double>> padding;
    bool has_pixels = false, encapsulated = false;
    size_t pixel_offset = 0, pixel_bytes = 0;  // of (7FE0,0010) in `bytes`, or in `inflated` where that is used
    std::vector<std::byte> inflated;           // data set of a deflated file

    // What is said of frame f: its own attributes before the common ones.
    DicomFrame frame(int64_t f) const;
    bool big_endian() const { return transfer_syntax == "1.2.840.10008.1.2.2"; }
};

// Whether the bytes begin as a DICOM file (the "DICM" mark, or a bare data set as old scanners wrote it).
bool looks_like_dicom(std::span<const std::byte> bytes);

// Throws Error(input) naming `name` where the data set is cut or broken before the pixel data.
DicomHeader parse_dicom_header(std::span<const std::byte> bytes, const std::string& name);

}  // namespace cmtl
