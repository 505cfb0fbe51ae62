#pragma once
// Seven small phantoms in a folder and a request to train on them at 10 mm.
#include "imaging/phantom.hpp"
#include "io/image_io.hpp"
#include "training/request.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl::test {

struct VolumeTraining : testing::Test {
    test::Folder folder;
    TrainRequest request;
    void SetUp() override {
        std::string manifest = "ID,Image,Mask,CT,NAT,Severity,Split\n";
        for (int i = 0; i < 7; ++i) {
            const PhantomCase p = phantom_case(static_cast<uint64_t>(i),
                                               {.size = {48, 48, 32}, .spacing = {8, 8, 10}, .severity = i % 3});
            write_image(folder / fmt::format("p{}.nii", i), p.hu);
            write_image(folder / fmt::format("m{}.nii", i), p.lungs);
            manifest += fmt::format("p{0},p{0}.nii,m{0}.nii,{1},{1},{2},{3}\n", i, p.ct, p.severity,
                                    i < 5   ? "train"
                                    : i < 6 ? "val"
                                            : "test");
        }
        request.manifest = folder.write("cohort.csv", manifest);
        request.run = folder / "run";
        request.preset = "small";
        request.settings = {"preparation.spacing_mm=10",
                            "preparation.size=36,40,40",
                            "preparation.crop=32,36,36",
                            "preparation.evaluation_offset=2,2,2",
                            "preparation.training_offsets_z=0,2,4",
                            "preparation.training_offsets_y=0,2,4",
                            "preparation.training_offsets_x=0,2,4",
                            "augment.rotate_p=0.5",
                            "augment.flip_p=0.5",
                            "augment.noise_p=0.5",
                            "train.epochs=2",
                            "train.batch_size=2"};
        request.quiet = true;
        request.cache = folder / "cache";
    }
};

}  // namespace cmtl::test
