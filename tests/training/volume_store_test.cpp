// Volumes while they are trained on: the same voxels from memory, mapped files and compressed entries, whatever happens
// to the files meanwhile.
#include "training/volume_store.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "training/cohort_volumes.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using test::expect_error;
namespace fs = std::filesystem;

struct Stores : test::VolumeTraining {
    TrainJob job;
    std::vector<CachedVolume> volumes;
    std::vector<std::vector<uint16_t>> wanted;
    std::vector<std::string> notices;
    std::mutex mutex;
    std::optional<VolumeCache> cache;
    void SetUp() override {
        VolumeTraining::SetUp();
        job = make_job(request);
        prepare(folder / "c");
        for (const CohortCase& one : job.cohort.cases)
            wanted.push_back(prepare_case(one.image, job.config.preparation, one.mask).voxels);
    }
    void prepare(const fs::path& place) {
        cache.emplace(place, job.config.preparation);
        volumes = prepare_cohort(*cache, job.cohort.cases, {.quiet = true}).volumes;
    }
    VolumeStoreOptions options(const std::string& access, double memory = 0) {
        VolumeStoreOptions o{.access = access, .memory_bytes = memory};
        o.notice = [this](const std::string& text) {
            const std::lock_guard lock(mutex);
            notices.push_back(text);
        };
        return o;
    }
    static std::vector<uint16_t> voxels(VolumeStore& store, size_t i) {
        const VolumeView view = store.get(i);
        return {view.voxels.begin(), view.voxels.end()};
    }
    void damage(const fs::path& file, std::streamoff from_end) const {
        const std::string before = test::text_of(file);
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(-from_end, std::ios::end);
        const char byte = static_cast<char>(stream.get() ^ 0x55);
        stream.seekp(-from_end, std::ios::end);
        stream.put(byte);
        stream.close();
        ASSERT_NE(test::text_of(file), before);
    }
    // In the middle: near the end a deflated stream has bytes of which several values mean the same voxels.
    void damage_entry() const {
        const fs::path file = folder / "c/p1.cmtlvol";
        damage(file, static_cast<std::streamoff>(fs::file_size(file) / 2));
    }
};

TEST_F(Stores, GiveTheSameVoxelsHoweverTheyLie) {
    for (const std::string access : {"memory", "compressed", "mapped", "auto"}) {
        VolumeStore store(*cache, job.cohort.cases, volumes, options(access));
        ASSERT_TRUE(store.make_ready(true));
        EXPECT_EQ(store.access(), access == "auto" ? "mapped" : access);
        for (int time = 0; time < 2; ++time)
            for (size_t i = 0; i < wanted.size(); ++i) EXPECT_TRUE(voxels(store, i) == wanted[i]) << access << i;
        EXPECT_EQ(fs::exists(folder / "c/p0.cmtlraw"), access == "mapped" || access == "auto");
    }
    EXPECT_EQ(VolumeStore(*cache, job.cohort.cases, volumes, options("auto", 1e9)).access(), "memory");
    EXPECT_EQ(fs::file_size(folder / "c/p0.cmtlraw"), 4096 + 2 * wanted[0].size());
    EXPECT_TRUE(notices.empty());
}

TEST_F(Stores, MapFilesThatAreThereAndKeepThemForOthers) {
    VolumeStore first(*cache, job.cohort.cases, volumes, options("mapped"));
    ASSERT_TRUE(first.make_ready(true));
    const VolumeView held = first.get(3);
    const auto time = fs::last_write_time(folder / "c/p3.cmtlraw");
    VolumeStore second(*cache, job.cohort.cases, volumes, options("mapped"));
    ASSERT_TRUE(second.make_ready(true));
    EXPECT_TRUE(voxels(second, 3) == wanted[3]);
    EXPECT_EQ(fs::last_write_time(folder / "c/p3.cmtlraw"), time);
    fs::remove(folder / "c/p3.cmtlraw");  // who holds a view keeps it
    EXPECT_TRUE(std::equal(held.voxels.begin(), held.voxels.end(), wanted[3].begin()));
}

TEST_F(Stores, MakeMappedFilesAgainThatAreNotWhatTheyWere) {
    VolumeStore store(*cache, job.cohort.cases, volumes, options("mapped"));
    ASSERT_TRUE(store.make_ready(true));
    const fs::path file = folder / "c/p2.cmtlraw";
    const std::string good = test::text_of(file);
    const auto check = [&](const char* what) {
        EXPECT_TRUE(voxels(store, 2) == wanted[2]) << what;
        EXPECT_TRUE(test::text_of(file) == good) << what;
    };
    check("untouched");
    damage(file, 5001);
    check("a byte changed");
    damage(file, static_cast<std::streamoff>(good.size()) - 10);
    check("its header changed");
    fs::resize_file(file, good.size() - 4096);
    check("cut");
    fs::remove(file);
    check("removed");
    fs::copy_file(folder / "c/p1.cmtlraw", file, fs::copy_options::overwrite_existing);
    check("another case's");
    damage(file, 77);  // and where nobody has looked at it yet
    VolumeStore fresh(*cache, job.cohort.cases, volumes, options("mapped"));
    ASSERT_TRUE(fresh.make_ready(true));
    EXPECT_TRUE(voxels(fresh, 2) == wanted[2]);
}

TEST_F(Stores, PrepareDamagedEntriesAgain) {
    for (const std::string access : {"compressed", "mapped", "memory"}) {
        SCOPED_TRACE(access);
        VolumeStore store(*cache, job.cohort.cases, volumes, options(access));
        ASSERT_TRUE(store.make_ready(true));
        fs::remove(folder / "c/p1.cmtlraw");
        damage_entry();
        notices.clear();
        EXPECT_TRUE(voxels(store, 1) == wanted[1]);
        ASSERT_EQ(notices.size(), 1u);
        EXPECT_NE(notices[0].find("case p1: "), std::string::npos) << notices[0];
        EXPECT_TRUE(cache->read(job.cohort.cases[1]) == wanted[1]);
        fs::remove(folder / "c/p4.cmtlvol");
        fs::remove(folder / "c/p4.cmtlraw");
        EXPECT_TRUE(voxels(store, 4) == wanted[4]);
    }
}

TEST_F(Stores, NameTheCaseThatCannotBeMadeAgain) {
    VolumeStore store(*cache, job.cohort.cases, volumes, options("compressed"));
    damage_entry();
    fs::rename(folder / "p1.nii", folder / "away.nii");
    expect_error(ErrorKind::input, {"case p1", "damaged and cannot be made again", "p1.nii"}, [&] { store.get(1); });
    fs::copy_file(folder / "p2.nii", folder / "p1.nii");
    expect_error(ErrorKind::input, {"case p1", "another image than when the training began"}, [&] { store.get(1); });
    fs::remove(folder / "p1.nii");
    fs::rename(folder / "away.nii", folder / "p1.nii");
    EXPECT_TRUE(voxels(store, 1) == wanted[1]);
}

TEST_F(Stores, NoticeEntriesThatAnotherProgramReplaced) {
    VolumeStore store(*cache, job.cohort.cases, volumes, options("compressed"));
    PreparationOptions other = job.config.preparation;
    other.spacing_mm = 12;
    Context context;
    VolumeCache(folder / "c", other).prepare(context, job.cohort.cases[0]);
    EXPECT_TRUE(voxels(store, 0) == wanted[0]);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_NE(notices[0].find("replaced"), std::string::npos);
}

TEST_F(Stores, StayCompressedWhereTheDiskIsSmall) {
    fs::create_directories(folder / "small");
    if (::mount("none", (folder / "small").c_str(), "tmpfs", 0, "size=600k") != 0)
        GTEST_SKIP() << "no right to mount a small file system";
    prepare(folder / "small");
    VolumeStore store(*cache, job.cohort.cases, volumes, options("auto"));
    EXPECT_TRUE(store.make_ready(true));
    EXPECT_EQ(store.access(), "compressed");
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_NE(notices[0].find("they stay compressed"), std::string::npos);
    VolumeStore asked(*cache, job.cohort.cases, volumes, options("mapped"));
    expect_error(ErrorKind::resource, {"small", "GB are free", "data.cache=compressed"},
                 [&] { asked.make_ready(true); });
    EXPECT_TRUE(voxels(store, 5) == wanted[5]);
    // Mapped files that went while the disk is full: inflated each time.
    VolumeStore later(*cache, job.cohort.cases, volumes, options("mapped"));
    std::ofstream(folder / "small/filler") << std::string(1 << 20, 'x');
    EXPECT_TRUE(voxels(later, 5) == wanted[5]);
    EXPECT_TRUE(voxels(later, 5) == wanted[5]);
    EXPECT_FALSE(fs::exists(folder / "small/p5.cmtlraw"));
    ::umount((folder / "small").c_str());
}

}  // namespace
}  // namespace cmtl
