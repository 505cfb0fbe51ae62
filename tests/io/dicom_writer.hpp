#pragma once
// Small DICOM files for tests, written by hand: explicit or implicit VR, little or big endian, one frame or enhanced.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "imaging/volume.hpp"

namespace cmtl::test {

struct DicomSlice {
    std::string syntax = "1.2.840.10008.1.2.1", modality = "CT", series = "1.2.3";
    int rows = 6, columns = 5;
    Vector3 position{-10, -20, 30};
    std::vector<double> orientation{1, 0, 0, 0, 1, 0};
    double row_spacing = 0.7, column_spacing = 0.8, slope = 1, intercept = -1024;
    int bits_stored = 16, representation = 1;
    std::vector<int16_t> pixels;  // rows * columns (* frames)
    std::vector<Vector3> frames;  // not empty: an enhanced multi-frame file with these positions
    bool with_position = true, with_sequence = true, with_rescale = true;
    std::string image_type, sop_class, sop_uid, description, acquisition, kernel, tilt, rescale_type;  // empty: absent
    std::optional<int> padding, padding_limit;
    int high_bit = -1;                 // -1: bits_stored - 1
    std::vector<double> grid_offsets;  // not empty: an old multi-frame file
    // Per frame, where given: its stack, slope, intercept and orientation.
    std::vector<std::string> stacks, slopes, intercepts, orientations;
};

class DicomWriter {
  public:
    explicit DicomWriter(const DicomSlice& slice) : slice_(slice) {
        explicit_ = slice.syntax != "1.2.840.10008.1.2";
        big_ = slice.syntax == "1.2.840.10008.1.2.2";
    }

    std::string file() {
        std::string head(128, '\0');
        head += "DICM";
        std::string meta;
        element(meta, 0x0002, 0x0010, "UI", even(slice_.syntax, '\0'), true, false);
        element(head, 0x0002, 0x0000, "UL", number(static_cast<uint32_t>(meta.size()), 4, false), true, false);
        return head + meta + data_set();
    }

    std::string data_set() {
        std::string d;
        const bool enhanced = !slice_.frames.empty();
        if_any(d, 0x0008, 0x0008, "CS", slice_.image_type);
        if_any(d, 0x0008, 0x0016, "UI", slice_.sop_class);
        if_any(d, 0x0008, 0x0018, "UI", slice_.sop_uid);
        text(d, 0x0008, 0x0060, "CS", slice_.modality);
        if_any(d, 0x0008, 0x103E, "LO", slice_.description);
        // A sequence that names another series and position: they are not the slice's own.
        if (slice_.with_sequence) {
            std::string inner;
            text(inner, 0x0020, 0x000E, "UI", "9.9.9");
            text(inner, 0x0020, 0x0032, "DS", "7\\7\\7");
            sequence(d, 0x0008, 0x1140, {inner}, true);
        }
        if_any(d, 0x0018, 0x1120, "DS", slice_.tilt);
        if_any(d, 0x0018, 0x1210, "SH", slice_.kernel);
        text(d, 0x0020, 0x000E, "UI", slice_.series);
        if_any(d, 0x0020, 0x0012, "IS", slice_.acquisition);
        if (!enhanced) {
            if (slice_.with_position) text(d, 0x0020, 0x0032, "DS", triple(slice_.position));
            text(d, 0x0020, 0x0037, "DS", orientation());
        }
        small(d, 0x0028, 0x0002, 1);
        text(d, 0x0028, 0x0004, "CS", "MONOCHROME2");
        if (enhanced) text(d, 0x0028, 0x0008, "IS", std::to_string(slice_.frames.size()));
        if (!slice_.grid_offsets.empty()) text(d, 0x0028, 0x0008, "IS", std::to_string(slice_.grid_offsets.size()));
        small(d, 0x0028, 0x0010, slice_.rows);
        small(d, 0x0028, 0x0011, slice_.columns);
        if (!enhanced) text(d, 0x0028, 0x0030, "DS", spacing());
        small(d, 0x0028, 0x0100, 16);
        small(d, 0x0028, 0x0101, slice_.bits_stored);
        small(d, 0x0028, 0x0102, slice_.high_bit < 0 ? slice_.bits_stored - 1 : slice_.high_bit);
        small(d, 0x0028, 0x0103, slice_.representation);
        if (slice_.padding) small(d, 0x0028, 0x0120, *slice_.padding);
        if (slice_.padding_limit) small(d, 0x0028, 0x0121, *slice_.padding_limit);
        if (!enhanced && slice_.with_rescale) {
            text(d, 0x0028, 0x1052, "DS", fmt::format("{}", slice_.intercept));
            text(d, 0x0028, 0x1053, "DS", fmt::format("{}", slice_.slope));
            if_any(d, 0x0028, 0x1054, "LO", slice_.rescale_type);
        }
        if (!slice_.grid_offsets.empty())
            text(d, 0x3004, 0x000C, "DS", fmt::format("{}", fmt::join(slice_.grid_offsets, "\\")));
        if (enhanced) functional_groups(d);
        std::string pixels;
        for (int16_t v : slice_.pixels) pixels += number(static_cast<uint16_t>(v), 2, big_);
        element(d, 0x7FE0, 0x0010, "OW", pixels, explicit_, big_);
        return d;
    }

  private:
    static std::string even(std::string s, char fill) {
        if (s.size() % 2) s += fill;
        return s;
    }
    static std::string number(uint32_t v, int bytes, bool big) {
        std::string s;
        for (int b = 0; b < bytes; ++b) s += static_cast<char>(v >> 8 * (big ? bytes - 1 - b : b) & 0xFF);
        return s;
    }
    static std::string triple(const Vector3& p) { return fmt::format("{}\\{}\\{}", p[0], p[1], p[2]); }
    std::string orientation() const { return fmt::format("{}", fmt::join(slice_.orientation, "\\")); }
    std::string spacing() const { return fmt::format("{}\\{}", slice_.row_spacing, slice_.column_spacing); }

    static void element(std::string& to, unsigned group, unsigned tag, const char* vr, const std::string& value,
                        bool with_vr, bool big) {
        to += number(group, 2, big) + number(tag, 2, big);
        const auto length = static_cast<uint32_t>(value.size());
        if (!with_vr) {
            to += number(length, 4, big);
        } else if (std::strcmp(vr, "OW") == 0 || std::strcmp(vr, "SQ") == 0) {
            to += std::string(vr) + std::string(2, '\0') + number(length, 4, big);
        } else {
            to += vr + number(length, 2, big);
        }
        to += value;
    }
    void text(std::string& to, unsigned group, unsigned tag, const char* vr, const std::string& value) const {
        element(to, group, tag, vr, even(value, std::strcmp(vr, "UI") == 0 ? '\0' : ' '), explicit_, big_);
    }
    void if_any(std::string& to, unsigned group, unsigned tag, const char* vr, const std::string& value) const {
        if (!value.empty()) text(to, group, tag, vr, value);
    }
    void small(std::string& to, unsigned group, unsigned tag, int value) const {
        element(to, group, tag, "US", number(static_cast<uint32_t>(value), 2, big_), explicit_, big_);
    }
    // Of undefined length where `open`.
    void sequence(std::string& to, unsigned group, unsigned tag, const std::vector<std::string>& items,
                  bool open) const {
        std::string body;
        for (const std::string& item : items) {
            body += number(0xFFFE, 2, big_) + number(0xE000, 2, big_) +
                    number(open ? 0xFFFFFFFFu : static_cast<uint32_t>(item.size()), 4, big_) + item;
            if (open) body += number(0xFFFE, 2, big_) + number(0xE00D, 2, big_) + number(0, 4, big_);
        }
        if (!open) return element(to, group, tag, "SQ", body, explicit_, big_);
        to += number(group, 2, big_) + number(tag, 2, big_);
        if (explicit_) to += std::string("SQ") + std::string(2, '\0');
        to += number(0xFFFFFFFFu, 4, big_) + body + number(0xFFFE, 2, big_) + number(0xE0DD, 2, big_) +
              number(0, 4, big_);
    }
    void functional_groups(std::string& d) const {
        std::string orient, measures, values, shared;
        text(orient, 0x0020, 0x0037, "DS", orientation());
        text(measures, 0x0028, 0x0030, "DS", spacing());
        text(values, 0x0028, 0x1052, "DS", fmt::format("{}", slice_.intercept));
        text(values, 0x0028, 0x1053, "DS", fmt::format("{}", slice_.slope));
        sequence(shared, 0x0020, 0x9116, {orient}, false);
        sequence(shared, 0x0028, 0x9110, {measures}, true);
        sequence(shared, 0x0028, 0x9145, {values}, false);
        sequence(d, 0x5200, 0x9229, {shared}, false);
        std::vector<std::string> frames;
        for (size_t f = 0; f < slice_.frames.size(); ++f) {
            std::string position, content, own_orientation, own_values, frame;
            text(position, 0x0020, 0x0032, "DS", triple(slice_.frames[f]));
            if (f < slice_.stacks.size()) {
                text(content, 0x0020, 0x9056, "SH", slice_.stacks[f]);
                sequence(frame, 0x0020, 0x9111, {content}, true);
            }
            sequence(frame, 0x0020, 0x9113, {position}, false);
            if (f < slice_.orientations.size()) {
                text(own_orientation, 0x0020, 0x0037, "DS", slice_.orientations[f]);
                sequence(frame, 0x0020, 0x9116, {own_orientation}, false);
            }
            if (f < slice_.slopes.size()) {
                text(own_values, 0x0028, 0x1052, "DS", slice_.intercepts[f]);
                text(own_values, 0x0028, 0x1053, "DS", slice_.slopes[f]);
                sequence(frame, 0x0028, 0x9145, {own_values}, false);
            }
            frames.push_back(frame);
        }
        sequence(d, 0x5200, 0x9230, frames, true);
    }

    const DicomSlice& slice_;
    bool explicit_, big_;
};

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

inline void write_dicom(const std::filesystem::path& path, const DicomSlice& slice) {
    write_bytes(path, DicomWriter(slice).file());
}

// Slice n of a small series, 2 mm apart; stored values differ by voxel.
inline DicomSlice series_slice(int n) {
    DicomSlice s;
    s.position[2] = 30 + 2 * n;
    for (int v = 0; v < s.rows * s.columns; ++v) s.pixels.push_back(static_cast<int16_t>(100 * n + v));
    return s;
}

}  // namespace cmtl::test
