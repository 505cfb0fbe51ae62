#include "io/image_io.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "io/archive.hpp"
#include "io/covid_mtl_volume.hpp"
#include "io/dicom.hpp"
#include "io/header_checks.hpp"
#include "io/itk_reader.hpp"
#include "io/nifti.hpp"
#include "io/nrrd.hpp"

namespace cmtl {

namespace {

// Calls nifti(), meta() or nrrd(), whichever a file that is no DICOM is.
template <class Nifti, class Meta, class Nrrd>
auto read_format(const fs::path& path, ReadReport& report, const Nifti& nifti, const Meta& meta, const Nrrd& nrrd) {
    switch (detect_format(path)) {
        case FileFormat::nifti:
            report.format = "NIfTI";
            return nifti();
        case FileFormat::meta:
            report.format = "MetaImage";
            return meta();
        case FileFormat::nrrd:
            report.format = "NRRD";
            return nrrd();
        default:
            fail(ErrorKind::input, "image",
                 "{}: the format is not known; a DICOM folder, .nii, .nii.gz, .mha, .mhd, .nrrd, or one of them in a "
                 ".zip or .tar.gz can be read",
                 path.string());
    }
}

// covid_mtl(path, report), dicom(path, report) or file(path, report), whichever the path is.
template <class CovidMtl, class Dicom, class File>
auto read_unpacked(const fs::path& path, ReadReport& report, CovidMtl&& covid_mtl, Dicom&& dicom, File&& file) {
    std::error_code code;
    if (!fs::is_directory(path, code) && !fs::is_regular_file(path, code))
        fail(ErrorKind::input, "image", "{}: neither a file nor a folder", path.string());
    if (const auto volume = find_covid_mtl_volume(path)) {
        report.format = "COVID-MTL";
        return covid_mtl(*volume, report);
    }
    return is_dicom(path) ? dicom(path, report) : file(path, report);
}

// The same, of what an archive holds; messages name the archive.
template <class... Readers>
auto read_packed(const fs::path& path, ReadReport& report, const Readers&... readers) {
    const UnpackedArchive archive(path);
    const auto tell = [&] {
        for (std::string& warning : report.warnings) warning = archive.told(std::move(warning));
        for (const std::string& member : archive.skipped())
            report.warnings.push_back(fmt::format("{}: passing over {}: a link or device", path.string(), member));
    };
    try {
        auto image = read_unpacked(archive.image(), report, readers...);
        tell();
        return image;
    } catch (const Error& error) {
        tell();
        const std::string_view what = error.what();
        const std::string_view tag = what.substr(1, what.size() - error.message().size() - 3);  // "[tag] message"
        throw Error(error.kind(), tag, archive.told(std::string(error.message())));
    }
}

// Warnings are told before errors.
template <class... Readers>
auto read_either(const fs::path& path, const ReadOptions& options, ReadReport* report, const Readers&... readers) {
    ReadReport own;
    ReadReport& r = report ? *report : own;
    r = {};
    const auto warn = [&] {
        for (const std::string& warning : r.warnings)
            if (options.warn) fmt::print(stderr, "warning: {}\n", warning);
    };
    try {
        require_readable(path);
        auto image = is_archive(path) ? read_packed(path, r, readers...) : read_unpacked(path, r, readers...);
        warn();
        return image;
    } catch (const fs::filesystem_error& error) {
        fail(ErrorKind::input, "image", "{}: {}", path.string(), error.code().message());
    } catch (...) {
        warn();  // which series was taken explains many an error
        throw;
    }
}

void check_geometry(const Geometry& g, const std::string& name, int64_t min_size) {
    for (size_t a = 0; a < 3; ++a) {
        if (g.size[a] < min_size)
            fail(ErrorKind::input, "image",
                 "{}: {} x {} x {} voxels: {} along one axis are too few for a volume (at least {})", name, g.size[0],
                 g.size[1], g.size[2], g.size[a], min_size);
        if (!(g.spacing[a] >= 0.01 && g.spacing[a] <= 100))
            fail(ErrorKind::input, "image", "{}: a voxel spacing of {} mm cannot be right (0.01 to 100 mm)", name,
                 g.spacing[a]);
        if (!(std::abs(g.origin[a]) < 1e6))
            fail(ErrorKind::input, "image", "{}: an origin at {} mm cannot be right", name, g.origin[a]);
    }
    for (size_t a = 0; a < 3; ++a)
        for (size_t b = a; b < 3; ++b) {
            double product = 0;
            for (size_t row = 0; row < 3; ++row) product += g.direction[row * 3 + a] * g.direction[row * 3 + b];
            if (!(std::abs(product - (a == b)) <= 1e-3))
                fail(ErrorKind::input, "image",
                     "{}: its axes are not perpendicular (a sheared or damaged orientation); resample it to a regular "
                     "grid",
                     name);
        }
}

struct Range {
    float low = 0, high = 0;
    int64_t not_finite = 0;
};

Range range_of(const std::vector<float>& voxels) {
    Range all{voxels[0], voxels[0], 0};
    parallel_ranges(
        std::ssize(voxels),
        [&](int64_t begin, int64_t end) {
            Range r{voxels[static_cast<size_t>(begin)], voxels[static_cast<size_t>(begin)], 0};
            for (int64_t n = begin; n < end; ++n) {
                const float v = voxels[static_cast<size_t>(n)];
                r.low = std::min(r.low, v), r.high = std::max(r.high, v);
                r.not_finite += !std::isfinite(v);
            }
#pragma omp critical(cmtl_range)
            {
                all.low = std::min(all.low, r.low), all.high = std::max(all.high, r.high);
                all.not_finite += r.not_finite;
            }
        },
        1 << 16);
    return all;
}

// What no CT scanner writes. Padding far below air and metal far above bone do occur.
void check_hounsfield(const Volume& volume, const std::string& name) {
    const Range r = range_of(volume.voxels);
    if (r.not_finite)
        fail(ErrorKind::input, "image", "{}: {} voxels are not numbers (NaN or infinite)", name, r.not_finite);
    if (r.low == r.high)
        fail(ErrorKind::input, "image", "{}: every voxel has the value {}: there is no image in it", name, r.low);
    if (r.low < -33000 || r.high > 70000)
        fail(ErrorKind::input, "image", "{}: values from {} to {} cannot be Hounsfield units", name, r.low, r.high);
    if (r.low > -200)
        fail(ErrorKind::input, "image",
             "{}: values from {} to {} are not Hounsfield units of a body in air (-1000): is the offset missing, or is "
             "it a mask?",
             name, r.low, r.high);
}

template <class T>
constexpr ValueType value_type = std::is_same_v<T, uint8_t>   ? ValueType::uint8
                                 : std::is_same_v<T, int16_t> ? ValueType::int16
                                                              : ValueType::float32;

Volume as_volume(const Image<int32_t>& image) {
    Volume volume(image.geometry);
    std::transform(image.voxels.begin(), image.voxels.end(), volume.voxels.begin(),
                   [](int32_t v) { return static_cast<float>(v); });
    return volume;
}

bool ends_with(const std::string& name, std::string_view end) {
    return name.size() > end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Volume read_volume(const fs::path& path, const ReadOptions& options, ReadReport* report) {
    Volume volume = read_either(
        path, options, report, [](const fs::path& p, ReadReport& r) { return as_volume(read_covid_mtl_volume(p, r)); },
        [&](const fs::path& p, ReadReport& r) { return read_dicom(p, options, r); },
        [&](const fs::path& p, ReadReport& r) {
            return read_format(
                p, r, [&] { return read_nifti(p, r); }, [&] { return read_meta(p); }, [&] { return read_nrrd(p, r); });
        });
    check_geometry(volume.geometry, path.string(), options.min_slices);
    if (options.expect_ct) check_hounsfield(volume, path.string());
    return volume;
}

AnyImage read_image(const fs::path& path, const ReadOptions& options, ReadReport* report) {
    ReadOptions anything = options;
    anything.min_slices = 1;
    anything.expect_ct = false;
    AnyImage image = read_either(
        path, anything, report, [](const fs::path& p, ReadReport& r) { return AnyImage(read_covid_mtl_volume(p, r)); },
        [&](const fs::path& p, ReadReport& r) { return read_any_dicom(p, anything, r); },
        [&](const fs::path& p, ReadReport& r) {
            return read_format(
                p, r, [&] { return read_any_nifti(p, r); }, [&] { return read_any_meta(p); },
                [&] { return read_any_nrrd(p, r); });
        });
    check_geometry(std::visit([](const auto& i) { return i.geometry; }, image), path.string(), 1);
    return image;
}

namespace {
template <class T>
Mask labels_of(Image<T> image, const std::string& name) {
    if constexpr (std::is_same_v<T, uint8_t>) {
        return image;
    } else {
        Mask mask(image.geometry);
        for (size_t n = 0; n < mask.voxels.size(); ++n) {
            const T v = image.voxels[n];
            const auto label = v >= T{0} && v <= T{255} ? static_cast<uint8_t>(v) : uint8_t{0};
            if (static_cast<T>(label) != v)
                fail(ErrorKind::input, "image", "{}: a mask holds whole numbers from 0 to 255, not {}", name, v);
            mask.voxels[n] = label;
        }
        return mask;
    }
}
}  // namespace

Mask read_mask(const fs::path& path) {
    return std::visit([&](auto&& image) { return labels_of(std::move(image), path.string()); }, read_image(path));
}

namespace {
// On a full disk the libraries throw, print a line, or return as if all were well: what they wrote is looked at.
void write_whole(const fs::path& temporary, const fs::path& path, FileFormat format, const Geometry& g, ValueType type,
                 const void* voxels) {
    try {
        write_with_itk(temporary, format, g, type, voxels);
        if (format == FileFormat::nifti) check_nifti_header(temporary);
        if (format == FileFormat::nrrd) check_nrrd_header(temporary);
        if (format == FileFormat::meta) check_meta_header(temporary);
    } catch (const Error&) {
        fail(ErrorKind::resource, "image",
             "{}: the file could not be written whole; is the disk full? Free some space and run again", path.string());
    }
}
}  // namespace

template <class T>
void write_image(const fs::path& path, const Image<T>& image) {
    const std::string name = path.filename().string();
    FileFormat format = FileFormat::unknown;
    if (ends_with(name, ".nii") || ends_with(name, ".nii.gz")) format = FileFormat::nifti;
    if (ends_with(name, ".nrrd")) format = FileFormat::nrrd;
    if (ends_with(name, ".mha")) format = FileFormat::meta;
    if (format == FileFormat::unknown)
        fail(ErrorKind::usage, "image", "{}: images are written as .nii.gz, .nii, .nrrd or .mha", path.string());
    require(std::ssize(image.voxels) == image.geometry.count(), "image", "{} voxels on a grid of {}",
            image.voxels.size(), image.geometry.count());
    for (int64_t n : image.geometry.size)
        if (format == FileFormat::nifti && n > 32767)
            fail(ErrorKind::usage, "image", "{}: NIfTI holds at most 32767 voxels along an axis, not {}: write .nrrd",
                 path.string(), n);
    AtomicFile file(path);
    file.close_for_library();
    write_whole(file.temporary(), path, format, image.geometry, value_type<T>, image.voxels.data());
    file.commit();
}

template void write_image(const fs::path&, const Image<uint8_t>&);
template void write_image(const fs::path&, const Image<int16_t>&);
template void write_image(const fs::path&, const Image<float>&);

}  // namespace cmtl
