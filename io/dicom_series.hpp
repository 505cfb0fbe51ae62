#pragma once
// Which images of a folder are the volume: one series of several, one group of several inside a series.
#include <string>
#include <vector>

#include "io/dicom_scan.hpp"
#include "io/image_io.hpp"

namespace cmtl {

// What every step of reading a series knows.
struct DicomReading {
    std::string where;  // the path that was asked for
    std::string aside;  // a second fault, told along with the first one: the modality is not CT
    const ReadOptions& options;
    ReadReport& report;

    void warn(std::string text) const { report.warnings.push_back(where + ": " + std::move(text)); }
};

// One series: options.series_uid (whole, or a beginning or end that only one UID has), else the CT series with most
// slices that is no localiser; a warning lists all. Secondary captures without a position (dose reports, screenshots)
// are passed over where anything else is there. Throws Error(input) where the series asked for is none or several.
std::vector<DicomFile> choose_series(std::vector<DicomFile> files, DicomReading& reading);

// Localisers (image type LOCALIZER) are set aside with a warning where a series has other images, too.
void set_localizers_aside(std::vector<DicomImage>& images, const DicomReading& reading);

// One stack of a series' images. Groups are images of the same size, pixel spacing and orientation; where positions are
// double they are told apart by the attributes in dicom_marks, in that order. Copies (same SOP instance, or equal
// pixels at one place) are dropped with a warning. At most three images of another orientation, a tenth of the series
// or less, are localisers whatever they are called. Of several groups options.group (from 1 on, as messages list them)
// is taken; else the largest, with a warning, if it is complete, the others are smaller and cover nothing that it does
// not. Throws Error(input) with the list otherwise: mixed orientation, sizes or pixel spacing, several acquisitions.
std::vector<DicomImage> choose_group(std::vector<DicomImage> images, const DicomReading& reading);

}  // namespace cmtl
