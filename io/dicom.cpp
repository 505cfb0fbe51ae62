#include "io/dicom.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "io/dicom_header.hpp"
#include "io/dicom_pixels.hpp"

namespace cmtl {

namespace {

struct Slice {
    fs::path path;
    DicomHeader header;
    int64_t frame = 0;  // of a multi-frame file
    Vector3 position{};
    double along = 0;  // position along the normal, mm
};

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

void rethrow_first(const std::vector<std::exception_ptr>& errors) {
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
}

std::string first_bytes(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::string head(132, '\0');
    in.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<size_t>(in.gcount()));
    return head;
}

double dot(const Vector3& a, const Vector3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
Vector3 cross(const Vector3& a, const Vector3& b) {
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
Vector3 row_axis(const DicomHeader& h) { return {(*h.orientation)[0], (*h.orientation)[1], (*h.orientation)[2]}; }
Vector3 column_axis(const DicomHeader& h) { return {(*h.orientation)[3], (*h.orientation)[4], (*h.orientation)[5]}; }

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

// The headers of all images, by file name. Files that are no DICOM, or DICOM without pixels (a DICOMDIR), are passed
// over.
std::vector<Slice> scan(const fs::path& path) {
    const std::vector<fs::path> files = files_below(path);
    if (files.empty())
        fail(ErrorKind::input, "dicom", "{}: the folder is empty; give the folder that holds the CT slices",
             path.string());
    std::vector<Slice> slices(files.size());
    std::vector<char> use(files.size(), 0);
    std::vector<std::exception_ptr> errors(files.size());
#pragma omp parallel for schedule(dynamic, 4)
    for (size_t n = 0; n < files.size(); ++n) {
        try {
            if (!looks_like_dicom(bytes_of(first_bytes(files[n])))) continue;
            const std::string content = read_file(files[n]);
            slices[n].path = files[n];
            slices[n].header = parse_dicom_header(bytes_of(content), files[n].string());
            slices[n].header.inflated = {};
            use[n] = slices[n].header.has_pixels;
        } catch (...) {
            errors[n] = std::current_exception();
        }
    }
    rethrow_first(errors);
    std::vector<Slice> found;
    for (size_t n = 0; n < files.size(); ++n)
        if (use[n]) found.push_back(std::move(slices[n]));
    if (found.empty())
        fail(ErrorKind::input, "dicom", "{}: no DICOM images among {} file{}; give the folder that holds the CT slices",
             path.string(), files.size(), files.size() == 1 ? "" : "s");
    return found;
}

std::string shown(const std::string& uid) { return uid.empty() ? "(no UID)" : uid; }

int64_t slice_count(const std::vector<Slice>& series) {
    int64_t n = 0;
    for (const Slice& s : series) n += s.header.frames;
    return n;
}

// One series of those in the folder: the one asked for, or the CT series with most slices.
std::vector<Slice> choose_series(std::vector<Slice> slices, const std::string& where, const ReadOptions& options,
                                 ReadReport& report) {
    std::map<std::string, std::vector<Slice>> series;
    for (Slice& s : slices) series[s.header.series_uid].push_back(std::move(s));
    std::string listing;
    for (const auto& [uid, s] : series)
        listing += fmt::format("{}{} ({} slices, {})", listing.empty() ? "" : ", ", shown(uid), slice_count(s),
                               s[0].header.modality);
    std::string chosen = options.series_uid;
    if (!chosen.empty()) {
        if (!series.count(chosen))
            fail(ErrorKind::input, "dicom", "{}: no series {}; the folder has {}", where, chosen, listing);
    } else {
        const auto better = [&](const auto& a, const auto& b) {  // a is worse than b
            const bool ct_a = a.second[0].header.modality == "CT", ct_b = b.second[0].header.modality == "CT";
            if (ct_a != ct_b) return ct_b;
            return slice_count(a.second) < slice_count(b.second);
        };
        chosen = std::max_element(series.begin(), series.end(), better)->first;
        if (series.size() > 1)
            report.warnings.push_back(
                fmt::format("{}: {} series in one folder; taking {} of {}: choose with --series UID", where,
                            series.size(), shown(chosen), listing));
    }
    report.series_uid = chosen;
    return std::move(series[chosen]);
}

void check_attributes(const Slice& s) {
    const DicomHeader& h = s.header;
    const std::string name = s.path.string();
    if (h.rows < 1 || h.columns < 1 || h.rows > 16384 || h.columns > 16384)
        fail(ErrorKind::input, "dicom", "{}: an image of {} x {} pixels cannot be a CT slice", name, h.columns, h.rows);
    if (h.samples != 1)
        fail(ErrorKind::input, "dicom", "{}: {} values per pixel ({}): a colour image is not a CT slice", name,
             h.samples, h.photometric);
    if (!h.orientation || !h.spacing || h.positions.empty())
        fail(ErrorKind::input, "dicom", "{}: not a slice of a volume: {} is missing", name,
             !h.orientation ? "the orientation (0020,0037)"
             : !h.spacing   ? "the pixel spacing (0028,0030)"
                            : "the position (0020,0032)");
    if (static_cast<int64_t>(h.positions.size()) != h.frames)
        fail(ErrorKind::input, "dicom", "{}: {} frames with {} positions", name, h.frames, h.positions.size());
    for (double mm : *h.spacing)
        if (!(mm >= 0.01 && mm <= 100))
            fail(ErrorKind::input, "dicom", "{}: a pixel spacing of {} mm cannot be right (0.01 to 100 mm)", name, mm);
    const Vector3 u = row_axis(h), v = column_axis(h);
    if (std::abs(dot(u, u) - 1) > 1e-3 || std::abs(dot(v, v) - 1) > 1e-3 || std::abs(dot(u, v)) > 1e-3)
        fail(ErrorKind::input, "dicom", "{}: the orientation (0020,0037) is not two perpendicular unit vectors", name);
    const int64_t bits = std::max<int64_t>(h.bits_allocated, 1);
    const double raw = double(h.rows) * double(h.columns) * double(h.frames) * double(bits) / 8;
    if (h.encapsulated && raw > 5000.0 * double(h.pixel_bytes) + 65536)
        fail(ErrorKind::input, "dicom", "{}: {} x {} x {} pixels cannot be in {} bytes of pixel data", name, h.columns,
             h.rows, h.frames, h.pixel_bytes);
    if (!h.encapsulated && raw > double(h.pixel_bytes))
        fail(ErrorKind::input, "dicom",
             "{}: truncated: {} of {:.0f} bytes of pixel data are there; copy the file again", name, h.pixel_bytes,
             raw);
}

// All slices lie on one grid: same size, spacing and orientation.
void check_same_grid(const std::vector<Slice>& slices, const std::string& where, const std::string& aside) {
    const DicomHeader& a = slices[0].header;
    std::map<std::array<int, 6>, int64_t> orientations;
    for (const Slice& s : slices) {
        std::array<int, 6> key;
        for (size_t n = 0; n < 6; ++n) key[n] = static_cast<int>(std::lround((*s.header.orientation)[n] * 100));
        ++orientations[key];
    }
    for (const Slice& s : slices) {
        const DicomHeader& b = s.header;
        for (size_t n = 0; n < 6; ++n)
            if (std::abs((*a.orientation)[n] - (*b.orientation)[n]) > 1e-3)
                fail(ErrorKind::input, "dicom",
                     "{}: mixed orientation: the slices have {} different orientations (for example {} and {}){}; "
                     "keep one in the folder",
                     where, std::max<size_t>(2, orientations.size()), slices[0].path.filename().string(),
                     s.path.filename().string(), aside);
        if (a.rows != b.rows || a.columns != b.columns)
            fail(ErrorKind::input, "dicom", "{}: mixed sizes: {} is {} x {} and {} is {} x {}{}", where,
                 slices[0].path.filename().string(), a.columns, a.rows, s.path.filename().string(), b.columns, b.rows,
                 aside);
        for (size_t n = 0; n < 2; ++n)
            if (std::abs((*a.spacing)[n] - (*b.spacing)[n]) > 1e-3 * (*a.spacing)[n])
                fail(ErrorKind::input, "dicom", "{}: mixed pixel spacing: {} mm in {} and {} mm in {}{}", where,
                     (*a.spacing)[n], slices[0].path.filename().string(), (*b.spacing)[n], s.path.filename().string(),
                     aside);
    }
}

// Sorts along the normal; returns the step. Slices are uniform, none is missing or double, and the stack is not
// sheared.
double sort_and_step(std::vector<Slice>& slices, const std::string& where, const std::string& aside) {
    const Vector3 u = row_axis(slices[0].header), v = column_axis(slices[0].header), normal = cross(u, v);
    for (Slice& s : slices) s.along = dot(s.position, normal);
    std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) { return a.along < b.along; });
    std::vector<double> steps;
    for (size_t n = 1; n < slices.size(); ++n) steps.push_back(slices[n].along - slices[n - 1].along);
    constexpr double same = 1e-3;
    const auto doubles = std::count_if(steps.begin(), steps.end(), [](double s) { return s < same; });
    if (doubles == std::ssize(steps))
        fail(ErrorKind::input, "dicom", "{}: not a volume: all {} images lie at the same position{}", where,
             slices.size(), aside);
    if (doubles) {
        const auto n = static_cast<size_t>(std::find_if(steps.begin(), steps.end(), [](double s) { return s < same; }) -
                                           steps.begin());
        fail(ErrorKind::input, "dicom",
             "{}: duplicate positions: {} slices lie where another one lies, for example {} and {} at {:.2f} mm{}; "
             "keep one acquisition in the folder",
             where, doubles, slices[n].path.filename().string(), slices[n + 1].path.filename().string(),
             slices[n].along, aside);
    }
    std::vector<double> sorted = steps;
    std::nth_element(sorted.begin(), sorted.begin() + std::ssize(sorted) / 2, sorted.end());
    const double step = sorted[sorted.size() / 2];
    // Positions are often rounded to a tenth of a millimetre.
    const double tolerance = std::max(0.05 * step, std::min(0.11, 0.25 * step));
    int64_t missing = 0;
    double gap_from = 0, gap_to = 0;
    bool multiples = true;
    for (size_t n = 0; n < steps.size(); ++n) {
        if (std::abs(steps[n] - step) <= tolerance) continue;
        const double times = std::round(steps[n] / step);
        multiples = multiples && times >= 2 && std::abs(steps[n] - times * step) <= tolerance * times;
        if (missing == 0) gap_from = slices[n].along, gap_to = slices[n + 1].along;
        missing += std::max<int64_t>(1, static_cast<int64_t>(times) - 1);
    }
    if (missing && multiples)
        fail(ErrorKind::input, "dicom",
             "{}: {} missing slice{}: the step is {:.3f} mm, but none lies between {:.2f} and {:.2f} mm{}; "
             "copy the whole series",
             where, missing, missing == 1 ? "" : "s", step, gap_from, gap_to, aside);
    if (missing)
        fail(ErrorKind::input, "dicom",
             "{}: uneven slice step: from {:.3f} to {:.3f} mm, first at {:.2f} mm{}; export an evenly spaced series",
             where, *std::min_element(steps.begin(), steps.end()), *std::max_element(steps.begin(), steps.end()),
             gap_from, aside);
    if (slices.size() < 2) return 0;
    const double length = slices.back().along - slices.front().along;
    Vector3 way{};
    for (size_t a = 0; a < 3; ++a) way[a] = slices.back().position[a] - slices.front().position[a];
    const double aslant = std::hypot(dot(way, u), dot(way, v));
    if (aslant > 0.01 * length + 0.1)
        fail(ErrorKind::input, "dicom",
             "{}: gantry tilt: the stack is sheared by {:.1f} degrees{}; export it corrected for the tilt", where,
             std::atan2(aslant, length) * 180 / 3.14159265358979323846, aside);
    return length / static_cast<double>(slices.size() - 1);
}

template <class T>
Image<T> decode(const std::vector<Slice>& slices, const Geometry& geometry) {
    Image<T> volume(geometry);
    const size_t plane = static_cast<size_t>(volume.nx() * volume.ny());
    std::vector<std::exception_ptr> errors(slices.size());
    std::atomic<bool> failed = false;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t n = 0; n < slices.size(); ++n) {
        if (failed) continue;
        try {
            const std::string name = slices[n].path.string(), content = read_file(slices[n].path);
            const DicomHeader header = parse_dicom_header(bytes_of(content), name);
            require(header.rows == volume.ny() && header.columns == volume.nx() && header.frames == 1, "dicom",
                    "{} changed while it was read", name);
            decode_pixels(header, bytes_of(content), name, std::span<T>(volume.voxels).subspan(n * plane, plane));
        } catch (...) {
            errors[n] = std::current_exception();
            failed = true;
        }
    }
    rethrow_first(errors);
    return volume;
}

// A multi-frame file is decoded whole, then its frames are put in order.
template <class T>
Image<T> decode_frames(const std::vector<Slice>& frames, const Geometry& geometry) {
    const std::string name = frames[0].path.string(), content = read_file(frames[0].path);
    const DicomHeader header = parse_dicom_header(bytes_of(content), name);
    const size_t plane = static_cast<size_t>(header.rows * header.columns);
    std::vector<T> raw(plane * frames.size());
    decode_pixels(header, bytes_of(content), name, std::span<T>(raw));
    Image<T> volume(geometry);
    for (size_t n = 0; n < frames.size(); ++n)
        std::copy_n(raw.begin() + std::ssize(raw) / std::ssize(frames) * frames[n].frame, plane,
                    volume.voxels.begin() + static_cast<int64_t>(n * plane));
    return volume;
}

// A series as a volume whose pixels are not read yet.
struct Series {
    std::vector<Slice> slices;  // in order
    Geometry geometry;
    bool multi_frame = false;

    template <class T>
    Image<T> decoded() const {
        return multi_frame ? decode_frames<T>(slices, geometry) : decode<T>(slices, geometry);
    }
};

Series find_series(const fs::path& path, const ReadOptions& options, ReadReport& report) {
    const std::string where = path.string();
    report.format = "DICOM";
    std::vector<Slice> slices = choose_series(scan(path), where, options, report);
    const std::string modality = slices[0].header.modality;
    // A second fault is told along with the first one.
    const std::string aside =
        options.expect_ct && modality != "CT" ? fmt::format(" (and the modality is '{}', not CT)", modality) : "";
    bool multi_frame = false;
    for (const Slice& s : slices) multi_frame = multi_frame || s.header.frames > 1;
    if (multi_frame && slices.size() > 1)
        fail(ErrorKind::input, "dicom", "{}: {} multi-frame files in one series{}; give one of them", where,
             slices.size(), aside);
    if (!multi_frame && std::ssize(slices) < options.min_slices)
        fail(ErrorKind::input, "dicom",
             "{}: the series has {}; a volume needs at least {}{}: give the folder with the whole series", where,
             slices.size() == 1 ? "a single slice" : fmt::format("only {} slices", slices.size()), options.min_slices,
             aside);
    for (const Slice& s : slices) check_attributes(s);
    if (multi_frame) {
        const Slice whole = slices[0];
        slices.assign(static_cast<size_t>(whole.header.frames), whole);
        for (size_t f = 0; f < slices.size(); ++f) slices[f].frame = static_cast<int64_t>(f);
    }
    for (Slice& s : slices) s.position = s.header.positions[static_cast<size_t>(s.frame)];
    check_same_grid(slices, where, aside);
    const double step = slices.size() > 1 ? sort_and_step(slices, where, aside) : 1;
    if (!aside.empty()) fail(ErrorKind::input, "dicom", "{}: the modality is '{}', not CT", where, modality);

    const DicomHeader& h = slices[0].header;
    const Vector3 u = row_axis(h), v = column_axis(h), w = cross(u, v);
    Geometry g;
    g.size = {h.columns, h.rows, std::ssize(slices)};
    g.spacing = {(*h.spacing)[1], (*h.spacing)[0], step};
    g.origin = slices[0].position;
    g.direction = {u[0], v[0], w[0], u[1], v[1], w[1], u[2], v[2], w[2]};
    if (double(h.columns) * double(h.rows) * double(slices.size()) > double(max_voxels))
        fail(ErrorKind::input, "dicom", "{}: {} x {} x {} voxels are more than 2^30", where, h.columns, h.rows,
             slices.size());
    return {std::move(slices), g, multi_frame};
}

// The least and largest value that the headers allow; nothing where values need not be whole numbers.
std::optional<std::pair<double, double>> whole_range(const std::vector<Slice>& slices) {
    double low = 0, high = 0;
    for (const Slice& s : slices) {
        const DicomHeader& h = s.header;
        const bool is_signed = h.pixel_representation == 1;
        const auto bits = static_cast<int>(std::clamp<int64_t>(h.bits_stored, 1, 32));
        const double least = is_signed ? -std::ldexp(1, bits - 1) : 0, most = std::ldexp(1, bits - is_signed) - 1;
        const size_t steps = std::max<size_t>({h.slopes.size(), h.intercepts.size(), 1});
        for (size_t n = 0; n < steps; ++n) {
            const double slope = n < h.slopes.size() ? h.slopes[n] : h.slopes.empty() ? 1 : h.slopes.back();
            const double intercept = n < h.intercepts.size() ? h.intercepts[n]
                                     : h.intercepts.empty()  ? 0
                                                             : h.intercepts.back();
            if (slope != std::floor(slope) || intercept != std::floor(intercept)) return std::nullopt;
            const double a = least * slope + intercept, b = most * slope + intercept;
            low = std::min({low, a, b}), high = std::max({high, a, b});
        }
    }
    return std::pair{low, high};
}

}  // namespace

bool is_dicom(const fs::path& path) {
    std::error_code code;
    return fs::is_directory(path, code) || looks_like_dicom(bytes_of(first_bytes(path)));
}

Volume read_dicom(const fs::path& path, const ReadOptions& options, ReadReport& report) {
    return find_series(path, options, report).decoded<float>();
}

AnyImage read_any_dicom(const fs::path& path, const ReadOptions& options, ReadReport& report) {
    const Series series = find_series(path, options, report);
    const auto range = whole_range(series.slices);
    if (range && range->first >= -32768 && range->second <= 32767) return series.decoded<int16_t>();
    if (range && range->first >= -2147483648.0 && range->second <= 2147483647.0) return series.decoded<int32_t>();
    return series.decoded<double>();
}

}  // namespace cmtl
