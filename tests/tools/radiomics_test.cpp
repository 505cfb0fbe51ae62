// cmtl_radiomics as a user runs it: files in, tables and exit codes out.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "base/files.hpp"
#include "imaging/volume.hpp"
#include "io/image_io.hpp"
#include "test_data.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using test::Folder;
using test::run_program;
using test::says;

// Two images of one size with two labels, one of another, and a mask that holds nothing.
class Radiomics : public ::testing::Test {
  protected:
    Radiomics() {
        write_case("a", {17, 15, 13}, 1), write_case("b", {17, 15, 13}, 2), write_case("c", {12, 12, 12}, 3);
        write_image(folder_ / "empty.nrrd", Mask(geometry({17, 15, 13})));
        fs::create_directory(folder_ / "out");
    }
    static Geometry geometry(const Index3& size) {
        Geometry g;
        g.size = size;
        g.spacing = {0.75, 0.75, 2.5};
        return g;
    }
    void write_case(const std::string& name, const Index3& size, int seed) const {
        Image<int16_t> image(geometry(size));
        Mask mask(geometry(size));
        for (int64_t k = 0; k < image.nz(); ++k)
            for (int64_t j = 0; j < image.ny(); ++j)
                for (int64_t i = 0; i < image.nx(); ++i) {
                    image.at(i, j, k) = static_cast<int16_t>(300 * std::sin(0.3 * double(i * seed)) +
                                                             200 * std::cos(0.7 * double(j)) + 31 * k);
                    const bool inside = i > 1 && j > 2 && k > 1 && (i * j + k) % 7 != 0;
                    mask.at(i, j, k) = static_cast<uint8_t>(!inside ? 0 : i < 8 ? 1 : 2);
                }
        write_image(folder_ / (name + ".nii.gz"), image);
        write_image(folder_ / (name + "_mask.nrrd"), mask);
    }
    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    std::string write(const std::string& name, const std::string& text) const {
        write_file(folder_ / name, text);
        return path(name);
    }
    test::Result run(std::vector<std::string> arguments) const { return run_program("cmtl_radiomics", arguments); }
    bool nothing_left() const { return fs::is_empty(folder_ / "out"); }

    Folder folder_;
};

TEST_F(Radiomics, OneCaseIsOneRow) {
    const auto result =
        run({path("a.nii.gz"), path("a_mask.nrrd"), "-o", path("out/a.csv"), "--json", path("out/a.json")});
    ASSERT_TRUE(says(result, 0, "a: 666 features of"));
    const CsvTable table = read_csv(path("out/a.csv"));
    ASSERT_EQ(table.rows.size(), 1u);
    ASSERT_EQ(table.header.size(), 667u);
    EXPECT_EQ(table.header[0], "ID");
    EXPECT_EQ(table.header[1], "original_firstorder_10Percentile");
    EXPECT_EQ(table.text(0, 0), "a");
    const auto json = nlohmann::json::parse(read_file(path("out/a.json")));
    const auto& one = json["cases"][0];
    EXPECT_EQ(one["ID"], "a");
    EXPECT_EQ(one["features"].size(), 666u);
    for (size_t c = 1; c < table.header.size(); ++c)
        EXPECT_EQ(one["features"][table.header[c]].get<double>(), table.number(0, c)) << table.header[c];
    EXPECT_EQ(json["settings"]["binWidth"], 25);
    EXPECT_EQ(one["box"][0], nlohmann::json({2, 3, 2}));
    EXPECT_GT(one["roi_voxels"], 100);
    EXPECT_GT(one["levels"]["original"], 5);
    EXPECT_TRUE(one["timeline"].contains("read"));
    EXPECT_TRUE(json["versions"].contains("cmtl"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "out"), {}), 2) << "left something behind";
}

TEST_F(Radiomics, ThreadsAndFormatsOfTheTableChangeNothing) {
    const std::vector<std::string> files{path("a.nii.gz"), path("a_mask.nrrd")};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), files.begin(), files.end());
        return run(more);
    };
    ASSERT_TRUE(says(with({"-q", "-o", path("1.csv"), "--threads", "1"}), 0, ""));
    ASSERT_TRUE(says(with({"-q", "-o", path("3.csv"), "--threads", "3"}), 0, ""));
    ASSERT_TRUE(says(with({"-q", "-o", path("3.json"), "--threads", "3"}), 0, ""));
    EXPECT_EQ(read_file(path("1.csv")), read_file(path("3.csv")));
    const auto json = nlohmann::json::parse(read_file(path("3.json")));
    const CsvTable table = read_csv(path("1.csv"));
    EXPECT_EQ(json["cases"][0]["features"]["original_glcm_Contrast"].get<double>(),
              table.number(0, table.column("original_glcm_Contrast")));
}

TEST_F(Radiomics, FeaturesAndSettingsAreChosen) {
    const auto table = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {path("a.nii.gz"), path("a_mask.nrrd"), "-q", "-o", path("x.csv")});
        EXPECT_TRUE(says(run(more), 0, ""));
        return read_csv(path("x.csv"));
    };
    EXPECT_EQ(table({"--feature-set", "covid-mtl-375"}).header.size(), 376u);
    const std::string parameters = write("Params.yaml",
                                         "featureClass: {firstorder: [Mean, Energy], glcm: [Contrast]}\n"
                                         "setting: {binWidth: 10, label: 2}\n");
    const CsvTable two = table({"--param", parameters});
    EXPECT_EQ(two.header, (std::vector<std::string>{"ID", "original_firstorder_Mean", "original_firstorder_Energy",
                                                    "original_glcm_Contrast"}));
    const CsvTable one = table({"--param", parameters, "--label", "1"});
    EXPECT_NE(one.number(0, 1), two.number(0, 1));
    const CsvTable wide =
        table({"--param", parameters, "--setting", "binWidth=40", "--setting", "label=2", "--id", "me, myself"});
    EXPECT_EQ(wide.text(0, 0), "me, myself");
    EXPECT_EQ(wide.number(0, 1), two.number(0, 1));
    EXPECT_LT(wide.number(0, 3), two.number(0, 3));
    // A file of settings alone leaves the features to --feature-set.
    const std::string settings = write("settings.yaml", "setting: {binWidth: 10}");
    EXPECT_EQ(table({"--param", settings, "--feature-set", "covid-mtl-375"}).header.size(), 376u);
    EXPECT_EQ(table({"--param", settings}).header.size(), 75u) << "as PyRadiomics: the original image";
}

TEST_F(Radiomics, ABatchHasARowPerCase) {
    fs::create_directory(folder_ / "lists");
    const std::string batch = write("lists/cases.csv",
                                    "Site,ID,Image,Mask,Label\n"
                                    "\"Rome, Italy\",p1,../a.nii.gz,../a_mask.nrrd,\n"
                                    "Oslo,p2,../b.nii.gz,../b_mask.nrrd,2\n" +
                                        fmt::format("Bonn,p3,{},{},1\n", path("c.nii.gz"), path("c_mask.nrrd")));
    ASSERT_TRUE(says(run({batch, "-o", path("out/t.csv"), "--jobs", "2"}), 0, "3 of 3 cases, 666 features"));
    const CsvTable table = read_csv(path("out/t.csv"));
    ASSERT_EQ(table.rows.size(), 3u);
    EXPECT_EQ((std::vector<std::string>(table.header.begin(), table.header.begin() + 4)),
              (std::vector<std::string>{"ID", "Site", "Label", "original_firstorder_10Percentile"}));
    EXPECT_EQ(table.text(0, 1), "Rome, Italy");
    EXPECT_EQ(table.text(2, 0), "p3");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "out"), {}), 1) << "left something behind";
    // Each row is what the case gives alone, whatever the number of jobs.
    ASSERT_TRUE(says(run({path("b.nii.gz"), path("b_mask.nrrd"), "--label", "2", "-o", path("b.csv")}), 0, ""));
    const CsvTable alone = read_csv(path("b.csv"));
    for (size_t c = 1; c < alone.header.size(); ++c)
        EXPECT_EQ(alone.text(0, c), table.text(1, c + 2)) << alone.header[c];
    ASSERT_TRUE(says(run({batch, "-q", "-o", path("out/t1.csv"), "--jobs", "1"}), 0, ""));
    EXPECT_EQ(read_file(path("out/t.csv")), read_file(path("out/t1.csv")));
    // Without IDs the image's name is the case's.
    write("lists/plain.csv", "Image,Mask\n../a.nii.gz,../a_mask.nrrd\n");
    ASSERT_TRUE(says(run({path("lists/plain.csv"), "-q", "-o", path("p.csv")}), 0, ""));
    EXPECT_EQ(read_csv(path("p.csv")).text(0, 0), "a");
}

TEST_F(Radiomics, FailingCasesAreListedAndLeftOut) {
    const std::string batch = write("cases.csv",
                                    "ID,Image,Mask,Label\n"
                                    "good,a.nii.gz,a_mask.nrrd,\n"
                                    "nowhere,a.nii.gz,nowhere.nrrd,\n"
                                    "apart,a.nii.gz,c_mask.nrrd,\n"
                                    "nolabel,a.nii.gz,a_mask.nrrd,9\n"
                                    "void,a.nii.gz,empty.nrrd,\n"
                                    "also,b.nii.gz,b_mask.nrrd,\n");
    const auto result = run({batch, "-o", path("t.csv"), "--jobs", "3"});
    EXPECT_TRUE(says(result, 1, "2 of 6 cases"));
    for (const char* part :
         {"left out: nowhere: ", "nowhere.nrrd", "left out: apart: ", "12 x 12 x 12 voxels, the image 17 x 15 x 13",
          "--correct-mask", "left out: nolabel: ", "left out: void: "})
        EXPECT_TRUE(says(result, 1, part));
    const CsvTable table = read_csv(path("t.csv"));
    ASSERT_EQ(table.rows.size(), 2u);
    EXPECT_EQ(table.text(0, 0), "good");
    EXPECT_EQ(table.text(1, 0), "also");
    // Once the files are there, --resume computes the missing cases alone.
    const std::string before = read_file(path("t.csv"));
    ASSERT_TRUE(fs::exists(path("t.csv.part")));
    write("cases.csv",
          "ID,Image,Mask,Label\ngood,a.nii.gz,a_mask.nrrd,\nnowhere,b.nii.gz,b_mask.nrrd,2\nalso,b.nii.gz,b_mask.nrrd,"
          "\n");
    EXPECT_TRUE(says(run({batch, "-o", path("t.csv"), "--resume", "--setting", "binWidth=10"}), 3, "other settings"));
    EXPECT_TRUE(says(run({batch, "-o", path("t.csv"), "--resume"}), 0, "2 of them were done before"));
    EXPECT_FALSE(fs::exists(path("t.csv.part")));
    EXPECT_EQ(read_csv(path("t.csv")).rows.size(), 3u);
    ASSERT_TRUE(says(run({batch, "-q", "-o", path("fresh.csv")}), 0, ""));
    EXPECT_EQ(read_file(path("t.csv")), read_file(path("fresh.csv")))
        << "resumed numbers are the same to the last digit";
    EXPECT_TRUE(says(run({write("bad.csv", "Image,Mask\na.nii.gz,nowhere.nrrd\n"), "-o", path("out/t.csv")}), 3,
                     "none of the 1 cases"));
    EXPECT_TRUE(nothing_left());
}

TEST_F(Radiomics, AnInterruptedBatchGoesOn) {
    std::string text = "ID,Image,Mask\n";
    for (int n = 0; n < 60; ++n) text += fmt::format("p{},a.nii.gz,a_mask.nrrd\n", n);
    const std::string batch = write("cases.csv", text);
    {
        test::Process process("cmtl_radiomics", {batch, "-o", path("t.csv"), "--threads", "1"});
        while (process.running() && (!fs::exists(path("t.csv.part")) || fs::file_size(path("t.csv.part")) < 60000))
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        process.signal(SIGTERM);
        ASSERT_TRUE(says(process.wait(), 143, "--resume goes on"));
    }
    EXPECT_FALSE(fs::exists(path("t.csv")));
    // As a crash leaves it: the last line is cut.
    const std::string part = read_file(path("t.csv.part"));
    write_file(path("t.csv.part"), part.substr(0, part.size() - 100));
    EXPECT_TRUE(says(run({batch, "-o", path("t.csv"), "--resume"}), 0, "were done before"));
    EXPECT_EQ(read_csv(path("t.csv")).rows.size(), 60u);
    EXPECT_FALSE(fs::exists(path("t.csv.part")));
}

TEST_F(Radiomics, MasksOnOtherGridsAreBroughtOver) {
    Mask mask = read_mask(path("a_mask.nrrd"));
    mask.geometry.origin = {0, 0, 3};
    write_image(folder_ / "moved.nrrd", mask);
    const auto refused = run({path("a.nii.gz"), path("moved.nrrd"), "-o", path("out/x.csv")});
    for (const char* part : {"moved.nrrd", "a.nii.gz", "its origin 3 mm away", "--correct-mask"})
        EXPECT_TRUE(says(refused, 3, part));
    EXPECT_EQ(std::count(refused.out.begin(), refused.out.end(), '\n'), 1) << refused.out;
    const auto outside = run({path("a.nii.gz"), path("moved.nrrd"), "-o", path("out/x.csv"), "--correct-mask"});
    EXPECT_TRUE(says(outside, 3, "beyond"));
    EXPECT_TRUE(nothing_left());
    // Half the spacing along i: the same ROI on the image's grid.
    const Mask straight = read_mask(path("a_mask.nrrd"));
    Geometry fine = straight.geometry;
    fine.size[0] *= 2;
    fine.spacing[0] /= 2;
    fine.origin[0] -= fine.spacing[0] / 2;
    Mask doubled(fine);
    for (int64_t k = 0; k < doubled.nz(); ++k)
        for (int64_t j = 0; j < doubled.ny(); ++j)
            for (int64_t i = 0; i < doubled.nx(); ++i) doubled.at(i, j, k) = straight.at(i / 2, j, k);
    write_image(folder_ / "doubled.nrrd", doubled);
    EXPECT_TRUE(
        says(run({path("a.nii.gz"), path("doubled.nrrd"), "-q", "-o", path("d.csv"), "--correct-mask"}), 0, ""));
    EXPECT_TRUE(says(run({path("a.nii.gz"), path("a_mask.nrrd"), "-q", "-o", path("s.csv")}), 0, ""));
    EXPECT_EQ(read_file(path("d.csv")), read_file(path("s.csv")));
}

TEST_F(Radiomics, WrongInputIsOneLineAndLeavesNothing) {
    const std::string out = path("out/x.csv"), a = path("a.nii.gz"), m = path("a_mask.nrrd");
    const std::string text = write("text.nii.gz", "hello"), batch = write("cases.csv", "Image\na.nii.gz\n");
    const std::string label = write("label.csv", "Image,Mask,Label\na.nii.gz,a_mask.nrrd,300\n");
    struct Case {
        std::vector<std::string> arguments;
        int code;
        const char* part;
    };
    const Case cases[] = {
        {{a, path("nothing.nrrd"), "-o", out}, 3, "nothing.nrrd: no such file"},
        {{text, m, "-o", out}, 3, "no NIfTI"},
        {{a, path("empty.nrrd"), "-o", out}, 3, "empty.nrrd"},
        {{a, m, "-o", out, "--label", "7"}, 3, "a_mask.nrrd"},
        {{batch, "-o", out}, 3, "Mask"},
        {{label, "-o", out}, 3, "label.csv:2"},
        {{a, m, "-o", path("no/x.csv")}, 3, "does not exist"},
        {{a, "-o", out}, 2, "a mask is missing"},
        {{a, m}, 2, "--output"},
        {{a, m, "-o", path("out/x.xlsx")}, 2, ".csv or .json"},
        {{batch, m, "-o", out}, 2, "leave"},
        {{a, m, "-o", out, "--resume"}, 2, "--resume is for batches"},
        {{a, m, "-o", out, "--feature-set", "most"}, 2, "no feature set"},
        {{a, m, "-o", out, "--setting", "binWidth=-3"}, 2, "binWidth is -3"},
        {{a, m, "-o", out, "--setting", "binWith=3"}, 2, "did you mean binWidth?"},
        {{a, m, "-o", out, "--label", "256"}, 2, "--label"},
        {{a, m, "-o", out, "--param", path("nothing.yaml")}, 3, "nothing.yaml"},
        {{a, m, "-o", out, "--param", write("shape.yaml", "featureClass: {shape: }")},
         2,
         "shape.yaml:1: the feature class shape"},
        {{a, m, "-o", out, "--param", write("f.yaml", "imageType: {Original: }"), "--feature-set", "all"},
         2,
         "leave one out"},
    };
    for (const Case& c : cases) {
        const auto result = run(c.arguments);
        EXPECT_TRUE(says(result, c.code, c.part));
        EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
        EXPECT_TRUE(nothing_left()) << c.part;
    }
}

TEST_F(Radiomics, HelpAndVersion) {
    for (const char* part : {"Example", "Exit codes", "--correct-mask", "--jobs", "covid-mtl-375"})
        EXPECT_TRUE(says(run({"--help"}), 0, part));
    EXPECT_TRUE(says(run({"--version"}), 0, "cmtl_radiomics"));
}

// PyRadiomics' own test image and its baseline (binWidth 25, voxelArrayShift 2000).
TEST_F(Radiomics, Brain1BaselineOfPyRadiomics) {
    CMTL_NEED_DATA("radiomics/pyradiomics/baseline/baseline_glcm.csv");
    const fs::path data = test::data_folder() / "radiomics/pyradiomics";
    ASSERT_TRUE(says(run({(data / "brain1_image.nrrd").string(), (data / "brain1_label.nrrd").string(), "-o",
                          path("x.csv"), "--setting", "voxelArrayShift=2000"}),
                     0, ""));
    const CsvTable table = read_csv(path("x.csv"));
    for (const char* name : {"firstorder", "glcm", "glrlm", "glszm"}) {
        const CsvTable baseline = read_csv(data / fmt::format("baseline/baseline_{}.csv", name));
        const size_t brain1 = baseline.column("brain1");
        int compared = 0;
        for (size_t row = 0; row < baseline.rows.size(); ++row) {
            const auto at = table.find(baseline.text(row, 0));
            if (!at) continue;
            const double expected = baseline.number(row, brain1);
            EXPECT_NEAR(table.number(0, *at), expected, 1e-9 * std::abs(expected)) << baseline.text(row, 0);
            ++compared;
        }
        EXPECT_GT(compared, 10) << name;
    }
}

}  // namespace
}  // namespace cmtl
