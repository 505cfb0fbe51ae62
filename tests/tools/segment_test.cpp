// cmtl_segment as a user runs it: files in, files and exit codes out.
#include <gtest/gtest.h>
#include <png.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.hpp"
#include "imaging/geometry.hpp"
#include "imaging/phantom.hpp"
#include "io/archive_writer.hpp"
#include "io/image_io.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::TemporaryFolder;

struct Outcome {
    int code = -1;
    std::string text;  // stdout and stderr
    long lines() const { return std::count(text.begin(), text.end(), '\n'); }
};

Outcome run(const std::string& arguments) {
    const std::string command = std::string(CMTL_BIN_DIR) + "/cmtl_segment " + arguments + " 2>&1";
    Outcome outcome;
    FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[4096];
    while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) outcome.text.append(buffer, n);
    const int status = ::pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
}

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

PhantomCase phantom() {
    PhantomOptions options;
    options.severity = 0;
    return phantom_case(5, options);
}

double agreement(const Mask& a, const Mask& b) {
    double in_a = 0, in_b = 0, both = 0;
    for (size_t n = 0; n < a.voxels.size(); ++n)
        in_a += a.voxels[n] != 0, in_b += b.voxels[n] != 0, both += a.voxels[n] && a.voxels[n] == b.voxels[n];
    return 2 * both / (in_a + in_b);
}

// Pixels of a picture that are grey with a veil of green.
int64_t green(const std::filesystem::path& path) {
    png_image image = {};
    image.version = PNG_IMAGE_VERSION;
    EXPECT_TRUE(png_image_begin_read_from_file(&image, path.c_str()));
    image.format = PNG_FORMAT_RGB;
    std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(image));
    EXPECT_TRUE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr));
    // Below it: the legend has the colour itself.
    int64_t count = 0;
    for (size_t n = 0; n + 30 * image.width < pixels.size() / 3; ++n)
        count += pixels[3 * n + 1] > pixels[3 * n] + 40 && pixels[3 * n + 1] > pixels[3 * n + 2] + 30;
    return count;
}

TEST(Segment, WritesMaskJsonAndPreview) {
    TemporaryFolder folder;
    const PhantomCase p = phantom();
    write_image(folder / "ct.nii.gz", p.hu);
    const Outcome outcome =
        run("-i " + quoted(folder / "ct.nii.gz") + " -o " + quoted(folder / "mask.nii.gz") + " --json " +
            quoted(folder / "x.json") + " --preview " + quoted(folder / "x.png") + " --no-refine --spacing 2");
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_NE(outcome.text.find("right"), std::string::npos) << outcome.text;
    const Mask mask = read_mask(folder / "mask.nii.gz");
    EXPECT_EQ(mask.geometry, read_volume(folder / "ct.nii.gz").geometry);
    EXPECT_GT(agreement(mask, p.lungs), 0.97);
    std::ifstream file(folder / "x.json");
    const auto json = nlohmann::json::parse(file);
    EXPECT_NEAR(json["litres"]["both"].get<double>(),
                json["litres"]["right"].get<double>() + json["litres"]["left"].get<double>(), 1e-9);
    EXPECT_GT(json["litres"]["right"].get<double>(), 1);
    EXPECT_TRUE(json["flags"].is_array());
    EXPECT_TRUE(json["timeline"].contains("segment"));
    EXPECT_FALSE(json["timeline"].contains("refine"));
    EXPECT_EQ(json["method"], "classical");
    EXPECT_GT(std::filesystem::file_size(folder / "x.png"), 10000u);
}

TEST(Segment, AZipIsReadLikeWhatIsInIt) {
    TemporaryFolder folder;
    write_image(folder / "ct.nii", phantom().hu);
    const std::string options = " --no-refine --spacing 3 -q -o ";
    ASSERT_EQ(run("-i " + quoted(folder / "ct.nii") + options + quoted(folder / "a.nii.gz")).code, 0);
    write_file(folder / "scan.zip", test::zipped({{.name = "study/ct.nii", .content = read_file(folder / "ct.nii")},
                                                  {.name = "__MACOSX/study/._ct.nii", .content = "x"}}));
    const std::string in_zip = "-i " + quoted(folder / "scan.zip") + options + quoted(folder / "b.nii.gz");
    const Outcome outcome = run(in_zip);
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    EXPECT_EQ(read_mask(folder / "a.nii.gz").voxels, read_mask(folder / "b.nii.gz").voxels);
    std::filesystem::remove(folder / "b.nii.gz");
    write_file(folder / "scan.zip", test::zipped({{.name = "../ct.nii", .content = "x"}}));
    const Outcome refused = run(in_zip);
    EXPECT_EQ(refused.code, 3);
    EXPECT_EQ(refused.lines(), 1) << refused.text;
    EXPECT_FALSE(std::filesystem::exists(folder / "b.nii.gz"));
}

TEST(Segment, TheRefinementIsAStepAndIsSeen) {
    TemporaryFolder folder;
    PhantomOptions severe;
    severe.severity = 2;
    write_image(folder / "ct.nrrd", phantom_case(7, severe).hu);
    const std::string common = "-q --spacing 2 -i " + quoted(folder / "ct.nrrd") + " -o " + quoted(folder / "m.nrrd");
    ASSERT_EQ(run(common + " --preview " + quoted(folder / "a.png") + " --json " + quoted(folder / "a.json")).code, 0);
    const Mask shown = read_mask(folder / "m.nrrd");
    ASSERT_EQ(run(common + " --preview " + quoted(folder / "b.png") + " --no-refine").code, 0);
    ASSERT_EQ(run(common).code, 0);
    EXPECT_EQ(read_mask(folder / "m.nrrd").voxels, shown.voxels);  // the picture changes nothing
    std::ifstream file(folder / "a.json");
    const auto json = nlohmann::json::parse(file);
    std::vector<std::string> steps;
    for (const auto& [step, seconds] : json["timeline"].items()) {
        steps.push_back(step);
        EXPECT_GE(seconds.get<double>(), 0) << step;
    }
    std::sort(steps.begin(), steps.end());
    EXPECT_EQ(steps, (std::vector<std::string>{"preview", "read", "refine", "resample", "segment", "write"}));
    EXPECT_EQ(json["method"], "refined");
    EXPECT_GT(json["regained_ml"].get<double>(), 50);
    for (const char* field :
         {"input", "format", "mask", "litres", "mean_hu", "right_left_ratio", "trachea_ml", "dense_share", "air_ml",
          "side_mm2", "flags", "warnings", "size", "spacing_mm", "orientation", "version", "commit"})
        EXPECT_TRUE(json.contains(field)) << field;  // those of README.md
    // Green is what it added: nothing of it without a refinement.
    EXPECT_GT(green(folder / "a.png"), 2000);
    EXPECT_EQ(green(folder / "b.png"), 0);
}

TEST(Segment, OrientationAndFormatChangeNothing) {
    TemporaryFolder folder;
    const PhantomCase p = phantom();
    Geometry turned;
    turned.direction = {0, -1, 0, 0, 0, 1, -1, 0, 0};
    turned.size = {p.hu.nz(), p.hu.nx(), p.hu.ny()};
    turned.spacing = {p.hu.geometry.spacing[2], p.hu.geometry.spacing[0], p.hu.geometry.spacing[1]};
    turned.origin = {50, -60, 70};
    write_image(folder / "straight.nrrd", p.hu);
    write_image(folder / "turned.mha", restore(p.hu, orientation_of(turned)));
    ASSERT_EQ(run("-q --spacing 2 -i " + quoted(folder / "straight.nrrd") + " -o " + quoted(folder / "a.nrrd")).code,
              0);
    ASSERT_EQ(run("-q --spacing 2 -i " + quoted(folder / "turned.mha") + " -o " + quoted(folder / "b.mha")).code, 0);
    const Mask a = read_mask(folder / "a.nrrd"), b = read_mask(folder / "b.mha");
    EXPECT_EQ(b.geometry, turned);
    EXPECT_EQ(to_lps(b).image.voxels, a.voxels);
}

TEST(Segment, ThreadsChangeNothing) {
    TemporaryFolder folder;
    write_image(folder / "ct.nrrd", phantom().hu);
    ASSERT_EQ(run("-q --threads 1 -i " + quoted(folder / "ct.nrrd") + " -o " + quoted(folder / "a.nii.gz")).code, 0);
    ASSERT_EQ(run("-q --threads 3 -i " + quoted(folder / "ct.nrrd") + " -o " + quoted(folder / "b.nii.gz")).code, 0);
    EXPECT_EQ(read_mask(folder / "a.nii.gz").voxels, read_mask(folder / "b.nii.gz").voxels);
}

// Resampled values may differ in their last bit, and a voxel at a threshold with them.
TEST(Segment, DevicesChangeNothing) {
    TemporaryFolder folder;
    write_image(folder / "ct.nrrd", phantom().hu);
    for (const std::string device : {"cpu", "simt"}) {
        const std::filesystem::path mask = folder / (device + ".nrrd");
        ASSERT_EQ(
            run("-q --spacing 3 --device " + device + " -i " + quoted(folder / "ct.nrrd") + " -o " + quoted(mask)).code,
            0);
    }
    EXPECT_GT(agreement(read_mask(folder / "simt.nrrd"), read_mask(folder / "cpu.nrrd")), 0.9999);
}

TEST(Segment, WrongInputIsOneLineAndLeavesNothing) {
    TemporaryFolder folder;
    std::filesystem::create_directories(folder / "out");
    std::filesystem::create_directories(folder / "empty");
    std::ofstream(folder / "text.nii.gz") << "hello";
    Volume solid = phantom().hu;
    for (float& v : solid.voxels) v = v < -300 ? -1000 : 40;  // air outside stays, lungs go
    const PhantomCase p = phantom();
    for (size_t n = 0; n < solid.voxels.size(); ++n)
        if (p.lungs.voxels[n]) solid.voxels[n] = 40;
    write_image(folder / "solid.nii.gz", solid);
    const std::pair<const char*, const char*> cases[] = {
        {"nothing", "no such file"}, {"empty", "empty"}, {"text.nii.gz", "no NIfTI"}, {"solid.nii.gz", "no lungs"}};
    for (const auto& [name, message] : cases) {
        const Outcome outcome = run("-i " + quoted(folder / name) + " -o " + quoted(folder / "out" / "m.nii.gz"));
        EXPECT_EQ(outcome.code, 3) << outcome.text;
        EXPECT_EQ(outcome.lines(), 1) << outcome.text;
        EXPECT_NE(outcome.text.find(message), std::string::npos) << outcome.text;
        EXPECT_NE(outcome.text.find(name), std::string::npos) << outcome.text;
        EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
    }
}

TEST(Segment, WrongUseIsExitCodeTwo) {
    TemporaryFolder folder;
    EXPECT_EQ(run("--no-such-option").code, 2);
    EXPECT_EQ(run("-i x").code, 2);
    EXPECT_EQ(run("-i x -o y.png").code, 2);
    EXPECT_EQ(run("-i x -o y.nii.gz --spacing 0").code, 2);
    EXPECT_EQ(run("-i x -o y.nii.gz --device gpu").code, 2);
    EXPECT_EQ(run("-i x -o " + quoted(folder / "no" / "y.nii.gz")).code, 3);
    const Outcome help = run("--help"), version = run("--version");
    EXPECT_EQ(help.code, 0);
    for (const char* part : {"Example", "Exit codes", "--preview"}) EXPECT_NE(help.text.find(part), std::string::npos);
    EXPECT_EQ(version.code, 0);
    EXPECT_NE(version.text.find("cmtl_segment"), std::string::npos);
}

TEST(Segment, RealSeries) {
    CMTL_NEED_DATA("ct/covid-ct-md-P001");
    CMTL_NEED_DATA("ct/covid-ct-md-normal001");
    TemporaryFolder folder;
    for (const char* name : {"ct/covid-ct-md-P001", "ct/covid-ct-md-normal001"}) {
        const Outcome outcome = run("-i " + quoted(test::data_folder() / name) + " -o " + quoted(folder / "m.nii.gz") +
                                    " --json " + quoted(folder / "m.json"));
        ASSERT_EQ(outcome.code, 0) << outcome.text;
        std::ifstream file(folder / "m.json");
        const auto json = nlohmann::json::parse(file);
        EXPECT_EQ(json["flags"].size(), 0u) << json["flags"];
        EXPECT_GT(json["litres"]["left"].get<double>(), 1.4);
        EXPECT_GT(json["litres"]["right"].get<double>(), json["litres"]["left"].get<double>());
    }
}

}  // namespace
}  // namespace cmtl
