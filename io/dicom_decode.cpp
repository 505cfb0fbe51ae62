#include "io/dicom_decode.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <type_traits>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/parallel.hpp"
#include "io/dicom_pixels.hpp"

namespace cmtl {

namespace {

// body(n) for n in [0, count), by all threads; the first exception by n is thrown.
template <class Body>
void parallel_each(size_t count, Body&& body) {
    std::vector<std::exception_ptr> errors(count);
    std::atomic<bool> failed = false;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t n = 0; n < count; ++n) {
        if (failed) continue;
        try {
            body(n);
        } catch (...) {
            errors[n] = std::current_exception();
            failed = true;
        }
    }
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
}

template <class T>
T stored_as(double value) {
    if constexpr (std::is_integral_v<T>)
        return static_cast<T>(std::llround(
            std::clamp(value, double(std::numeric_limits<T>::lowest()), double(std::numeric_limits<T>::max()))));
    else
        return static_cast<T>(value);
}

DicomHeader reread(const DicomImage& image, const std::string& content) {
    const std::string name = image.file.path.string();
    DicomHeader header = parse_dicom_header(bytes_of(content), name);
    const DicomHeader& then = image.header();
    if (header.rows != then.rows || header.columns != then.columns || header.frames != then.frames ||
        !header.has_pixels)
        fail(ErrorKind::input, "dicom", "{}: the file changed while it was read; run again", name);
    return header;
}

// Where samples at from, from + 1, ... fall between `size` pixels: the same four weights for all.
struct Shift {
    int64_t whole;
    std::array<double, 4> weight;
    int64_t size;
    double from;

    Shift(double start, int64_t pixels) : whole(int64_t(std::floor(start))), size(pixels), from(start) {
        const double t = start - std::floor(start), t2 = t * t, t3 = t2 * t;
        weight = {(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2};
    }
    bool inside(int64_t n) const {
        const double at = from + double(n);
        return at >= 0 && at <= double(size - 1);
    }
    int64_t pixel(int64_t n, int64_t tap) const { return std::clamp<int64_t>(n + whole + tap - 1, 0, size - 1); }
};

// `in` of size nx * ny, moved into the plane `out` of width * height pixels.
template <class T>
void move_in_plane(std::span<const T> in, int64_t nx, int64_t ny, const std::array<double, 2>& start, std::span<T> out,
                   int64_t width, double outside) {
    const int64_t height = std::ssize(out) / width;
    const Shift along_x(start[0], nx), along_y(start[1], ny);
    std::vector<double> line(static_cast<size_t>(nx));
    for (int64_t j = 0; j < height; ++j) {
        const auto row = out.subspan(static_cast<size_t>(j * width), static_cast<size_t>(width));
        if (!along_y.inside(j)) {
            std::fill(row.begin(), row.end(), stored_as<T>(outside));
            continue;
        }
        std::fill(line.begin(), line.end(), 0.0);
        for (int64_t tap = 0; tap < 4; ++tap) {
            const double weight = along_y.weight[static_cast<size_t>(tap)];
            if (weight == 0) continue;
            const T* from = in.data() + along_y.pixel(j, tap) * nx;
            for (int64_t i = 0; i < nx; ++i) line[static_cast<size_t>(i)] += weight * static_cast<double>(from[i]);
        }
        for (int64_t i = 0; i < width; ++i) {
            double value = outside;
            if (along_x.inside(i)) {
                value = 0;
                for (int64_t tap = 0; tap < 4; ++tap)
                    value +=
                        along_x.weight[static_cast<size_t>(tap)] * line[static_cast<size_t>(along_x.pixel(i, tap))];
            }
            row[static_cast<size_t>(i)] = stored_as<T>(value);
        }
    }
}

}  // namespace

template <class T>
DicomPixels<T>::DicomPixels(const std::vector<DicomImage>& images, bool replace_padding)
    : replace_padding_(replace_padding) {
    for (const DicomImage& image : images)
        if (image.header().frames > 1 && !multi_frame_.count(image.file.path)) open(image);
}

template <class T>
void DicomPixels<T>::open(const DicomImage& image) {
    MultiFrame& file = multi_frame_[image.file.path];
    file.content = read_file(image.file.path);
    file.header = reread(image, file.content);
    if (!replace_padding_) file.header.padding.reset();
    if (file.header.encapsulated) {
        file.decoded.resize(static_cast<size_t>(file.header.rows * file.header.columns * file.header.frames));
        decode_pixels(file.header, bytes_of(file.content), image.file.path.string(), std::span<T>(file.decoded));
        file.content = {};
    } else if (!file.header.inflated.empty()) {
        file.inflated = std::move(file.header.inflated);
        file.header.inflated = {};
        file.content = {};
    }
}

template <class T>
void DicomPixels<T>::decode(const DicomImage& image, std::span<T> out) const {
    const std::string name = image.file.path.string();
    if (image.header().frames == 1) {
        const std::string content = read_file(image.file.path);
        DicomHeader header = reread(image, content);
        if (!replace_padding_) header.padding.reset();
        return decode_pixels(header, bytes_of(content), name, out);
    }
    const MultiFrame& file = multi_frame_.at(image.file.path);
    const auto plane = static_cast<int64_t>(out.size());
    if (!file.decoded.empty()) {
        std::copy_n(file.decoded.begin() + plane * image.frame, plane, out.begin());
        return;
    }
    DicomHeader one;
    const DicomHeader& all = file.header;
    one.transfer_syntax = all.transfer_syntax;
    one.rows = all.rows, one.columns = all.columns;
    one.bits_allocated = all.bits_allocated, one.bits_stored = all.bits_stored, one.high_bit = all.high_bit;
    one.pixel_representation = all.pixel_representation;
    one.padding = all.padding;
    const DicomFrame frame = all.frame(image.frame);
    if (frame.slope) one.slopes = {*frame.slope};
    if (frame.intercept) one.intercepts = {*frame.intercept};
    const auto skip = static_cast<size_t>(plane * image.frame * (all.bits_allocated / 8));
    one.pixel_offset = all.pixel_offset + skip;
    one.pixel_bytes = all.pixel_bytes - std::min(all.pixel_bytes, skip);
    decode_pixels(one, file.inflated.empty() ? bytes_of(file.content) : file.inflated, name, out);
}

template <class T>
Image<T> decode_stack(const DicomStack& stack, bool replace_padding, double outside) {
    const DicomPixels<T> pixels(stack.images, replace_padding);
    Image<T> volume(stack.geometry);
    const auto plane = static_cast<size_t>(volume.nx() * volume.ny());
    const auto plane_of = [&](size_t k) { return std::span<T>(volume.voxels).subspan(k * plane, plane); };
    std::vector<std::span<T>> place(stack.images.size());
    std::vector<std::vector<T>> between(stack.images.size());  // images that are no plane, but have a part in one
    for (size_t k = 0; k < stack.planes.size(); ++k)
        if (stack.planes[k].weight == 0 && place[stack.planes[k].from].empty())
            place[stack.planes[k].from] = plane_of(k);
    for (size_t k = 0; k < stack.planes.size(); ++k)
        for (const size_t n : {stack.planes[k].from, stack.planes[k].to})
            if (place[n].empty()) {
                between[n].resize(plane);
                place[n] = between[n];
            }
    parallel_each(stack.images.size(), [&](size_t n) {
        const DicomImage& image = stack.images[n];
        if (place[n].empty()) return;
        if (stack.start.empty()) return pixels.decode(image, place[n]);
        const int64_t nx = image.header().columns, ny = image.header().rows;
        std::vector<T> raw(static_cast<size_t>(nx * ny));
        pixels.decode(image, raw);
        move_in_plane<T>(raw, nx, ny, stack.start[n], place[n], volume.nx(), outside);
    });
    parallel_each(stack.planes.size(), [&](size_t k) {
        const DicomStack::Plane& p = stack.planes[k];
        const std::span<T> out = plane_of(k), from = place[p.from], to = place[p.to];
        if (p.weight == 0) {
            if (out.data() != from.data()) std::copy(from.begin(), from.end(), out.begin());
            return;
        }
        for (size_t v = 0; v < plane; ++v)
            out[v] =
                stored_as<T>((1 - p.weight) * static_cast<double>(from[v]) + p.weight * static_cast<double>(to[v]));
    });
    return volume;
}

template class DicomPixels<float>;
template Image<int16_t> decode_stack(const DicomStack&, bool, double);
template Image<int32_t> decode_stack(const DicomStack&, bool, double);
template Image<float> decode_stack(const DicomStack&, bool, double);
template Image<double> decode_stack(const DicomStack&, bool, double);

}  // namespace cmtl
