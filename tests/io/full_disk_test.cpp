// A disk that fills up while an image is written: a limit on file sizes fails writes in the same places.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <random>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/image_io.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

TEST(FullDisk, ImagesAreWrittenWholeOrNotAtAll) {
    const test::TemporaryFolder folder;
    Geometry g;
    g.size = {64, 64, 32};
    Image<int16_t> image(g);
    std::mt19937 random(1);
    for (int16_t& v : image.voxels) v = static_cast<int16_t>(random() % 2000);  // compresses to more than half

    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    for (const rlim_t room : {0, 100, 10000, 100000})
        for (const char* name : {"a.nii", "a.nii.gz", "a.nrrd", "a.mha"}) {
            const fs::path path = folder.path() / name;
            const rlimit small{room, before.rlim_max};
            ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
            ErrorKind kind = ErrorKind::internal;
            std::string message = "no error";
            try {
                write_image(path, image);
            } catch (const Error& e) {
                kind = e.kind();
                message = e.what();
            }
            setrlimit(RLIMIT_FSIZE, &before);
            EXPECT_EQ(kind, ErrorKind::resource) << name << " " << room << ": " << message;
            EXPECT_NE(message.find(path.string()), std::string::npos) << message;
        }
    std::signal(SIGXFSZ, handler);
    EXPECT_TRUE(fs::is_empty(folder.path()));
    write_image(folder.path() / "a.nii.gz", image);
    const Volume back =
        read_volume(folder.path() / "a.nii.gz", {.series_uid = {}, .min_slices = 1, .expect_ct = false, .warn = false});
    EXPECT_TRUE(std::equal(image.voxels.begin(), image.voxels.end(), back.voxels.begin(), back.voxels.end()));
}

}  // namespace
}  // namespace cmtl
