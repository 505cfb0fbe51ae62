#pragma once
// The DICOM images below a folder, by their headers.
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/dicom_header.hpp"

namespace cmtl {

// A DICOM file with pixels. Headers are shared: a multi-frame file has one for all of its frames.
struct DicomFile {
    std::filesystem::path path;
    std::shared_ptr<const DicomHeader> header;

    std::string name() const { return path.filename().string(); }
};

// One slice: a file, or a frame of a multi-frame file.
struct DicomImage {
    DicomFile file;
    int64_t frame = 0;
    DicomFrame at;
    double along = 0;  // position along the normal, mm

    const DicomHeader& header() const { return *file.header; }
    // The file's name, and the frame's number from 1 on where it has several.
    std::string name() const;
};

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// The file, or all files below the folder, that are DICOM and have pixels, sorted by path. Others (a DICOMDIR,
// structured reports, contours) are passed over. Reads files in parallel. Throws Error(input) where none is there, and
// where one is cut or broken before its pixels.
std::vector<DicomFile> scan_dicom(const std::filesystem::path& path);

// Whether the file begins like DICOM.
bool file_looks_like_dicom(const std::filesystem::path& path);

}  // namespace cmtl
