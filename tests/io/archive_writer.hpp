#pragma once
// Small zip, tar and gzip files for tests, written by hand, so that they can be wrong on purpose.
#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fmt/format.h"

namespace cmtl::test {

struct Packed {
    std::string name = {}, content = {};
    bool deflate = true, encrypted = false, wrong_checksum = false;
    uint32_t mode = 0100644;  // zip: Unix mode
    char type = '0';          // tar: '0' file, '1' hard link, '2' symbolic link, '3' device, '5' folder
    std::string link = {};
};

// `bits` as of deflateInit2: -15 raw deflate, 31 gzip, 15 zlib.
inline std::string deflated(const std::string& text, int bits) {
    z_stream z = {};
    deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&z, text.size()) + 64, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, Z_FINISH);
    out.resize(out.size() - z.avail_out);
    deflateEnd(&z);
    return out;
}

inline std::string gzipped(const std::string& text) { return deflated(text, 31); }

inline std::string little(uint64_t value, int bytes) {
    std::string s;
    for (int b = 0; b < bytes; ++b) s += static_cast<char>(value >> 8 * b & 0xFF);
    return s;
}

// APPNOTE.TXT 4.3: local headers and data, the central directory, its end.
inline std::string zipped(const std::vector<Packed>& members) {
    std::string all, directory;
    for (const Packed& m : members) {
        const std::string data = m.deflate ? deflated(m.content, -15) : m.content;
        const auto sum = static_cast<uint32_t>(
            crc32(0, reinterpret_cast<const Bytef*>(m.content.data()), static_cast<uInt>(m.content.size())));
        const std::string common = little(20, 2) + little(m.encrypted ? 1 : 0, 2) + little(m.deflate ? 8 : 0, 2) +
                                   little(0, 2) + little(0x5221, 2) + little(sum ^ (m.wrong_checksum ? 1 : 0), 4) +
                                   little(data.size(), 4) + little(m.content.size(), 4) + little(m.name.size(), 2) +
                                   little(0, 2);
        directory += "PK\1\2" + little(0x031E, 2) + common + little(0, 2) + little(0, 2) + little(0, 2) +
                     little(uint64_t{m.mode} << 16, 4) + little(all.size(), 4) + m.name;
        all += "PK\3\4" + common + m.name + data;
    }
    const size_t begin = all.size();
    return all + directory + "PK\5\6" + little(0, 4) + little(members.size(), 2) + little(members.size(), 2) +
           little(directory.size(), 4) + little(begin, 4) + little(0, 2);
}

// POSIX ustar.
inline std::string tarred(const std::vector<Packed>& members) {
    std::string all;
    for (const Packed& m : members) {
        std::string h(512, '\0');
        const bool file = m.type == '0';
        h.replace(0, m.name.size(), m.name);
        h.replace(100, 8, std::string("0000644\0", 8));
        h.replace(108, 8, std::string("0000000\0", 8));
        h.replace(116, 8, std::string("0000000\0", 8));
        h.replace(124, 12, fmt::format("{:011o}", file ? m.content.size() : 0) + '\0');
        h.replace(136, 12, std::string("00000000000\0", 12));
        h.replace(148, 8, "        ");
        h[156] = m.type;
        h.replace(157, m.link.size(), m.link);
        h.replace(257, 8, std::string("ustar\00000", 8));
        unsigned sum = 0;
        for (const char c : h) sum += static_cast<unsigned char>(c);
        h.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
        all += h;
        if (!file) continue;
        all += m.content;
        all += std::string((512 - m.content.size() % 512) % 512, '\0');
    }
    return all + std::string(1024, '\0');
}

}  // namespace cmtl::test
