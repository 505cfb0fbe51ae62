#pragma once
// NRRD, read by ourselves: ITK's library has no bzip2, and turns images in left-anterior-superior space by 180 degrees.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/image_io.hpp"
#include "io/voxel_types.hpp"

namespace cmtl {

struct NrrdHeader {
    enum class Encoding { raw, gzip, bzip2, ascii };

    std::filesystem::path data;  // the file of the voxels: itself, or what a detached header names
    uint64_t begin = 0;          // byte of `data` at which they, or their compressed form, begin
    uint64_t skip = 0;           // bytes of the unpacked data in front of them
    Encoding encoding = Encoding::raw;
    bool swap = false;
    StoredType type = StoredType::int16;
    Geometry geometry;
    std::vector<std::string> warnings;
};

// .nrrd, or .nhdr with its data in one other file; encodings raw, gzip, bzip2 and ascii (NRRD format 5,
// teem.sourceforge.net/nrrd/format.html). Spaces: left-posterior-superior, right- and left-anterior-superior, turned
// into LPS (ITK 5.4 mirrors x where the space is left-anterior-superior, and leaves y: wrong by 180 degrees). An image
// that names no anatomical space is taken as LPS, as ITK does, with a warning. Without directions: `spacings`, and
// `axis mins` for the origin, cell-centred unless `centers` says node. `space directions: none` and units other than mm
// are refused. Throws Error(input) unless the header is one of a 3-D scalar image of at most max_voxels voxels whose
// data are in the file.
NrrdHeader read_nrrd_header(const std::filesystem::path& path);

// Safe to call from several threads.
Volume read_nrrd(const std::filesystem::path& path, ReadReport& report);
AnyImage read_any_nrrd(const std::filesystem::path& path, ReadReport& report);

}  // namespace cmtl
