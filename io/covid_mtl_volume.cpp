#include "io/covid_mtl_volume.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/dicom_header.hpp"
#include "io/png.hpp"

namespace cmtl {

namespace {

constexpr const char* tag = "covid-mtl";

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Items of encapsulated pixel data (PS3.5 A.4): the table of offsets, then the fragments, up to the delimiter.
class Items {
  public:
    Items(std::span<const std::byte> bytes, size_t at) : bytes_(bytes), at_(at) {}

    struct Item {
        size_t offset = 0;  // of the item's own tag
        std::span<const std::byte> value;
    };
    // False at the delimiter, and, with cut(), where the bytes end before it.
    bool next(Item& item) {
        if (cut_ || bytes_.size() - at_ < 8) return cut_ = true, false;
        const uint32_t kind = number(at_), length = number(at_ + 4);
        if (kind == 0xE0DDFFFE) return false;
        if (kind != 0xE000FFFE || length > bytes_.size() - at_ - 8) return cut_ = true, false;
        item = {at_, bytes_.subspan(at_ + 8, length)};
        at_ += 8 + size_t{length};
        return true;
    }
    bool cut() const { return cut_; }
    size_t position() const { return at_; }

  private:
    uint32_t number(size_t at) const {
        uint32_t n = 0;
        for (size_t i = 4; i-- > 0;) n = n << 8 | static_cast<uint32_t>(bytes_[at + i]);
        return n;
    }
    std::span<const std::byte> bytes_;
    size_t at_;
    bool cut_ = false;
};

bool holds_png(const fs::path& path) {
    std::string head(1 << 16, '\0');
    std::ifstream in(path, std::ios::binary);
    in.read(head.data(), std::ssize(head));
    head.resize(static_cast<size_t>(in.gcount()));
    if (!looks_like_dicom(bytes_of(head))) return false;
    try {
        const DicomHeader header = parse_dicom_header(bytes_of(head), path.string());
        if (!header.has_pixels || !header.encapsulated) return false;
        Items items(bytes_of(head), header.pixel_offset);
        Items::Item item;
        if (!items.next(item)) return false;
        const auto rest = bytes_of(head).subspan(items.position());
        return rest.size() > 16 && std::memcmp(rest.data() + 8, "\x89PNG\r\n\x1A\n", 8) == 0;
    } catch (const Error&) {
        return false;  // the reader of DICOM has the message
    }
}

// The bytes of each frame: of the fragments between two offsets of the table, or of one fragment each.
std::vector<std::string> frames_of(std::span<const std::byte> bytes, const DicomHeader& header,
                                   const std::string& name) {
    Items items(bytes, header.pixel_offset);
    Items::Item item;
    items.next(item);
    std::vector<size_t> starts;
    for (size_t at = 0; at + 4 <= item.value.size(); at += 4) {
        uint32_t offset = 0;
        for (size_t i = 4; i-- > 0;) offset = offset << 8 | static_cast<uint32_t>(item.value[at + i]);
        starts.push_back(items.position() + offset);
    }
    std::vector<std::string> frames;
    while (items.next(item)) {
        const auto value = std::string_view(reinterpret_cast<const char*>(item.value.data()), item.value.size());
        const bool first = starts.empty() || (frames.size() < starts.size() && starts[frames.size()] == item.offset);
        if (first)
            frames.emplace_back(value);
        else if (!frames.empty())
            frames.back() += value;
    }
    if (items.cut())
        fail(ErrorKind::input, tag, "{}: truncated or damaged behind frame {}; copy the file again", name,
             frames.size());
    if (frames.empty()) fail(ErrorKind::input, tag, "{}: no frames in it; copy the file again", name);
    const size_t expected = !starts.empty() ? starts.size() : static_cast<size_t>(header.frames);
    if (frames.size() != expected && (!starts.empty() || header.frames > 1))
        fail(ErrorKind::input, tag, "{}: missing frames: {} of {} are there; copy the file again", name, frames.size(),
             expected);
    return frames;
}

// All frames are of the first one's size, and the bytes can hold them.
PngHeader checked(const std::vector<std::string>& frames, const DicomHeader& header, const std::string& name) {
    const PngHeader first = png_header(bytes_of(frames.at(0)));
    double packed = 0;
    for (size_t n = 0; n < frames.size(); ++n) {
        const PngHeader h = png_header(bytes_of(frames[n]));
        if (h.bit_depth == 0)
            fail(ErrorKind::input, tag, "{}: frame {} of {} is damaged: it is no PNG picture; copy the file again",
                 name, n + 1, frames.size());
        if (h.bit_depth != 16 || !h.grey)
            fail(ErrorKind::input, tag,
                 "{}: frame {} has {} bits{}: a CT needs 16-bit grey pictures (HU + 1024); export it again", name,
                 n + 1, h.bit_depth, h.grey ? "" : " in colour");
        if (h.width != first.width || h.height != first.height)
            fail(ErrorKind::input, tag, "{}: mixed sizes: frame {} is {} x {} and the first one {} x {}", name, n + 1,
                 h.width, h.height, first.width, first.height);
        packed += static_cast<double>(frames[n].size());
    }
    const auto agrees = [](int64_t stated, int64_t is) { return stated == 0 || stated == is; };
    if (!agrees(header.columns, first.width) || !agrees(header.rows, first.height))
        fail(ErrorKind::input, tag, "{}: the frames are {} x {}, but the header says {} x {}", name, first.width,
             first.height, header.columns, header.rows);
    const double voxels =
        static_cast<double>(first.width) * static_cast<double>(first.height) * static_cast<double>(frames.size());
    if (first.width < 1 || first.height < 1 || voxels > static_cast<double>(max_voxels))
        fail(ErrorKind::input, tag, "{}: {} x {} x {} voxels cannot be right", name, first.width, first.height,
             frames.size());
    // Deflate packs at most 1032 to 1 (RFC 1951).
    if (2 * voxels > 1032 * packed)
        fail(ErrorKind::input, tag, "{}: {} x {} x {} voxels cannot be in {:.0f} bytes; the file is damaged", name,
             first.width, first.height, frames.size(), packed);
    return first;
}

Geometry geometry_of(const DicomHeader& header, const PngHeader& frame, size_t frames) {
    Geometry g;
    g.size = {frame.width, frame.height, static_cast<int64_t>(frames)};
    g.spacing = {1, 1, 1};
    const DicomFrame& common = header.common;
    if (common.spacing) g.spacing = {(*common.spacing)[1], (*common.spacing)[0], 1};
    if (common.position) g.origin = *common.position;
    if (common.orientation) {
        const auto& o = *common.orientation;
        g.direction = {o[0], o[3], o[1] * o[5] - o[2] * o[4],  //
                       o[1], o[4], o[2] * o[3] - o[0] * o[5],  //
                       o[2], o[5], o[0] * o[4] - o[1] * o[3]};
    }
    return g;
}

// Nothing on the volume's faces, and at most half of it anything.
bool is_cut_out(const Image<int32_t>& image, int32_t nothing) {
    const Index3& n = image.geometry.size;
    int64_t empty = 0;
    size_t at = 0;
    for (int64_t z = 0; z < n[2]; ++z)
        for (int64_t y = 0; y < n[1]; ++y) {
            const bool face = z == 0 || y == 0 || z == n[2] - 1 || y == n[1] - 1;
            for (int64_t x = 0; x < n[0]; ++x, ++at) {
                const bool is_empty = image.voxels[at] == nothing;
                if (!is_empty && (face || x == 0 || x == n[0] - 1)) return false;
                empty += is_empty;
            }
        }
    return empty >= image.geometry.count() / 2;
}

}  // namespace

std::optional<fs::path> find_covid_mtl_volume(const fs::path& path) {
    std::error_code code;
    if (fs::is_regular_file(path, code)) return holds_png(path) ? std::optional(path) : std::nullopt;
    std::vector<fs::path> files;
    for (auto it = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, code);
         !code && it != fs::recursive_directory_iterator(); it.increment(code))
        if (it->is_regular_file(code)) files.push_back(it->path());
    if (files.empty()) return std::nullopt;
    const fs::path first = *std::min_element(files.begin(), files.end());
    if (!holds_png(first)) return std::nullopt;
    if (files.size() > 1)
        fail(ErrorKind::input, tag, "{}: {} files, of which {} is a whole volume: give one of them", path.string(),
             files.size(), first.filename().string());
    return first;
}

Image<int32_t> read_covid_mtl_volume(const fs::path& path, ReadReport& report) {
    const std::string name = path.string(), content = read_file(path);
    const DicomHeader header = parse_dicom_header(bytes_of(content), name);
    const std::vector<std::string> frames = frames_of(bytes_of(content), header, name);
    const PngHeader size = checked(frames, header, name);
    const bool own = !header.slopes.empty() || !header.intercepts.empty();
    const double slope = header.slopes.empty() ? 1 : header.slopes[0],
                 intercept = own ? (header.intercepts.empty() ? 0 : header.intercepts[0]) : -1024;
    if (slope != std::round(slope) || intercept != std::round(intercept) || std::abs(slope) > 30000 ||
        std::abs(intercept) > 1e6)
        fail(ErrorKind::input, tag, "{}: a rescale slope of {} and an intercept of {} cannot be right", name, slope,
             intercept);
    Image<int32_t> image(geometry_of(header, size, frames.size()));
    const auto plane = static_cast<size_t>(size.width * size.height);
    std::vector<std::exception_ptr> errors(frames.size());
    std::atomic<bool> failed = false;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t n = 0; n < frames.size(); ++n) {
        if (failed) continue;
        try {
            std::vector<uint16_t> raw(plane);
            decode_png_grey16(bytes_of(frames[n]), fmt::format("{}: frame {}", name, n + 1), raw);
            std::transform(raw.begin(), raw.end(), image.voxels.begin() + static_cast<int64_t>(n * plane),
                           [&](uint16_t v) { return static_cast<int32_t>(v * slope + intercept); });
        } catch (...) {
            errors[n] = std::current_exception();
            failed = true;
        }
    }
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
    if (is_cut_out(image, static_cast<int32_t>(intercept)))
        report.warnings.push_back(fmt::format(
            "{}: the lungs are cut out (all else is 0): their segmentation needs the whole CT, or a mask", name));
    return image;
}

}  // namespace cmtl
