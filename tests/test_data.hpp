#pragma once
// Real volumes for tests: the folder named by CMTL_TEST_DATA, else shared/data beside the sources. It is not part of
// the project, and a test that needs it is skipped where it is absent.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cmtl::test {

inline std::filesystem::path data_folder() {
    const char* folder = std::getenv("CMTL_TEST_DATA");
    return folder ? std::filesystem::path(folder) : std::filesystem::path(CMTL_SOURCE_DIR) / ".." / "shared" / "data";
}

// An empty folder of its own for each test, removed afterwards.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
        path_ = std::filesystem::temp_directory_path() / ("cmtl_" + std::to_string(::getpid()) + "_" +
                                                          std::string(info->test_suite_name()) + "_" + info->name());
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ~TemporaryFolder() {
        std::error_code code;
        std::filesystem::remove_all(path_, code);
    }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace cmtl::test

// In a test: skips it unless data_folder()/path is there.
#define CMTL_NEED_DATA(path)                                          \
    if (!std::filesystem::exists(cmtl::test::data_folder() / (path))) \
    GTEST_SKIP() << "needs " << path << " of the folder named by CMTL_TEST_DATA"
