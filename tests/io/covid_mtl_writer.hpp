#pragma once
// Volumes as the published code of COVID-MTL saves them, byte for byte as pydicom 2 encodes that: no types in the data
// set, though the transfer syntax (RLE) demands them, and no sizes.
#include <functional>
#include <string>
#include <vector>

#include "io/archive_writer.hpp"

namespace cmtl::test {

inline std::string big(uint32_t value, int bytes) {
    std::string s;
    for (int b = bytes; b-- > 0;) s += static_cast<char>(value >> 8 * b & 0xFF);
    return s;
}

// A grey PNG picture of 8 or 16 bits; colour where `colour` (its values three times).
inline std::string png_bytes(int width, int height, const std::function<uint16_t(int, int)>& value, int bits = 16,
                             bool colour = false) {
    const auto chunk = [](const std::string& kind, const std::string& data) {
        const std::string both = kind + data;
        const auto sum = crc32(0, reinterpret_cast<const Bytef*>(both.data()), static_cast<uInt>(both.size()));
        return big(static_cast<uint32_t>(data.size()), 4) + both + big(static_cast<uint32_t>(sum), 4);
    };
    std::string rows;
    for (int y = 0; y < height; ++y) {
        rows += '\0';  // no filter
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < (colour ? 3 : 1); ++c) rows += big(value(x, y), bits / 8);
    }
    return "\x89PNG\r\n\x1A\n" +
           chunk("IHDR", big(static_cast<uint32_t>(width), 4) + big(static_cast<uint32_t>(height), 4) +
                             static_cast<char>(bits) + static_cast<char>(colour ? 2 : 0) + std::string(3, '\0')) +
           chunk("IDAT", deflated(rows, 15)) + chunk("IEND", "");
}

struct CovidMtlVolume {
    std::vector<std::string> frames;  // PNG files
    bool offsets = true, delimiter = true;
    std::vector<std::string> elements = {};  // further elements between patient and pixels, encoded
    size_t fragment = 0;                     // not 0: frames are cut into pieces of so many bytes
};

inline std::string implicit_element(unsigned group, unsigned element, std::string value) {
    if (value.size() % 2) value += ' ';
    return little(group, 2) + little(element, 2) + little(value.size(), 4) + value;
}

inline std::string covid_mtl_bytes(const CovidMtlVolume& volume) {
    const std::string syntax("1.2.840.10008.1.2.5\0", 20);
    std::string all =
        std::string(128, '\0') + "DICM" + little(2, 2) + little(0x10, 2) + "UI" + little(syntax.size(), 2) + syntax;
    all += implicit_element(0x0008, 0x0023, "20200101") + implicit_element(0x0010, 0x0010, "Patient 1") +
           implicit_element(0x0010, 0x0020, "1");
    for (const std::string& element : volume.elements) all += element;
    all += little(0x7FE0, 2) + little(0x0010, 2) + little(0xFFFFFFFF, 4);
    const auto item = [](const std::string& value) { return little(0xE000FFFE, 4) + little(value.size(), 4) + value; };
    std::string table, items;
    for (std::string frame : volume.frames) {
        if (frame.size() % 2) frame += '\0';
        table += little(items.size(), 4);
        const size_t step = volume.fragment ? volume.fragment : frame.size();
        for (size_t at = 0; at < frame.size(); at += step) items += item(frame.substr(at, step));
    }
    all += item(volume.offsets ? table : "") + items;
    if (volume.delimiter) all += little(0xE0DDFFFE, 4) + little(0, 4);
    return all;
}

}  // namespace cmtl::test
