#pragma once
// A folder that goes with the test, small cohorts in it, and errors that must name things.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/error.hpp"
#include "engine/random.hpp"

namespace cmtl::test {

namespace fs = std::filesystem;

class Folder {
  public:
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "cmtl-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() {
        std::error_code code;
        fs::remove_all(path_, code);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    fs::path operator/(const std::string& name) const { return path_ / name; }
    const fs::path& path() const { return path_; }

    fs::path write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name, std::ios::binary) << text;
        return path_ / name;
    }

  private:
    fs::path path_;
};

inline std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

// The bytes behind a safetensors file's header.
inline std::string data_of(const fs::path& path) {
    const std::string text = text_of(path);
    uint64_t header = 0;
    if (text.size() < 8) return "unreadable";
    std::memcpy(&header, text.data(), 8);
    return text.substr(8 + header);
}

template <class Action>
void expect_error(ErrorKind kind, std::initializer_list<std::string> parts, Action&& action) {
    try {
        action();
        ADD_FAILURE() << "no error, expected: " << *parts.begin();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        for (const auto& part : parts)
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
}

// A feature table in which CT and severity follow the first columns, and its manifest: files features.csv and
// labels.csv.
inline void write_feature_cohort(const Folder& folder, int cases, int features = 6) {
    std::string labels = "ID,CT,NAT,Severity\n", table = "ID";
    for (int f = 0; f < features; ++f) table += fmt::format(",f{}", f);
    table += "\n";
    for (int i = 0; i < cases; ++i) {
        RandomStream random({11, Purpose::test, 0}, static_cast<uint64_t>(i));
        const int severity = i % 3, ct = severity > 0;
        const bool unknown = i % 7 == 3;
        labels += fmt::format("case{:03},{},{},{}\n", i, ct, unknown ? "" : std::to_string((i + i / 5) % 2), severity);
        table += fmt::format("case{:03}", i);
        for (int f = 0; f < features; ++f)
            table += fmt::format(",{}", 1000 * random.normal() + (f == 0   ? 3000.0 * ct
                                                                  : f == 1 ? 2000.0 * severity
                                                                           : 0.0));
        table += "\n";
    }
    folder.write("labels.csv", labels);
    folder.write("features.csv", table);
}

}  // namespace cmtl::test
