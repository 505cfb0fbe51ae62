#include "io/dicom_header.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.hpp"
#include "io/dicom_attributes.hpp"

namespace cmtl {

namespace {

constexpr uint32_t undefined_length = 0xFFFFFFFFu;
constexpr size_t max_header = size_t{64} << 20;  // a data set in front of the pixels is smaller than this
constexpr int max_depth = 16;
constexpr size_t max_frames = 100'000;  // each costs half a kilobyte, and eight bytes of a damaged file

constexpr auto tag = dicom_tag;
using Place = DicomPlace;

class Parser {
  public:
    Parser(std::span<const std::byte> bytes, const std::string& name, DicomHeader& header)
        : bytes_(bytes), name_(name), header_(header), attributes_(header, name) {}

    // Reads the group 0002 elements (always explicit little endian); returns where the data set begins.
    size_t file_meta(size_t at) {
        while (at + 8 <= bytes_.size() && u16(at, false) == 2)
            at = element(at, bytes_.size(), true, false, Place::top, 0);
        return at;
    }

    void data_set(size_t at, bool explicit_vr, bool big) {
        while (!header_.has_pixels && at < bytes_.size()) {
            if (bytes_.size() - at < 8) {
                for (size_t i = at; i < bytes_.size(); ++i)
                    if (bytes_[i] != std::byte{0}) broken(at, "the file is truncated inside an element");
                break;
            }
            at = element(at, bytes_.size(), explicit_vr, big, Place::top, 0);
        }
    }

    void finish() { attributes_.finish(); }

  private:
    [[noreturn]] void broken(size_t at, const char* why) const {
        fail(ErrorKind::input, "dicom", "{}: {} (byte {} of {}): copy or export the file again", name_, why, at,
             bytes_.size());
    }
    uint32_t byte(size_t at) const { return static_cast<uint32_t>(bytes_[at]); }
    uint32_t u16(size_t at, bool big) const {
        return big ? byte(at) << 8 | byte(at + 1) : byte(at + 1) << 8 | byte(at);
    }
    uint32_t u32(size_t at, bool big) const {
        return big ? u16(at, true) << 16 | u16(at + 2, true) : u16(at + 2, false) << 16 | u16(at, false);
    }

    // One element at `at`; returns the position behind it.
    size_t element(size_t at, size_t end, bool explicit_vr, bool big, Place place, int depth) {
        if (at > max_header && !header_.has_pixels) broken(at, "no pixel data in the first 64 MiB");
        if (end - at < 8) broken(at, "the file is truncated inside an element");
        const uint32_t t = u16(at, big) << 16 | u16(at + 2, big);
        char vr[3] = "UN";
        uint32_t length = 0;
        size_t value = at + 8;
        const bool item = (t >> 16) == 0xFFFE;
        if (explicit_vr && !item) {
            vr[0] = static_cast<char>(byte(at + 4));
            vr[1] = static_cast<char>(byte(at + 5));
            if (vr[0] < 'A' || vr[0] > 'Z' || vr[1] < 'A' || vr[1] > 'Z') broken(at, "an element has no valid type");
            static constexpr const char* wide[] = {"OB", "OW", "OF", "OD", "OL", "OV", "SQ",
                                                   "UC", "UN", "UR", "UT", "SV", "UV"};
            bool long_form = false;
            for (const char* w : wide) long_form = long_form || std::strcmp(w, vr) == 0;
            if (long_form) {
                if (end - at < 12) broken(at, "the file is truncated inside an element");
                length = u32(at + 8, big);
                value = at + 12;
            } else {
                length = u16(at + 6, big);
            }
        } else {
            length = u32(at + 4, big);
        }
        if (t == tag(0x7FE0, 0x0010) && place == Place::top) {
            header_.has_pixels = true;
            header_.encapsulated = length == undefined_length;
            header_.pixel_offset = value;
            header_.pixel_bytes = length == undefined_length ? end - value : length;
            if (header_.pixel_bytes > end - value)
                fail(ErrorKind::input, "dicom",
                     "{}: truncated: {} of {} bytes of pixel data are there; copy the file again", name_, end - value,
                     header_.pixel_bytes);
            return end;
        }
        const bool sequence = length == undefined_length ||
                              (explicit_vr ? std::strcmp(vr, "SQ") == 0 : inside(t, place) != Place::elsewhere);
        if (sequence) {
            // An unknown sequence of undefined length is written in implicit VR (PS3.5 6.2.2).
            const bool inner_explicit = explicit_vr && std::strcmp(vr, "UN") != 0;
            const bool frames = place == Place::top && t == tag(0x5200, 0x9230);
            return items(value, end, length, inner_explicit, big, inside(t, place), depth + 1, frames);
        }
        if (length > end - value) broken(at, "an element is longer than the file");
        if (place != Place::elsewhere) attributes_.keep(t, bytes_.subspan(value, length), big, place);
        return value + length;
    }

    static Place inside(uint32_t sequence, Place place) {
        if (place == Place::top && sequence == tag(0x5200, 0x9229)) return Place::shared;
        if (place == Place::top && sequence == tag(0x5200, 0x9230)) return Place::frame;
        static constexpr uint32_t groups[] = {tag(0x0018, 0x9314), tag(0x0018, 0x9325), tag(0x0018, 0x9329),
                                              tag(0x0020, 0x9111), tag(0x0020, 0x9113), tag(0x0020, 0x9116),
                                              tag(0x0028, 0x9110), tag(0x0028, 0x9145)};
        const bool about_slice = std::find(std::begin(groups), std::end(groups), sequence) != std::end(groups);
        return about_slice && (place == Place::shared || place == Place::frame) ? place : Place::elsewhere;
    }

    size_t items(size_t at, size_t end, uint32_t length, bool explicit_vr, bool big, Place place, int depth,
                 bool frames) {
        if (depth > max_depth) broken(at, "sequences are nested too deeply");
        const bool open = length == undefined_length;
        if (!open && length > end - at) broken(at, "a sequence is longer than the file");
        const size_t stop = open ? end : at + length;
        if (!open && place == Place::elsewhere) return stop;
        while (at < stop) {
            if (stop - at < 8) broken(at, "the file is truncated inside a sequence");
            const uint32_t t = u16(at, big) << 16 | u16(at + 2, big), item_length = u32(at + 4, big);
            at += 8;
            if (t == tag(0xFFFE, 0xE0DD)) return at;
            if (t != tag(0xFFFE, 0xE000)) broken(at - 8, "a sequence holds something that is no item");
            if (frames) {
                if (header_.own.size() >= max_frames) broken(at, "too many frames");
                header_.own.emplace_back();
            }
            if (item_length == undefined_length) {
                for (;;) {
                    if (stop - at < 8) broken(at, "the file is truncated inside a sequence");
                    if ((u16(at, big) << 16 | u16(at + 2, big)) == tag(0xFFFE, 0xE00D)) break;
                    at = element(at, stop, explicit_vr, big, place, depth);
                }
                at += 8;
            } else {
                if (item_length > stop - at) broken(at, "an item is longer than its sequence");
                const size_t item_end = at + item_length;
                if (place != Place::elsewhere)
                    while (at < item_end) at = element(at, item_end, explicit_vr, big, place, depth);
                at = item_end;
            }
        }
        if (open) broken(at, "the file is truncated inside a sequence");
        return at;
    }

    std::span<const std::byte> bytes_;
    const std::string& name_;
    DicomHeader& header_;
    DicomAttributes attributes_;
};

std::vector<std::byte> inflate_raw(std::span<const std::byte> packed, const std::string& name) {
    z_stream z = {};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
    z.avail_in = static_cast<uInt>(packed.size());
    std::vector<std::byte> out;
    int code = Z_OK;
    while (code == Z_OK) {
        const size_t done = out.size();
        if (done > (size_t{1} << 31)) break;
        out.resize(done + (size_t{1} << 20));
        z.next_out = reinterpret_cast<Bytef*>(out.data() + done);
        z.avail_out = 1 << 20;
        code = inflate(&z, Z_NO_FLUSH);
        out.resize(out.size() - z.avail_out);
    }
    inflateEnd(&z);
    if (code != Z_STREAM_END)
        fail(ErrorKind::input, "dicom", "{}: the deflated data set is truncated or damaged; copy the file again", name);
    return out;
}

bool is_capital(std::byte b) { return b >= std::byte{'A'} && b <= std::byte{'Z'}; }

bool has_mark(std::span<const std::byte> bytes) {
    return bytes.size() >= 132 && std::memcmp(bytes.data() + 128, "DICM", 4) == 0;
}

}  // namespace

bool looks_like_dicom(std::span<const std::byte> bytes) {
    if (has_mark(bytes)) return true;
    // A bare data set begins with a small element of group 0008 (or 0002), little endian.
    if (bytes.size() < 8) return false;
    const auto b = [&](size_t i) { return static_cast<uint32_t>(bytes[i]); };
    const bool group = (b(0) == 8 || b(0) == 2) && b(1) == 0;
    const bool vr = b(4) >= 'A' && b(4) <= 'Z' && b(5) >= 'A' && b(5) <= 'Z';
    const bool length = b(6) == 0 && b(7) == 0;
    return group && b(3) <= 0x20 && (vr || length);
}

DicomHeader parse_dicom_header(std::span<const std::byte> bytes, const std::string& name) {
    DicomHeader header;
    Parser meta(bytes, name, header);
    const bool mark = has_mark(bytes);
    const size_t begin = meta.file_meta(mark ? 132 : 0);
    std::string& syntax = header.transfer_syntax;
    if (mark && syntax.empty())
        fail(ErrorKind::input, "dicom", "{}: the file names no transfer syntax (0002,0010)", name);
    if (syntax.empty()) {
        const bool vr =
            bytes.size() > 5 && static_cast<uint32_t>(bytes[4]) >= 'A' && static_cast<uint32_t>(bytes[5]) >= 'A';
        syntax = vr ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2";
    }
    if (syntax == "1.2.840.10008.1.2.1.99") {
        header.inflated = inflate_raw(bytes.subspan(begin), name);
        Parser inner(header.inflated, name, header);
        inner.data_set(0, true, false);
        inner.finish();
    } else {
        // pydicom before 3.0 writes a new data set without types whatever transfer syntax it is told; the published
        // COVID-MTL volumes are such files.
        const bool typed = bytes.size() < begin + 6 || (is_capital(bytes[begin + 4]) && is_capital(bytes[begin + 5]));
        meta.data_set(begin, syntax != "1.2.840.10008.1.2" && typed, header.big_endian());
        meta.finish();
    }
    return header;
}

DicomFrame DicomHeader::frame(int64_t f) const {
    DicomFrame out = common;
    if (f < std::ssize(own)) {
        const DicomFrame& mine = own[static_cast<size_t>(f)];
        if (mine.position) out.position = mine.position;
        if (mine.orientation) out.orientation = mine.orientation;
        if (mine.spacing) out.spacing = mine.spacing;
        if (mine.slope) out.slope = mine.slope;
        if (mine.intercept) out.intercept = mine.intercept;
        if (!mine.rescale_type.empty()) out.rescale_type = mine.rescale_type;
        for (size_t n = 0; n < out.marks.size(); ++n)
            if (!mine.marks[n].empty()) out.marks[n] = mine.marks[n];
    } else if (f < std::ssize(grid_offsets) && out.position && out.orientation) {
        const auto& o = *out.orientation;
        const Vector3 normal{o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5], o[0] * o[4] - o[1] * o[3]};
        // Either from the first frame, or positions along z as older treatment planning wrote them.
        const double offset = grid_offsets[static_cast<size_t>(f)] - grid_offsets[0];
        for (size_t a = 0; a < 3; ++a) (*out.position)[a] += offset * normal[a];
    }
    return out;
}

}  // namespace cmtl
