#include "io/header_checks.hpp"

#include "io/header_values.hpp"

namespace cmtl {

using namespace header;

FileFormat detect_format(const fs::path& path) {
    const std::string head = head_of(path, 352);
    if (head.rfind("NRRD", 0) == 0) return FileFormat::nrrd;
    if (head.size() >= 348 && (head.compare(344, 3, "n+1") == 0 || head.compare(344, 3, "ni1") == 0))
        return FileFormat::nifti;
    if (head.size() >= 348 && (head.compare(4, 3, "n+2") == 0 || head.compare(4, 3, "ni2") == 0))
        return FileFormat::nifti;
    const std::string name = lower(path.filename().string());
    const auto ends = [&](std::string_view end) {
        return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
    };
    if (ends(".mha") || ends(".mhd") || head.rfind("ObjectType", 0) == 0 || head.rfind("NDims", 0) == 0)
        return FileFormat::meta;
    for (const char* end : {".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz"})
        if (ends(end)) return FileFormat::nifti;
    if (ends(".nrrd") || ends(".nhdr")) return FileFormat::nrrd;
    return FileFormat::unknown;
}

}  // namespace cmtl
