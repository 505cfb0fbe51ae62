#include "io/dicom.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/dicom_decode.hpp"
#include "io/dicom_series.hpp"
#include "io/dicom_stack.hpp"

namespace cmtl {

namespace {

void check_file(const DicomFile& file) {
    const DicomHeader& h = *file.header;
    const std::string name = file.path.string();
    if (h.rows < 1 || h.columns < 1 || h.rows > 16384 || h.columns > 16384)
        fail(ErrorKind::input, "dicom", "{}: an image of {} x {} pixels cannot be a CT slice", name, h.columns, h.rows);
    if (h.samples != 1)
        fail(ErrorKind::input, "dicom", "{}: {} values per pixel ({}): a colour image is not a CT slice", name,
             h.samples, h.photometric);
    const int64_t bits = std::max<int64_t>(h.bits_allocated, 1);
    const double raw = double(h.rows) * double(h.columns) * double(h.frames) * double(bits) / 8;
    if (h.encapsulated && raw > 5000.0 * double(h.pixel_bytes) + 65536)
        fail(ErrorKind::input, "dicom", "{}: {} x {} x {} pixels cannot be in {} bytes of pixel data", name, h.columns,
             h.rows, h.frames, h.pixel_bytes);
    if (!h.encapsulated && raw > double(h.pixel_bytes))
        fail(ErrorKind::input, "dicom",
             "{}: truncated: {} of {:.0f} bytes of pixel data are there; copy the file again", name, h.pixel_bytes,
             raw);
    const auto own = std::ssize(h.own), offsets = std::ssize(h.grid_offsets);
    if (h.frames > 1 && own != h.frames && (own || offsets != h.frames))
        fail(ErrorKind::input, "dicom", "{}: {} frames with {} positions", name, h.frames, std::max(own, offsets));
    const auto zero = std::find(h.slopes.begin(), h.slopes.end(), 0.0);
    if (zero != h.slopes.end())
        fail(ErrorKind::input, "dicom",
             "{}: a rescale slope (0028,1053) of 0 leaves no image: export it again with the scanner's slope", name);
}

void check_image(const DicomImage& image) {
    const DicomFrame& f = image.at;
    const std::string name = image.file.path.string();
    if (!f.orientation || !f.spacing || !f.position)
        fail(ErrorKind::input, "dicom", "{}: not a slice of a volume: {} is missing", name,
             !f.orientation ? "the orientation (0020,0037)"
             : !f.spacing   ? "the pixel spacing (0028,0030)"
                            : "the position (0020,0032)");
    for (double mm : *f.spacing)
        if (!(mm >= 0.01 && mm <= 100))
            fail(ErrorKind::input, "dicom", "{}: a pixel spacing of {} mm cannot be right (0.01 to 100 mm)", name, mm);
    for (double mm : *f.position)
        if (!(std::abs(mm) < 1e6))
            fail(ErrorKind::input, "dicom", "{}: a position (0020,0032) at {} mm cannot be right", name, mm);
    const auto& o = *f.orientation;
    const double uu = o[0] * o[0] + o[1] * o[1] + o[2] * o[2], vv = o[3] * o[3] + o[4] * o[4] + o[5] * o[5],
                 uv = o[0] * o[3] + o[1] * o[4] + o[2] * o[5];
    if (!(std::abs(uu - 1) <= 1e-3 && std::abs(vv - 1) <= 1e-3 && std::abs(uv) <= 1e-3))
        fail(ErrorKind::input, "dicom", "{}: the orientation (0020,0037) is not two perpendicular unit vectors", name);
}

// Whether stored values become Hounsfield units by what the headers say.
void check_rescale(const std::vector<DicomImage>& images, const DicomReading& reading) {
    int64_t without = 0;
    std::string type, example;
    for (const DicomImage& image : images) {
        if (!image.at.slope || !image.at.intercept) {
            if (without++ == 0) example = image.name();
        }
        if (const std::string& t = image.at.rescale_type; !t.empty() && t != "HU" && t != "HU_MOD") type = t;
    }
    if (without)
        reading.warn(
            fmt::format("{} of {} slices have no rescale slope or intercept (0028,1052), for example {}: 1 "
                        "and 0 are taken",
                        without, images.size(), example));
    if (type == "US")
        reading.warn("the rescale type (0028,1054) is US (unspecified): values are taken as Hounsfield units");
    else if (!type.empty() && reading.options.expect_ct)
        fail(ErrorKind::input, "dicom",
             "{}: the rescale type (0028,1054) is '{}': these are no Hounsfield units, but a map computed from the "
             "CT; give the CT itself",
             reading.where, type);
}

struct FoundStack {
    DicomStack stack;
    bool ct;
};

FoundStack find_stack(const fs::path& path, const ReadOptions& options, ReadReport& report) {
    DicomReading reading{path.string(), "", options, report};
    report.format = "DICOM";
    const std::vector<DicomFile> files = choose_series(scan_dicom(path), reading);
    const std::string modality = files[0].header->modality;
    const bool ct = modality == "CT";
    if (options.expect_ct && !ct) reading.aside = fmt::format(" (and the modality is '{}', not CT)", modality);

    std::vector<DicomImage> images;
    const auto check_count = [&](int64_t count) {
        if (count >= options.min_slices) return;
        fail(ErrorKind::input, "dicom",
             "{}: the series has {}; a volume needs at least {}{}: give the folder with the whole series",
             reading.where, count == 1 ? "a single slice" : fmt::format("only {} slices", count), options.min_slices,
             reading.aside);
    };
    int64_t count = 0;
    for (const DicomFile& file : files) count += file.header->frames;
    check_count(count);
    if (count > max_voxels) fail(ErrorKind::input, "dicom", "{}: {} slices are too many", reading.where, count);
    for (const DicomFile& file : files) {
        check_file(file);
        for (int64_t f = 0; f < file.header->frames; ++f) images.push_back({file, f, file.header->frame(f), 0});
    }
    set_localizers_aside(images, reading);
    for (const DicomImage& image : images) check_image(image);
    images = choose_group(std::move(images), reading);
    check_count(std::ssize(images));
    DicomStack stack = make_stack(std::move(images), reading);
    if (options.expect_ct && !ct)
        fail(ErrorKind::input, "dicom", "{}: the modality is '{}', not CT", reading.where, modality);
    if (ct) check_rescale(stack.images, reading);
    return {std::move(stack), ct};
}

// The least and largest value that the headers allow; nothing where values need not be whole numbers.
std::optional<std::pair<double, double>> whole_range(const std::vector<DicomImage>& images) {
    double low = 0, high = 0;
    for (const DicomImage& image : images) {
        const DicomHeader& h = image.header();
        const bool is_signed = h.pixel_representation == 1;
        const auto bits = static_cast<int>(std::clamp<int64_t>(h.bits_stored, 1, 32));
        const double least = is_signed ? -std::ldexp(1, bits - 1) : 0, most = std::ldexp(1, bits - is_signed) - 1;
        const double slope = image.at.slope.value_or(1), intercept = image.at.intercept.value_or(0);
        if (slope != std::floor(slope) || intercept != std::floor(intercept)) return std::nullopt;
        const double a = least * slope + intercept, b = most * slope + intercept;
        low = std::min({low, a, b}), high = std::max({high, a, b});
    }
    return std::pair{low, high};
}

// Stored values without the offset of 1024 that their scanner took off: air lies near 0 and tissue near 1024.
void check_offset(const Volume& volume, const std::vector<DicomImage>& images, const std::string& where) {
    for (const DicomImage& image : images)
        if (image.at.intercept.value_or(0) != 0) return;
    size_t air = 0, tissue = 0;
    for (const float v : volume.voxels) {
        if (v < -100) return;
        air += v < 200;
        tissue += v > 874 && v < 1224;
    }
    const double all = static_cast<double>(volume.voxels.size());
    if (double(air) > 0.02 * all && double(tissue) > 0.02 * all)
        fail(ErrorKind::input, "dicom",
             "{}: not Hounsfield units: the rescale intercept (0028,1052) is {}, but {:.0f} % of the values lie near 0 "
             "and "
             "{:.0f} % near 1024, as if they were HU + 1024; export it again with an intercept of -1024",
             where, images[0].at.intercept ? "0" : "missing", 100 * double(air) / all, 100 * double(tissue) / all);
}

}  // namespace

bool is_dicom(const fs::path& path) {
    std::error_code code;
    return fs::is_directory(path, code) || file_looks_like_dicom(path);
}

Volume read_dicom(const fs::path& path, const ReadOptions& options, ReadReport& report) {
    const FoundStack found = find_stack(path, options, report);
    Volume volume = decode_stack<float>(found.stack, found.ct, found.ct ? no_measurement_hu : 0);
    if (options.expect_ct) check_offset(volume, found.stack.images, path.string());
    return volume;
}

AnyImage read_any_dicom(const fs::path& path, const ReadOptions& options, ReadReport& report) {
    const auto [stack, ct] = find_stack(path, options, report);
    const auto range = whole_range(stack.images);
    const double outside = ct ? no_measurement_hu : 0;
    if (range && range->first >= -32768 && range->second <= 32767) return decode_stack<int16_t>(stack, false, outside);
    if (range && range->first >= -2147483648.0 && range->second <= 2147483647.0)
        return decode_stack<int32_t>(stack, false, outside);
    return decode_stack<double>(stack, false, outside);
}

}  // namespace cmtl
