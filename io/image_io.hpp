#pragma once
// CT volumes from and images to the field's file formats. Everything that is wrong with a file is Error(input) with the
// file, the offending value and a remedy; nothing is allocated on a header's word alone.
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "imaging/volume.hpp"

namespace cmtl {

// At most this many voxels are read: 1024 x 1024 x 1024.
constexpr int64_t max_voxels = int64_t{1} << 30;

struct ReadOptions {
    // DICOM: the series to take, by its UID or the beginning or end of it; empty takes the CT series with most slices
    // and warns.
    std::string series_uid;
    int64_t min_slices = 4;  // fewer voxels along any axis is an error (a localizer, a single slice)
    bool expect_ct = true;   // refuse other modalities, constant images and values that cannot be Hounsfield units
    bool warn = true;        // print warnings on stderr (they are in ReadReport in any case)
    // DICOM series that are no regular grid are errors which name these. What each does is said in io/dicom_stack.hpp
    // and io/dicom_series.hpp.
    bool correct_tilt = false;  // move slices of a tilted gantry in their plane, onto a rectangular grid
    bool allow_gaps = false;    // interpolate missing and uneven slices
    int64_t group = 0;  // of a series that holds several stacks: the one to take, from 1 on, as the error lists them
};

struct ReadReport {
    std::string format;                 // "DICOM", "NIfTI", "MetaImage", "NRRD" or "COVID-MTL"
    std::string series_uid;             // DICOM only
    std::vector<std::string> warnings;  // for example the other series of the folder
};

// Reads a DICOM folder (one series, or one multi-frame file), a multi-frame DICOM file, NIfTI (.nii, .nii.gz),
// MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), a published COVID-MTL volume (PNG pictures inside of DICOM,
// io/covid_mtl_volume.hpp), or an archive (.zip, .tar, .tar.gz) that holds one of them; it is unpacked below TMPDIR
// (io/archive.hpp). Values are Hounsfield units (slope and intercept applied), on the file's own grid in LPS
// coordinates; DICOM slices are sorted along the normal, and what a CT's headers call padding (0028,0120) is -1024 HU.
// The format is found by content, not by name.
Volume read_volume(const std::filesystem::path& path, const ReadOptions& options = {}, ReadReport* report = nullptr);

// An image in the type that its file stores.
using AnyImage =
    std::variant<Image<uint8_t>, Image<int16_t>, Image<uint16_t>, Image<int32_t>, Image<float>, Image<double>>;

// As read_volume, of any modality and size, with the axes as they are stored, in the type that
// ITK and SimpleITK give the file: float where NIfTI's slope and intercept change the values (double if it stores
// that). int8 becomes int16; uint32, int64 and uint64 become double, Error(input) where that is not exact. DICOM is
// int16 or int32, whichever holds every value that its headers allow, and double where slopes or intercepts are no
// whole numbers. `options.min_slices` and `options.expect_ct` are not looked at. Costs one pass over the voxels beside
// the library's.
AnyImage read_image(const std::filesystem::path& path, const ReadOptions& options = {}, ReadReport* report = nullptr);

// Labels 0..255 from NIfTI, MetaImage or NRRD. Throws Error(input) where a value is not a whole number in that range.
Mask read_mask(const std::filesystem::path& path);

// Writes .nii, .nii.gz, .nrrd or .mha (compressed, but .nii), whole or not at all; T is uint8_t, int16_t or float.
// Throws Error(usage) for another extension.
template <class T>
void write_image(const std::filesystem::path& path, const Image<T>& image);

}  // namespace cmtl
