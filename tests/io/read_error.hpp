#pragma once
// What read_volume says about a file that it refuses.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "io/image_io.hpp"

namespace cmtl::test {

// Any modality, size and values.
inline ReadOptions anything() {
    ReadOptions options;
    options.expect_ct = false;
    options.min_slices = 1;
    options.warn = false;
    return options;
}

inline std::string error_of(const std::filesystem::path& path, ReadOptions options = {}) {
    options.warn = false;
    try {
        read_volume(path, options);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
        return error.what();
    }
    return "no error";
}

}  // namespace cmtl::test

#define EXPECT_ERROR(path, part) EXPECT_NE(error_of(path).find(part), std::string::npos) << error_of(path)
