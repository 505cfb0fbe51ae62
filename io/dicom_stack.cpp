#include "io/dicom_stack.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace cmtl {

namespace {

constexpr double widest_gap_mm = 10;
constexpr double degrees = 180 / 3.14159265358979323846;

double dot(const Vector3& a, const Vector3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// In-plane way from one slice's first pixel to another's, mm along rows and columns.
std::array<double, 2> drift(const DicomImage& from, const DicomImage& to) {
    Vector3 way{};
    for (size_t a = 0; a < 3; ++a) way[a] = (*to.at.position)[a] - (*from.at.position)[a];
    return {dot(way, row_axis(from.at)), dot(way, column_axis(from.at))};
}

// "-12.50 to -10.00, ...": the first uneven steps.
std::string uneven_places(const std::vector<DicomImage>& images, const DicomSteps& s) {
    std::string text;
    int64_t told = 0;
    for (size_t n = 1; n < images.size(); ++n) {
        const double step = images[n].along - images[n - 1].along;
        if (std::abs(step - s.step) <= s.tolerance) continue;
        if (++told > 3) break;
        text += fmt::format("{}{:.2f} and {:.2f} mm", told == 1 ? "" : ", ", images[n - 1].along, images[n].along);
    }
    return text + (s.uneven > 3 ? fmt::format(" and {} more places", s.uneven - 3) : "");
}

[[noreturn]] void fail_doubles(const std::vector<DicomImage>& images, const DicomSteps& s, const DicomReading& r) {
    if (s.doubles == std::ssize(images) - 1)
        fail(ErrorKind::input, "dicom", "{}: not a volume: all {} images lie at the same position{}", r.where,
             images.size(), r.aside);
    size_t n = 1;
    while (images[n].along - images[n - 1].along >= same_place) ++n;
    fail(ErrorKind::input, "dicom",
         "{}: duplicate positions: {} slices lie where another one lies, for example {} and {} at {:.2f} mm, with "
         "other pixels{}; keep one acquisition in the folder",
         r.where, s.doubles, images[n - 1].name(), images[n].name(), images[n].along, r.aside);
}

[[noreturn]] void fail_uneven(const std::vector<DicomImage>& images, const DicomSteps& s, const DicomReading& r,
                              const std::string& remedy) {
    const std::string places = uneven_places(images, s);
    if (s.missing && s.multiples)
        fail(ErrorKind::input, "dicom",
             "{}: {} missing slice{}: the step is {:.3f} mm, but none lies between {}{}; copy the whole series{}",
             r.where, s.missing, s.missing == 1 ? "" : "s", s.step, places, r.aside, remedy);
    double least = s.widest;
    for (size_t n = 1; n < images.size(); ++n) least = std::min(least, images[n].along - images[n - 1].along);
    fail(ErrorKind::input, "dicom",
         "{}: uneven slice step: from {:.3f} to {:.3f} mm, not {:.3f} mm between {}{}; export an evenly spaced "
         "series{}",
         r.where, least, s.widest, s.step, places, r.aside, remedy);
}

std::vector<DicomStack::Plane> planes_of_all(size_t count) {
    std::vector<DicomStack::Plane> planes(count);
    for (size_t n = 0; n < count; ++n) planes[n] = {n, n, 0};
    return planes;
}

std::vector<DicomStack::Plane> planes_over_gaps(const std::vector<DicomImage>& images, const DicomSteps& s,
                                                const DicomReading& r) {
    const double length = images.back().along - images.front().along;
    const auto count = std::max<int64_t>(2, std::llround(length / s.step) + 1);
    const double limit = std::max(widest_gap_mm, 1.5 * s.step) + s.tolerance;
    if (s.widest > limit)
        fail_uneven(images, s, r,
                    fmt::format(" (a gap of {:.1f} mm is too wide for --allow-gaps, which takes {:.1f} mm)", s.widest,
                                limit - s.tolerance));
    if (4 * s.missing > count)
        fail_uneven(images, s, r,
                    fmt::format(" ({} of {} slices are too many to be made up by --allow-gaps, which takes a quarter)",
                                s.missing, count));
    std::vector<DicomStack::Plane> planes(static_cast<size_t>(count));
    const double step = length / static_cast<double>(count - 1);
    size_t next = 1;
    int64_t made = 0;
    for (size_t k = 0; k < planes.size(); ++k) {
        const double at = images.front().along + static_cast<double>(k) * step;
        while (next + 1 < images.size() && images[next].along < at) ++next;
        const double before = images[next - 1].along, after = images[next].along;
        const double weight = std::clamp((at - before) / (after - before), 0.0, 1.0);
        if (std::abs(at - before) <= s.tolerance && at - before <= after - at)
            planes[k] = {next - 1, next - 1, 0};
        else if (std::abs(at - after) <= s.tolerance)
            planes[k] = {next, next, 0};
        else
            planes[k] = {next - 1, next, weight}, ++made;
    }
    r.warn(
        fmt::format("{} of {} slices are interpolated (--allow-gaps): the step is {:.3f} mm, the widest gap {:.2f} "
                    "mm",
                    made, count, step, s.widest));
    return planes;
}

// What keeps a stack from being rectangular, in words; empty where it is.
std::string shear(const std::vector<DicomImage>& images, const DicomReading& r) {
    const double length = images.back().along - images.front().along;
    const std::array<double, 2> whole = drift(images.front(), images.back());
    double most = 0, bent = 0;  // off the normal; off the line from the first to the last slice
    for (const DicomImage& image : images) {
        const auto [a, b] = drift(images.front(), image);
        const double part = length > 0 ? (image.along - images.front().along) / length : 0;
        most = std::max(most, std::hypot(a, b));
        bent = std::max(bent, std::hypot(a - part * whole[0], b - part * whole[1]));
    }
    if (most > 0.01 * length + 0.1) {
        if (bent > 0.1 * most + 0.1) return fmt::format("slices displaced in their plane by up to {:.1f} mm", most);
        return fmt::format("gantry tilt: the stack is sheared by {:.1f} degrees",
                           std::atan2(std::hypot(whole[0], whole[1]), length) * degrees);
    }
    const std::optional<double> told = images[0].header().gantry_tilt;
    const bool upright = std::abs(normal_axis(images[0].at)[2]) > 0.9999;
    if (told && std::abs(*told) > 0.5 && upright)
        r.warn(
            fmt::format("the gantry tilt (0018,1120) is {:.1f} degrees, but neither the orientation nor the "
                        "positions are tilted: the stack is taken to be corrected",
                        *told));
    return {};
}

// Moves the grid's corner and size so that every image fits, once each is moved along its rows and columns.
void correct_tilt(DicomStack& stack) {
    Geometry& g = stack.geometry;
    std::array<double, 2> low{}, high{};
    for (const DicomImage& image : stack.images) {
        std::array<double, 2> pixels = drift(stack.images[0], image);
        for (size_t a = 0; a < 2; ++a) {
            pixels[a] /= g.spacing[a];
            // Positions carry rounding: a whole pixel stays one.
            if (std::abs(pixels[a] - std::round(pixels[a])) < 1e-3) pixels[a] = std::round(pixels[a]);
            low[a] = std::min(low[a], std::floor(pixels[a])), high[a] = std::max(high[a], std::ceil(pixels[a]));
        }
        stack.start.push_back(pixels);
    }
    for (auto& pixels : stack.start)
        for (size_t a = 0; a < 2; ++a) pixels[a] = low[a] - pixels[a];
    for (size_t a = 0; a < 2; ++a) {
        if (high[a] - low[a] > 16384)
            fail(ErrorKind::input, "dicom", "{}: a stack that leaves its normal by {:.0f} pixels cannot be corrected",
                 stack.images[0].file.path.string(), high[a] - low[a]);
        g.size[a] += static_cast<int64_t>(high[a] - low[a]);
        for (size_t row = 0; row < 3; ++row) g.origin[row] += low[a] * g.spacing[a] * g.direction[row * 3 + a];
    }
}

}  // namespace

Vector3 row_axis(const DicomFrame& f) { return {(*f.orientation)[0], (*f.orientation)[1], (*f.orientation)[2]}; }
Vector3 column_axis(const DicomFrame& f) { return {(*f.orientation)[3], (*f.orientation)[4], (*f.orientation)[5]}; }
Vector3 normal_axis(const DicomFrame& f) {
    const Vector3 u = row_axis(f), v = column_axis(f);
    return {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
}

void sort_along_normal(std::vector<DicomImage>& images) {
    if (images.empty()) return;
    const Vector3 normal = normal_axis(images[0].at);
    for (DicomImage& image : images) image.along = dot(*image.at.position, normal);
    std::stable_sort(images.begin(), images.end(),
                     [](const DicomImage& a, const DicomImage& b) { return a.along < b.along; });
}

DicomSteps measure_steps(const std::vector<DicomImage>& sorted) {
    DicomSteps out;
    if (sorted.size() < 2) return out;
    std::vector<double> steps;
    for (size_t n = 1; n < sorted.size(); ++n) steps.push_back(sorted[n].along - sorted[n - 1].along);
    out.widest = *std::max_element(steps.begin(), steps.end());
    out.doubles = std::count_if(steps.begin(), steps.end(), [](double s) { return s < same_place; });
    std::vector<double> middle = steps;
    std::nth_element(middle.begin(), middle.begin() + std::ssize(middle) / 2, middle.end());
    out.step = middle[middle.size() / 2];
    out.tolerance = std::max(0.05 * out.step, std::min(0.11, 0.25 * out.step));
    if (out.step < same_place) return out;
    for (const double step : steps) {
        if (std::abs(step - out.step) <= out.tolerance) continue;
        const double times = std::round(step / out.step);
        out.multiples = out.multiples && times >= 2 && std::abs(step - times * out.step) <= out.tolerance * times;
        ++out.uneven;
        out.missing += std::max<int64_t>(0, static_cast<int64_t>(std::min(times, 1e9)) - 1);
    }
    return out;
}

DicomStack make_stack(std::vector<DicomImage> images, const DicomReading& reading) {
    sort_along_normal(images);
    const DicomSteps steps = measure_steps(images);
    if (steps.doubles) fail_doubles(images, steps, reading);
    DicomStack stack;
    stack.planes = steps.uneven == 0            ? planes_of_all(images.size())
                   : reading.options.allow_gaps ? planes_over_gaps(images, steps, reading)
                                                : std::vector<DicomStack::Plane>();
    if (stack.planes.empty())
        fail_uneven(images, steps, reading, ", or interpolate between the slices that are there with --allow-gaps");

    const DicomFrame& first = images[0].at;
    const Vector3 u = row_axis(first), v = column_axis(first), w = normal_axis(first);
    const double length = images.back().along - images.front().along;
    Geometry& g = stack.geometry;
    g.size = {images[0].header().columns, images[0].header().rows, std::ssize(stack.planes)};
    g.spacing = {(*first.spacing)[1], (*first.spacing)[0],
                 images.size() > 1 ? length / static_cast<double>(stack.planes.size() - 1) : 1};
    g.origin = *first.position;
    g.direction = {u[0], v[0], w[0], u[1], v[1], w[1], u[2], v[2], w[2]};
    const std::string sheared = shear(images, reading);
    if (!sheared.empty() && !reading.options.correct_tilt)
        fail(ErrorKind::input, "dicom", "{}: {}{}; correct it with --correct-tilt, or export it corrected",
             reading.where, sheared, reading.aside);
    stack.images = std::move(images);
    if (!sheared.empty()) {
        correct_tilt(stack);
        reading.warn(fmt::format("{}, which is corrected: {} x {} pixels become {} x {}", sheared,
                                 stack.images[0].header().columns, stack.images[0].header().rows, g.size[0],
                                 g.size[1]));
    }
    if (double(g.size[0]) * double(g.size[1]) * double(g.size[2]) > double(max_voxels))
        fail(ErrorKind::input, "dicom", "{}: {} x {} x {} voxels are more than 2^30", reading.where, g.size[0],
             g.size[1], g.size[2]);
    return stack;
}

}  // namespace cmtl
