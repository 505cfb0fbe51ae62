#include "io/dicom_scan.hpp"

#include <algorithm>
#include <exception>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"

namespace cmtl {

namespace {

std::string first_bytes(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::string head(132, '\0');
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<size_t>(in.gcount()));
    return head;
}

std::vector<fs::path> files_below(const fs::path& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    std::error_code code;
    for (auto it = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, code);
         !code && it != fs::recursive_directory_iterator(); it.increment(code))
        if (it->is_regular_file(code)) files.push_back(it->path());
    if (code) fail(ErrorKind::input, "dicom", "{}: the folder cannot be read: {}", path.string(), code.message());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

std::string DicomImage::name() const {
    return header().frames == 1 ? file.name() : fmt::format("{} frame {}", file.name(), frame + 1);
}

bool file_looks_like_dicom(const fs::path& path) {
    const std::string head = first_bytes(path);
    return looks_like_dicom(bytes_of(head));
}

std::vector<DicomFile> scan_dicom(const fs::path& path) {
    const std::vector<fs::path> files = files_below(path);
    if (files.empty())
        fail(ErrorKind::input, "dicom", "{}: the folder is empty; give the folder that holds the CT slices",
             path.string());
    std::vector<DicomFile> all(files.size());
    std::vector<std::exception_ptr> errors(files.size());
#pragma omp parallel for schedule(dynamic, 4)
    for (size_t n = 0; n < files.size(); ++n) {
        try {
            if (!file_looks_like_dicom(files[n])) continue;
            const std::string content = read_file(files[n]);
            auto header = std::make_shared<DicomHeader>(parse_dicom_header(bytes_of(content), files[n].string()));
            header->inflated = {};
            if (header->has_pixels) all[n] = {files[n], std::move(header)};
        } catch (...) {
            errors[n] = std::current_exception();
        }
    }
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
    std::erase_if(all, [](const DicomFile& file) { return !file.header; });
    if (all.empty())
        fail(ErrorKind::input, "dicom", "{}: no DICOM images among {} file{}; give the folder that holds the CT slices",
             path.string(), files.size(), files.size() == 1 ? "" : "s");
    return all;
}

}  // namespace cmtl
