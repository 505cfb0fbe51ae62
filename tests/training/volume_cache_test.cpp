// Prepared volumes and features on disk: made once, made again when something changed, completed without the images.
#include "training/volume_cache.hpp"

#include <gtest/gtest.h>

#include <omp.h>

#include "training/cohort_volumes.hpp"
#include "training/volume_fixture.hpp"

namespace cmtl {
namespace {

using test::expect_error;
namespace fs = std::filesystem;

struct Caches : test::VolumeTraining {
    Context context;
    TrainJob job;
    void SetUp() override {
        VolumeTraining::SetUp();
        job = make_job(request);
    }
    const PreparationOptions& preparation() const { return job.config.preparation; }
    const CohortCase& one() const { return job.cohort.cases[0]; }
    VolumeCache cache(const CacheContents& contents = {}, const std::string& name = "c") const {
        return {folder / name, preparation(), contents};
    }
    // Other content that a fingerprint does not tell from the old: who reads the image now fails.
    void spoil(const fs::path& image) const {
        const auto time = fs::last_write_time(image);
        const std::string text(fs::file_size(image), 'x');
        std::ofstream(image, std::ios::binary) << text;
        fs::last_write_time(image, time);
    }
};

TEST_F(Caches, PreparesOnceAndAgainWhenSomethingChanged) {
    const VolumeCache cache = this->cache();
    const CohortCase& one = this->one();
    EXPECT_FALSE(cache.find(one));
    const CachedVolume entry = cache.prepare(context, one);
    ASSERT_TRUE(cache.find(one));
    EXPECT_EQ(cache.find(one)->sum, entry.sum);
    EXPECT_EQ(cache.read(one), prepare_case(one.image, preparation(), one.mask).voxels);
    PreparationOptions other = preparation();
    other.crop = {30, 30, 30};
    EXPECT_TRUE(VolumeCache(folder / "c", other).find(one));  // crops are taken from prepared volumes
    other.spacing_mm = 9;
    EXPECT_FALSE(VolumeCache(folder / "c", other).find(one));
    fs::last_write_time(one.image, fs::last_write_time(one.image) + std::chrono::seconds(2));
    EXPECT_FALSE(cache.find(one));
    cache.prepare(context, one);
    std::string bytes = test::text_of(folder / "c/p0.cmtlvol");
    folder.write("c/p0.cmtlvol", bytes.substr(0, bytes.size() - 7));
    EXPECT_FALSE(cache.find(one));
    bytes[bytes.size() / 2] ^= 0x55;
    folder.write("c/p0.cmtlvol", bytes);
    expect_error(ErrorKind::input, {"p0.cmtlvol", "damaged", "delete it"}, [&] { cache.read(one); });
}

TEST_F(Caches, CompleteFeaturesFromTheVolume) {
    const CachedVolume bare = cache().prepare(context, one());
    EXPECT_TRUE(bare.features.empty());
    const VolumeCache whole = cache({.features = FeatureOptions{}});
    EXPECT_FALSE(whole.find(one()));
    spoil(one().image);
    const CachedVolume made = whole.prepare(context, one());
    EXPECT_EQ(made.features.size(), 375u);
    EXPECT_EQ(made.sum, bare.sum);
    const auto found = whole.find(one());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->features, made.features);  // to the last bit
    EXPECT_EQ(found->sum_of_squares, bare.sum_of_squares);
    auto voxels = whole.read(one());
    EXPECT_EQ(case_features(context, voxels, preparation(), {}, "p0"), made.features);
    EXPECT_TRUE(cache().find(one()));  // who wants none takes the entry as it is

    const FeatureOptions coarse{.bin_width = 50};
    EXPECT_FALSE(cache({.features = coarse}).find(one()));
    EXPECT_NE(cache({.features = coarse}).prepare(context, one()).features, made.features);
    EXPECT_TRUE(cache({.features = coarse}).find(one()));
    EXPECT_FALSE(whole.find(one()));

    fs::last_write_time(one().image, fs::last_write_time(one().image) + std::chrono::seconds(2));
    expect_error(ErrorKind::input, {"p0.nii"}, [&] { whole.prepare(context, one()); });  // and now it reads the image
}

TEST_F(Caches, PrepareAgainWhatIsDamagedBeneathItsFeatures) {
    const VolumeCache whole = cache({.features = FeatureOptions{}});
    cache().prepare(context, one());
    std::string bytes = test::text_of(folder / "c/p0.cmtlvol");
    bytes[bytes.size() - 20] ^= 0x55;
    folder.write("c/p0.cmtlvol", bytes);
    const CachedVolume made = whole.prepare(context, one());
    EXPECT_EQ(whole.read(one()), prepare_case(one().image, preparation(), one().mask).voxels);
    EXPECT_EQ(whole.find(one())->features, made.features);
}

TEST_F(Caches, KeepMasksThatBelongToTheirVolumes) {
    const VolumeCache masks = cache({.masks = true});
    cache().prepare(context, one());
    EXPECT_FALSE(masks.find(one()));
    masks.prepare(context, one());
    ASSERT_TRUE(masks.find(one()) && cache().find(one()));
    const Mask mask = read_mask(folder / "c/masks/p0.nii.gz");
    EXPECT_EQ(mask.voxels, read_mask(one().mask).voxels);
    cache({.features = FeatureOptions{}}).prepare(context, one());
    EXPECT_TRUE(masks.find(one()));  // features are added, the rest stays
    fs::remove(folder / "c/masks/p0.nii.gz");
    EXPECT_FALSE(masks.find(one()));
    masks.prepare(context, one());
    // Prepared anew without a mask: the old one goes, it may be another image's.
    fs::last_write_time(one().image, fs::last_write_time(one().image) + std::chrono::seconds(2));
    cache().prepare(context, one());
    EXPECT_FALSE(fs::exists(folder / "c/masks/p0.nii.gz"));
    EXPECT_FALSE(masks.find(one()));
}

TEST_F(Caches, HoldTheSameWhateverTheNumberOfJobs) {
    const CacheContents contents{.features = FeatureOptions{}, .masks = true};
    const int threads = omp_get_max_threads();
    for (const int jobs : {1, 2, 3}) {
        omp_set_num_threads(jobs == 1 ? 1 : 4);
        const VolumeCache cache = this->cache(contents, fmt::format("jobs{}", jobs));
        const CohortPreparation done = prepare_cohort(cache, job.cohort.cases, {.jobs = jobs, .quiet = true});
        EXPECT_FALSE(done.interrupted);
        EXPECT_EQ(done.kept, 0);
        for (const CohortCase& each : job.cohort.cases) {
            const std::string name = each.id + ".cmtlvol";
            EXPECT_TRUE(test::text_of(cache.folder() / name) == test::text_of(folder / "jobs1" / name)) << jobs << name;
        }
        EXPECT_EQ(prepare_cohort(cache, job.cohort.cases, {.quiet = true}).kept, 7);
    }
    omp_set_num_threads(threads);
}

TEST_F(Caches, NameTheCaseWhoseFeaturesCannotBeComputed) {
    // Lungs of one voxel: a volume, but no texture.
    Mask mask = read_mask(job.cohort.cases[2].mask);
    std::fill(mask.voxels.begin(), mask.voxels.end(), uint8_t{0});
    for (int64_t z = 15; z < 17; ++z)
        for (int64_t y = 23; y < 25; ++y)
            for (int64_t x = 23; x < 25; ++x) mask.at(x, y, z) = 1;
    write_image(folder / "m2.nii", mask);
    PreparationOptions coarse = preparation();
    coarse.spacing_mm = 20;
    coarse.size = coarse.crop = {18, 20, 20};
    coarse.evaluation_offset = {0, 0, 0};
    coarse.training_offsets_z = coarse.training_offsets_y = coarse.training_offsets_x = {0};
    const VolumeCache cache(folder / "c", coarse, {.features = FeatureOptions{}});
    const CohortPreparation done = prepare_cohort(cache, job.cohort.cases, {.jobs = 2, .quiet = true});
    for (size_t i = 0; i < 7; ++i)
        if (i == 2)
            EXPECT_NE(done.failed[i].find("p2.nii"), std::string::npos) << done.failed[i];
        else
            EXPECT_EQ(done.failed[i], "");
    EXPECT_TRUE(VolumeCache(folder / "c", coarse).find(job.cohort.cases[2]));  // its volume is kept
    const FeatureTable table = feature_table_of(job.cohort.cases, done.volumes, {}, "table");
    EXPECT_EQ(table.ids, (std::vector<std::string>{"p0", "p1", "p3", "p4", "p5", "p6"}));
    EXPECT_EQ(table.row(*table.find("p3"))[4], done.volumes[3].features[4]);
}

}  // namespace
}  // namespace cmtl
