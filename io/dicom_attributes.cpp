#include "io/dicom_attributes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace cmtl {

namespace {

constexpr auto tag = dicom_tag;
using Bytes = std::span<const std::byte>;

std::string text(Bytes value) {
    std::string s(reinterpret_cast<const char*>(value.data()), std::min<size_t>(value.size(), 1024));
    if (const size_t zero = s.find('\0'); zero != std::string::npos) s.resize(zero);
    while (!s.empty() && s.back() == ' ') s.pop_back();
    while (!s.empty() && s.front() == ' ') s.erase(0, 1);
    for (char& c : s)
        if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '?';
    return s;
}

std::optional<double> number(std::string_view one) {
    while (!one.empty() && (one.front() == ' ' || one.front() == '+')) one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    double out = 0;
    const auto [rest, code] = std::from_chars(one.data(), one.data() + one.size(), out);
    if (code != std::errc{} || rest != one.data() + one.size() || one.empty() || !std::isfinite(out)) return {};
    return out;
}

std::optional<double> number_if_any(Bytes value) { return number(text(value)); }

// Decimal strings, backslash between them.
template <size_t N>
std::array<double, N> numbers(Bytes value, uint32_t t, const std::string& name) {
    const std::string s = text(value);
    std::array<double, N> out{};
    size_t begin = 0;
    for (size_t n = 0; n < N; ++n) {
        const size_t end = n + 1 < N ? s.find('\\', begin) : s.size();
        const auto one = number(end == std::string::npos ? "" : std::string_view(s).substr(begin, end - begin));
        if (!one)
            fail(ErrorKind::input, "dicom", "{}: element ({:04X},{:04X}) holds '{}' where {} numbers belong", name,
                 t >> 16, t & 0xFFFF, s, N);
        out[n] = *one;
        begin = end + 1;
    }
    return out;
}

// A list of any length.
std::vector<double> list_of(Bytes value, uint32_t t, const std::string& name) {
    std::vector<double> out;
    const std::string_view all(reinterpret_cast<const char*>(value.data()), value.size());
    for (size_t begin = 0; begin < all.size();) {
        const size_t end = std::min(all.find('\\', begin), all.size());
        out.push_back(numbers<1>(value.subspan(begin, end - begin), t, name)[0]);
        begin = end + 1;
    }
    return out;
}

// A binary number of 2 or 4 bytes.
uint32_t whole(Bytes value, size_t bytes, uint32_t t, bool big, const std::string& name) {
    if (value.size() < bytes)
        fail(ErrorKind::input, "dicom",
             "{}: element ({:04X},{:04X}) is a number of {} bytes: copy or export the file again", name, t >> 16,
             t & 0xFFFF, value.size());
    uint32_t out = 0;
    for (size_t b = 0; b < bytes; ++b) out |= static_cast<uint32_t>(value[b]) << 8 * (big ? bytes - 1 - b : b);
    return out;
}

}  // namespace

void DicomAttributes::keep(uint32_t t, Bytes value, bool big, DicomPlace place) {
    if (value.empty()) return;
    if (place == DicomPlace::top) keep_of_file(t, value, big);
    if (place == DicomPlace::frame && header_.own.empty()) return;
    keep_of_frame(t, value, big, place == DicomPlace::frame ? header_.own.back() : header_.common);
}

void DicomAttributes::keep_of_frame(uint32_t t, Bytes value, bool big, DicomFrame& frame) const {
    // Places in DicomFrame::marks of attributes that are text.
    static constexpr std::pair<uint32_t, size_t> texts[] = {
        {tag(0x0020, 0x9056), 0}, {tag(0x0020, 0x0012), 1}, {tag(0x0020, 0x0100), 2}, {tag(0x0018, 0x1060), 4},
        {tag(0x0018, 0x1210), 5}, {tag(0x0018, 0x9315), 5}, {tag(0x0018, 0x0060), 6}, {tag(0x0008, 0x0008), 7},
        {tag(0x0008, 0x9007), 7}, {tag(0x0018, 0x0050), 8}};
    for (const auto& [name, mark] : texts)
        if (t == name) frame.marks[mark] = text(value);
    switch (t) {
        case tag(0x0020, 0x0032):
            frame.position = numbers<3>(value, t, name_);
            break;
        case tag(0x0020, 0x0037):
            frame.orientation = numbers<6>(value, t, name_);
            break;
        case tag(0x0028, 0x0030):
            frame.spacing = numbers<2>(value, t, name_);
            break;
        case tag(0x0028, 0x1052):
            frame.intercept = numbers<1>(value, t, name_)[0];
            break;
        case tag(0x0028, 0x1053):
            frame.slope = numbers<1>(value, t, name_)[0];
            break;
        case tag(0x0028, 0x1054):
            frame.rescale_type = text(value);
            break;
        case tag(0x0020, 0x9156):
            frame.marks[1] = std::to_string(whole(value, 2, t, big, name_));
            break;
        case tag(0x0020, 0x9128):
            frame.marks[2] = std::to_string(whole(value, 4, t, big, name_));
            break;
        case tag(0x0020, 0x9241):  // a double: told apart by its bytes alone
            frame.marks[3].clear();
            for (const std::byte b : value.first(std::min<size_t>(value.size(), 8)))
                frame.marks[3] += fmt::format("{:02x}", static_cast<unsigned>(b));
            break;
        default:
            break;
    }
}

void DicomAttributes::keep_of_file(uint32_t t, Bytes value, bool big) {
    const auto small = [&] { return static_cast<int64_t>(whole(value, 2, t, big, name_)); };
    switch (t) {
        case tag(0x0002, 0x0010):
            header_.transfer_syntax = text(value);
            break;
        case tag(0x0008, 0x0016):
            header_.sop_class = text(value);
            break;
        case tag(0x0008, 0x0018):
            header_.sop_uid = text(value);
            break;
        case tag(0x0018, 0x1120):
            header_.gantry_tilt = number_if_any(value);
            break;
        case tag(0x3004, 0x000C):
            header_.grid_offsets = list_of(value, t, name_);
            break;
        case tag(0x0028, 0x0120):
            padding_ = small();
            break;
        case tag(0x0028, 0x0121):
            padding_limit_ = small();
            break;
        case tag(0x0008, 0x0060):
            header_.modality = text(value);
            break;
        case tag(0x0008, 0x103E):
            header_.series_description = text(value);
            break;
        case tag(0x0020, 0x000E):
            header_.series_uid = text(value);
            break;
        case tag(0x0028, 0x0002):
            header_.samples = small();
            break;
        case tag(0x0028, 0x0004):
            header_.photometric = text(value);
            break;
        case tag(0x0028, 0x0008): {
            const double n = numbers<1>(value, t, name_)[0];
            if (!(n >= 1 && n <= 1e6)) fail(ErrorKind::input, "dicom", "{}: {} frames", name_, n);
            header_.frames = static_cast<int64_t>(n);
            break;
        }
        case tag(0x0028, 0x0010):
            header_.rows = small();
            break;
        case tag(0x0028, 0x0011):
            header_.columns = small();
            break;
        case tag(0x0028, 0x0100):
            header_.bits_allocated = small();
            break;
        case tag(0x0028, 0x0101):
            header_.bits_stored = small();
            break;
        case tag(0x0028, 0x0102):
            header_.high_bit = small();
            break;
        case tag(0x0028, 0x0103):
            header_.pixel_representation = small();
            break;
        default:
            break;
    }
}

void DicomAttributes::finish() {
    DicomHeader& h = header_;
    const auto per_frame = [&](std::optional<double> DicomFrame::*value, double missing) {
        std::vector<double> values;
        const bool differ =
            std::any_of(h.own.begin(), h.own.end(), [&](const DicomFrame& f) { return (f.*value).has_value(); });
        if (differ)
            for (const DicomFrame& f : h.own)
                values.push_back((f.*value).value_or((h.common.*value).value_or(missing)));
        else if (h.common.*value)
            values.push_back(*(h.common.*value));
        return values;
    };
    h.slopes = per_frame(&DicomFrame::slope, 1);
    h.intercepts = per_frame(&DicomFrame::intercept, 0);
    if (padding_) {
        // Of the pixels' type, whatever type the element itself names; some write the stored bits alone.
        const auto value = [&](int64_t v) {
            if (h.pixel_representation != 1) return static_cast<double>(v);
            const int64_t half = h.bits_stored >= 1 && h.bits_stored < 16 ? int64_t{1} << (h.bits_stored - 1) : 32768;
            return static_cast<double>(v >= 32768 ? v - 65536 : v >= half ? v - 2 * half : v);
        };
        const double a = value(*padding_), b = value(padding_limit_.value_or(*padding_));
        h.padding = std::minmax(a, b);
    }
}

}  // namespace cmtl
