// main() of the test programs that run once per device: a device that does not answer skips the whole program with one line.
#include <gtest/gtest.h>

#include <cstdio>

#include "base/error.hpp"
#include "device.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (!testing::GTEST_FLAG(list_tests)) try {
            const cmtl::Context context(cmtl::on_test_device());
        } catch (const cmtl::Error& error) {
            if (error.kind() != cmtl::ErrorKind::resource) throw;
            std::printf("skipped: %s\n", error.what());
            return 77;  // ctest's SKIP_RETURN_CODE
        }
    return RUN_ALL_TESTS();
}
