#pragma once
// Folders of small DICOM slices, and what reading them says.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "io/dicom_writer.hpp"
#include "io/image_io.hpp"

namespace cmtl::test {

// Slices 0 .. count - 1 of series_slice, changed by `change(slice, n)`, in files whose names are not in slice order.
inline void write_stack(const std::filesystem::path& folder, int count,
                        const std::function<void(DicomSlice&, int)>& change = {}, const std::string& prefix = "IM") {
    for (int n = 0; n < count; ++n) {
        DicomSlice s = series_slice(n);
        if (change) change(s, n);
        write_dicom(folder / (prefix + std::to_string((n * 7 + 3) % 10) + std::to_string(n)), s);
    }
}

struct ReadBack {
    Volume volume;
    ReadReport report;

    // Whether exactly one warning has this part.
    bool warned(const std::string& part) const {
        int n = 0;
        for (const std::string& w : report.warnings) n += w.find(part) != std::string::npos;
        return n == 1;
    }
    std::string warnings() const { return fmt::format("{}", fmt::join(report.warnings, " | ")); }
};

inline ReadBack read_back(const std::filesystem::path& path, ReadOptions options = {}) {
    ReadBack out;
    options.warn = false;
    out.volume = read_volume(path, options, &out.report);
    return out;
}

// Voxel v of slice k as series_slice writes it.
inline void expect_slice(const Volume& volume, int64_t k, int n) {
    for (int v = 0; v < 30; ++v) ASSERT_EQ(volume.at(v % 5, v / 5, k), 100 * n + v - 1024) << k << " " << v;
}

}  // namespace cmtl::test

#define EXPECT_WARNED(back, part) EXPECT_TRUE((back).warned(part)) << (back).warnings()
