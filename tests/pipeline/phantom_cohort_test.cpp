#include "pipeline/phantom_cohort.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "io/image_io.hpp"

namespace cmtl {
namespace {

class PhantomCohort : public testing::Test {
  protected:
    fs::path folder = fs::temp_directory_path() / ("cmtl_cohort_" + std::to_string(::getpid()));
    void SetUp() override { fs::remove_all(folder); }
    void TearDown() override { fs::remove_all(folder); }

    PhantomCohortOptions options(int64_t cases) const {
        PhantomCohortOptions o;
        o.folder = folder;
        o.cases = cases;
        o.seed = 3;
        o.phantom.size = {24, 24, 16};
        o.phantom.spacing = {16, 16, 20};
        o.quiet = true;
        return o;
    }

    static ErrorKind kind_of(const PhantomCohortOptions& o) {
        try {
            write_phantom_cohort(o);
        } catch (const Error& e) {
            return e.kind();
        }
        ADD_FAILURE() << "no error";
        return ErrorKind::internal;
    }
};

TEST_F(PhantomCohort, WritesImagesMasksAndManifest) {
    PhantomCohortOptions o = options(20);
    o.masks = true;
    const PhantomCohortSummary s = write_phantom_cohort(o);
    EXPECT_EQ(s.written, 20);
    EXPECT_EQ(s.by_severity[0], 8);  // prevalence 0.6
    const CsvTable t = read_csv(folder / "cohort.csv");
    EXPECT_EQ(t.header, (std::vector<std::string>{"ID", "Image", "Mask", "CT", "NAT", "Severity", "Split"}));
    ASSERT_EQ(t.rows.size(), 20u);
    std::map<std::string, std::map<int64_t, int>> classes;
    for (size_t r = 0; r < 20; ++r) {
        const int64_t severity = t.integer(r, 5);
        EXPECT_EQ(t.integer(r, 3), severity > 0);
        ++classes[t.text(r, 6)][severity];
        ReadOptions reading;
        const Volume image = read_volume(folder / t.text(r, 1), reading);
        const Mask mask = read_mask(folder / t.text(r, 2));
        EXPECT_EQ(image.geometry.size, (Index3{24, 24, 16}));
        EXPECT_EQ(mask.geometry.size, image.geometry.size);
    }
    // Every split has controls and patients.
    for (const char* split : {"train", "val", "test"}) {
        EXPECT_GE(classes[split][0], 1) << split;
        EXPECT_GE(classes[split][1] + classes[split][2], 2) << split;
    }
}

TEST_F(PhantomCohort, GoesOnWhereItStoppedAndGrows) {
    write_phantom_cohort(options(4));
    const std::string before = read_file(folder / "images/phantom-0002.nii.gz"),
                      third = read_file(folder / "images/phantom-0003.nii.gz");
    const auto time = fs::last_write_time(folder / "images/phantom-0002.nii.gz");
    fs::remove(folder / "images/phantom-0003.nii.gz");
    const PhantomCohortSummary s = write_phantom_cohort(options(6));
    EXPECT_EQ(s.kept, 3);
    EXPECT_EQ(s.written, 3);
    EXPECT_EQ(fs::last_write_time(folder / "images/phantom-0002.nii.gz"), time);
    EXPECT_EQ(read_file(folder / "images/phantom-0002.nii.gz"), before);
    EXPECT_EQ(read_file(folder / "images/phantom-0003.nii.gz"), third);
    EXPECT_EQ(read_csv(folder / "cohort.csv").rows.size(), 6u);
}

TEST_F(PhantomCohort, RefusesWhatCannotBe) {
    write_phantom_cohort(options(2));
    PhantomCohortOptions other = options(2);
    other.seed = 4;
    EXPECT_EQ(kind_of(other), ErrorKind::usage);
    other = options(2);
    other.split = {0.5, 0.5, 0.5};
    EXPECT_EQ(kind_of(other), ErrorKind::usage);
    other = options(2);
    other.format = "jpg";
    EXPECT_EQ(kind_of(other), ErrorKind::usage);
    other = options(0);
    EXPECT_EQ(kind_of(other), ErrorKind::usage);
    other = options(2);
    other.folder = folder / "phantom.json" / "below";  // a file stands in the way
    EXPECT_EQ(kind_of(other), ErrorKind::input);
    // A cohort that no disk holds is refused before the first image, and leaves the folder free for another try.
    other = options(1000000);
    other.folder = folder / "huge";
    other.phantom.size = {2048, 2048, 2048};
    other.phantom.spacing = {0.2, 0.2, 0.2};
    EXPECT_EQ(kind_of(other), ErrorKind::resource);
    EXPECT_FALSE(fs::exists(folder / "huge" / "phantom.json"));
}

}  // namespace
}  // namespace cmtl
