// cmtl_prepare as a user runs it, and the programs that use what it leaves.
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/csv.hpp"
#include "evaluation/predictions.hpp"
#include "imaging/phantom.hpp"
#include "io/image_io.hpp"
#include "pipeline/phantom_cohort.hpp"
#include "tools/run_program.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::run_program;
using test::says;
namespace fs = std::filesystem;
using test::Words;
using test::operator+;

struct PrepareProgram : testing::Test {
    test::Folder folder;
    Words base;
    // Eight phantoms of 6 mm.
    void SetUp() override {
        PhantomCohortOptions o;
        o.folder = folder / "cohort";
        o.cases = 8;
        o.seed = 3;
        o.phantom.size = {64, 64, 48};
        o.phantom.spacing = {6, 6, 6.6};
        o.split = {0.5, 0.25, 0.25};
        o.format = "nii";
        o.quiet = true;
        write_phantom_cohort(o);
        base = {"--manifest", manifest(), "-o", cache(), "--preset", "small"};
    }
    std::string manifest() const { return (folder / "cohort/cohort.csv").string(); }
    std::string cache() const { return (folder / "cache").string(); }
    std::string run() const { return (folder / "run").string(); }
    json summary() const { return json::parse(test::text_of(folder / "cache/prepare.json")); }
    std::string table() const { return test::text_of(folder / "cache/features.csv"); }
    fs::path image(int i) const { return folder / fmt::format("cohort/images/phantom-{:04}.nii", i); }
    int64_t entries() const {
        int64_t n = 0;
        for (const auto& entry : fs::directory_iterator(folder / "cache")) n += entry.path().extension() == ".cmtlvol";
        return n;
    }
};

TEST_F(PrepareProgram, LeavesVolumesMasksAndFeatures) {
    EXPECT_TRUE(says(run_program("cmtl_prepare", base), 0, "8 cases prepared, 0 were there already; features.csv"));
    EXPECT_EQ(entries(), 8);
    const CsvTable features = read_csv(folder / "cache/features.csv");
    EXPECT_EQ(features.header.size(), 376u);
    EXPECT_EQ(features.header[0], "ID");
    EXPECT_EQ(features.header[375], "LLL_glrlm_ShortRunLowGrayLevelEmphasis");
    EXPECT_EQ(features.rows.size(), 8u);
    EXPECT_EQ(features.text(7, 0), "phantom-0008");
    for (size_t r = 0; r < 8; ++r)
        for (size_t c = 1; c < 376; ++c) EXPECT_NO_THROW(features.number(r, c));
    EXPECT_EQ(read_mask(folder / "cache/masks/phantom-0003.nii.gz").geometry.size, (Index3{64, 64, 48}));
    const json whole = summary();
    EXPECT_EQ(whole["cases"], 8);
    EXPECT_EQ(whole["prepared"], 8);
    EXPECT_EQ(whole["failed"], json::array());
    EXPECT_EQ(whole["preset"], "small");
    ASSERT_EQ(whole["lungs"].size(), 8u);
    EXPECT_EQ(whole["lungs"][7]["ID"], "phantom-0008");
    for (const json& one : whole["lungs"]) {
        EXPECT_GT(one["right_litres"].get<double>(), 1);
        EXPECT_GT(one["left_litres"].get<double>(), 1);
        EXPECT_TRUE(one["flags"].is_array());
    }
    EXPECT_EQ(whole["preparation"]["spacing_mm"], 5.0);
    EXPECT_EQ(whole["radiomics"]["feature_set"], "covid-mtl-375");
    // Again: all is there, and one threads' table is two threads' table.
    const std::string before = table();
    EXPECT_TRUE(says(run_program("cmtl_prepare", base + Words{"--threads", "1"}), 0, "0 cases prepared, 8 were there already"));
    EXPECT_EQ(table(), before);
    base[3] = (folder / "other").string();
    EXPECT_EQ(run_program("cmtl_prepare", base + Words{"--threads", "1", "--jobs", "1", "-q"}).out, "");
    EXPECT_EQ(test::text_of(folder / "other/features.csv"), before);
}

TEST_F(PrepareProgram, TakesEveryOption) {
    EXPECT_EQ(run_program("cmtl_prepare", base + Words{"--no-features", "--no-masks", "--jobs", "3", "-q"}).code, 0);
    EXPECT_FALSE(fs::exists(folder / "cache/features.csv") || fs::exists(folder / "cache/masks"));
    EXPECT_TRUE(summary()["radiomics"].is_null());
    EXPECT_EQ(summary()["masks"], false);
    // The features alone are added; nothing reads the images.
    for (int i = 1; i <= 8; ++i) {
        const auto time = fs::last_write_time(image(i));
        const std::string text(fs::file_size(image(i)), 'x');
        std::ofstream(image(i), std::ios::binary) << text;
        fs::last_write_time(image(i), time);
    }
    EXPECT_TRUE(says(run_program("cmtl_prepare", base + Words{"--no-masks"}), 0, "8 cases prepared"));
    const std::string narrow = table();
    EXPECT_EQ(run_program("cmtl_prepare", base + Words{"--no-masks", "--set", "radiomics.bin_width=10", "-q"}).code, 0);
    EXPECT_NE(table(), narrow);
    EXPECT_EQ(summary()["radiomics"]["bin_width"], 10.0);
    std::string text = test::text_of(folder / "cohort/cohort.csv");
    text.replace(0, 2, "PID");
    folder.write("cohort/pid.csv", text);
    base[1] = (folder / "cohort/pid.csv").string();
    EXPECT_EQ(run_program("cmtl_prepare", base + Words{"--no-masks", "--id-column", "PID", "-q"}).code, 0);
    EXPECT_EQ(table().rfind("PID,10Percentile,", 0), 0u);
}

TEST_F(PrepareProgram, ListsBadCasesAndDoesTheRest) {
    folder.write("cohort/images/phantom-0002.nii", "not an image");
    Volume solid(Geometry{.size = {48, 48, 48}, .spacing = {7, 7, 7}}, 40.0f);
    solid.voxels[0] = 50;
    write_image(image(5), solid);
    const auto result = run_program("cmtl_prepare", base);
    EXPECT_TRUE(says(result, 1, "left out: phantom-0002: ["));
    EXPECT_TRUE(says(result, 1, "left out: phantom-0005: ["));
    EXPECT_TRUE(says(result, 1, "6 cases prepared"));
    EXPECT_EQ(entries(), 6);
    EXPECT_EQ(read_csv(folder / "cache/features.csv").rows.size(), 6u);
    const json whole = summary();
    ASSERT_EQ(whole["failed"].size(), 2u);
    EXPECT_EQ(whole["failed"][0]["ID"], "phantom-0002");
    EXPECT_NE(whole["failed"][1]["error"].get<std::string>().find("phantom-0005.nii"), std::string::npos);
    for (int i = 1; i <= 8; ++i) std::ofstream(image(i)) << "not an image";
    EXPECT_TRUE(says(run_program("cmtl_prepare", base), 3, "none of the 8 cases"));
}

TEST_F(PrepareProgram, GoesOnAfterAnInterruption) {
    base.insert(base.end(), {"--jobs", "1", "--threads", "1", "--set", "preparation.lung_spacing_mm=2"});  // slow enough
    {
        test::Process process("cmtl_prepare", base);
        ASSERT_TRUE(test::wait_for_file(process, folder / "cache/phantom-0001.cmtlvol"));
        process.signal(SIGINT);
        const auto result = process.wait();
        EXPECT_TRUE(says(result, 130, "interrupted"));
    }
    const int64_t done = entries();
    EXPECT_GE(done, 1);
    EXPECT_LT(done, 8);
    EXPECT_FALSE(fs::exists(folder / "cache/features.csv"));
    EXPECT_TRUE(says(run_program("cmtl_prepare", base), 0, fmt::format("{} cases prepared, {} were there already", 8 - done, done)));
    EXPECT_EQ(read_csv(folder / "cache/features.csv").rows.size(), 8u);
}

// What a cache holds: names and bytes of everything that is not hidden, prepare.json apart, which counts what a run did.
std::map<std::string, std::string> contents(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = fs::relative(entry.path(), folder).string();
        if (entry.is_regular_file() && name != "prepare.json" && entry.path().filename().string()[0] != '.')
            files[name] = test::text_of(entry.path());
    }
    return files;
}

TEST_F(PrepareProgram, JobsAndKillsAtAnyMomentChangeNothing) {
    const auto into = [&](const std::string& name, const Words& more) {
        Words words = base;
        words[3] = (folder / name).string();
        return words + more;
    };
    ASSERT_EQ(run_program("cmtl_prepare", into("one", {"-q", "--threads", "1", "--jobs", "1"})).out, "");
    const auto whole = contents(folder / "one");
    ASSERT_EQ(whole.size(), 17u);  // eight volumes, eight masks, the table
    ASSERT_EQ(run_program("cmtl_prepare", into("many", {"-q", "--threads", "4", "--jobs", "4"})).out, "");
    EXPECT_TRUE(contents(folder / "many") == whole);
    // Killed again and again, later each time, until a run gets to its end.
    const Words words = into("killed", {"-q", "--threads", "2", "--jobs", "2"});
    int kills = 0;
    for (int milliseconds = 3;; milliseconds += milliseconds / 2) {
        test::Process process("cmtl_prepare", words);
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        process.signal(SIGKILL);
        const auto result = process.wait();
        if (result.code == 0) break;
        ASSERT_EQ(result.code, 128 + SIGKILL) << result.out;
        ++kills;
        // What is there already is whole.
        if (!fs::exists(folder / "killed")) continue;
        for (const auto& [name, bytes] : contents(folder / "killed"))
            EXPECT_TRUE(whole.contains(name) && whole.at(name) == bytes) << name;
    }
    EXPECT_GE(kills, 3);
    EXPECT_TRUE(contents(folder / "killed") == whole);
    EXPECT_EQ(json::parse(test::text_of(folder / "killed/prepare.json"))["lungs"],
              json::parse(test::text_of(folder / "one/prepare.json"))["lungs"]);
}

TEST_F(PrepareProgram, SweepsUpAfterTheKilled) {
    ASSERT_EQ(run_program("cmtl_prepare", base + Words{"-q"}).out, "");
    const auto leave = [&](const std::string& name, int minutes) {
        const fs::path path = folder.write("cache/" + name, "half");
        fs::last_write_time(path, fs::last_write_time(path) - std::chrono::minutes(minutes));
        return path;
    };
    const auto gone = leave(".tmp999999999.phantom-0001.cmtlvol", 5), mask = leave("masks/.tmp999999999.phantom-0001.nii.gz", 5),
               young = leave(".tmp999999999.phantom-0002.cmtlvol", 0),
               living = leave(fmt::format(".tmp{}.phantom-0003.cmtlvol", ::getpid()), 5), other = leave(".tmpfile", 5);
    ASSERT_EQ(run_program("cmtl_prepare", base + Words{"-q"}).out, "");
    EXPECT_FALSE(fs::exists(gone) || fs::exists(mask));
    EXPECT_TRUE(fs::exists(young) && fs::exists(living) && fs::exists(other));
}

TEST_F(PrepareProgram, AFullDiskLeavesNothingHalfWritten) {
    ASSERT_EQ(run_program("cmtl_prepare", base + Words{"-q", "--jobs", "1"}).out, "");
    const auto whole = contents(folder / "cache");
    const auto narrow = [](rlim_t bytes) {
        return [bytes] {
            const rlimit limit{bytes, bytes};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            std::signal(SIGXFSZ, SIG_IGN);
        };
    };
    // Room for nothing, for masks, and for volumes but not for the table.
    uintmax_t largest = 0;
    for (const auto& [name, bytes] : whole)
        if (name.ends_with(".cmtlvol")) largest = std::max<uintmax_t>(largest, bytes.size());
    ASSERT_GT(whole.at("features.csv").size(), 10000u);
    for (const uintmax_t room : {uintmax_t{300}, uintmax_t{8000}, largest / 2}) {
        SCOPED_TRACE(room);
        base[3] = (folder / fmt::format("full{}", room)).string();
        const auto result = run_program("cmtl_prepare", base + Words{"-q", "--jobs", "2"}, narrow(room));
        EXPECT_TRUE(says(result, 4, "ree some space"));
        EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
        for (const auto& entry : fs::recursive_directory_iterator(base[3]))
            EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp")) << entry.path();
        for (const auto& [name, bytes] : contents(base[3])) EXPECT_TRUE(whole.at(name) == bytes) << name;
        // With room again, the rest is done.
        EXPECT_EQ(run_program("cmtl_prepare", base + Words{"-q"}).code, 0);
        EXPECT_TRUE(contents(base[3]) == whole);
    }
}

TEST_F(PrepareProgram, RowsThatAreNoCasesAreListedLikeFilesThatAreNoImages) {
    folder.write("cohort/images/phantom-0002.nii", "not an image");
    base[1] = folder.write("bad.csv", "ID,Image\n"
                                      "a,cohort/images/phantom-0001.nii\n"
                                      "b,cohort/images/gone.nii\n"
                                      "a,cohort/images/phantom-0003.nii\n"
                                      ",cohort/images/phantom-0003.nii\n"
                                      "c/d,cohort/images/phantom-0003.nii\n"
                                      "e,cohort/images/phantom-0002.nii\n"
                                      "f,cohort/images/phantom-0004.nii\n")
                  .string();
    const auto result = run_program("cmtl_prepare", base + Words{"-q"});
    EXPECT_EQ(result.code, 1);
    for (const char* part : {"left out: b: ", "gone.nii", "does not exist", "left out: a: ", "bad.csv:4", "stands twice", "bad.csv:5",
                             "left out: c/d: ", "left out: e: "})
        EXPECT_NE(result.out.find(part), std::string::npos) << part << " in " << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 5) << result.out;
    EXPECT_EQ(entries(), 2);
    const json whole = summary();
    EXPECT_EQ(whole["cases"], 7);
    EXPECT_EQ(whole["prepared"], 2);
    EXPECT_EQ(whole["failed"].size(), 5u);
    ASSERT_EQ(whole["lungs"].size(), 2u);
    EXPECT_EQ(whole["lungs"][1]["ID"], "f");
    // Again: the two are kept, the rest is still wrong.
    EXPECT_EQ(run_program("cmtl_prepare", base + Words{"-q"}).code, 1);
    EXPECT_EQ(summary()["kept"], 2);
    base[1] = folder.write("none.csv", "ID,Image\na,gone.nii\n").string();
    EXPECT_TRUE(says(run_program("cmtl_prepare", base), 3, "no row is a case"));
}

// The ten lines of docs/volume_cache.md, as they stand there.
TEST_F(PrepareProgram, TheDocumentedReaderReadsTheCache) {
    const std::string text = test::text_of(fs::path(CMTL_SOURCE_DIR) / "docs/volume_cache.md");
    const size_t begin = text.find("```python\n"), end = text.find("```", begin + 10);
    ASSERT_TRUE(begin != text.npos && end != text.npos);
    const auto python = [&](const std::string& code) {
        const fs::path script = folder.write("read.py", code);
        return std::system(("python3 " + script.string() + " > " + (folder / "out").string() + " 2>&1").c_str());
    };
    if (python("import numpy") != 0) GTEST_SKIP() << "needs python3 with numpy";
    ASSERT_EQ(run_program("cmtl_prepare", base + Words{"-q"}).code, 0);
    const std::string file = (folder / "cache/phantom-0004.cmtlvol").string();
    ASSERT_EQ(python(text.substr(begin + 10, end - begin - 10) + "header, volume = read_volume('" + file +
                     "')\nassert header['sum'] == volume.sum(dtype='u8') and header['voxels'] == volume.size\n"
                     "assert (volume > 0).sum() * 0.125 - 1000 * sum(header['litres']) < 50, header['litres']\n"
                     "z, y, x = (int(n) for n in __import__('numpy').argwhere(volume == volume.max())[0])\n"
                     "print(*volume.shape, z, y, x, volume[z, y, x])\n"),
              0)
        << test::text_of(folder / "out");
    // The voxel is where our own reader has it.
    std::istringstream out(test::text_of(folder / "out"));
    int64_t depth, height, width, z, y, x, value;
    ASSERT_TRUE(out >> depth >> height >> width >> z >> y >> x >> value);
    const PreparationOptions small = preparation_preset("small");
    EXPECT_EQ((std::array<int64_t, 3>{depth, height, width}), small.size);
    CohortCase one;
    one.id = "phantom-0004";
    const auto voxels = VolumeCache(folder / "cache", small).read(one);
    EXPECT_EQ(voxels[static_cast<size_t>((z * height + y) * width + x)], value);
}

TEST_F(PrepareProgram, RefusesWithOneLine) {
    const auto refused = [&](const Words& words, int code, const std::string& part) {
        SCOPED_TRACE(part);
        const auto result = run_program("cmtl_prepare", words);
        EXPECT_TRUE(says(result, code, part));
        EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
        EXPECT_FALSE(fs::exists(folder / "cache"));
    };
    refused({"-o", cache()}, 2, "--manifest");
    refused({"--manifest", manifest()}, 2, "--output");
    refused(base + Words{"--set", "train.lr=1"}, 2, "preparation.*");
    refused(base + Words{"--set", "preparation.spacing_m=1"}, 2, "preparation.spacing_mm");
    refused(base + Words{"--set", "radiomics.feature_set=some"}, 2, "covid-mtl-375");
    refused(base + Words{"--jobs", "-1"}, 2, "--jobs");
    base[1] = folder.write("none.csv", "ID,CT\na,1\n").string();
    refused(base, 3, "no Image column");
    base[1] = (folder / "gone.csv").string();
    refused(base, 3, "gone.csv");
    EXPECT_TRUE(says(run_program("cmtl_prepare", {"--help"}), 0, "Exit codes"));
}

TEST_F(PrepareProgram, ADeviceGivesTheCpusFeatures) {
    base[1] = folder.write("two.csv", "ID,Image\na,cohort/images/phantom-0001.nii\nb,cohort/images/phantom-0006.nii\n").string();
    ASSERT_EQ(run_program("cmtl_prepare", base + Words{"-q", "--device", "cpu"}).out, "");
    const CsvTable cpu = read_csv(folder / "cache/features.csv");
    base[3] = (folder / "simt").string();
    ASSERT_EQ(run_program("cmtl_prepare", base + Words{"-q", "--device", "simt", "--jobs", "2"}).out, "");
    const CsvTable simt = read_csv(folder / "simt/features.csv");
    ASSERT_EQ(simt.header, cpu.header);
    for (size_t r = 0; r < 2; ++r)
        for (size_t c = 1; c < cpu.header.size(); ++c)
            EXPECT_NEAR(simt.number(r, c), cpu.number(r, c), 1e-9 * std::abs(cpu.number(r, c))) << cpu.header[c];
}

// CT -> lungs -> volume and features -> probabilities: the programs agree on every case.
TEST_F(PrepareProgram, TheWholeModelTrainsAndReadsCts) {
    ASSERT_EQ(run_program("cmtl_prepare", base + Words{"-q"}).code, 0);
    const auto time = fs::last_write_time(folder / "cache/phantom-0001.cmtlvol");
    const Words train{"--manifest", manifest(), "--cache", cache(), "--preset", "small", "--set", "train.epochs=1", "--seed", "1", "-q", "-o"};
    ASSERT_EQ(run_program("cmtl_train", train + Words{run()}).out, "");
    EXPECT_EQ(fs::last_write_time(folder / "cache/phantom-0001.cmtlvol"), time);  // taken as it was
    // The same by way of the table.
    const std::string second = (folder / "second").string();
    ASSERT_EQ(run_program("cmtl_train", train + Words{second, "--features", (folder / "cache/features.csv").string()}).out, "");
    EXPECT_TRUE(test::data_of(folder / "run/checkpoints/latest.safetensors") ==
                test::data_of(folder / "second/checkpoints/latest.safetensors"));

    const std::string out = (folder / "out").string();
    ASSERT_EQ(run_program("cmtl_infer", {"--model", run(), "--manifest", manifest(), "-o", out, "-q", "--report"}).out, "");
    const Predictions all = read_predictions(folder / "out/predictions.csv"),
                      val = read_predictions(folder / "run/predictions_val.csv");
    ASSERT_FALSE(val.ids.empty());
    for (size_t i = 0; i < val.ids.size(); ++i) {
        const auto at = static_cast<size_t>(std::find(all.ids.begin(), all.ids.end(), val.ids[i]) - all.ids.begin());
        ASSERT_LT(at, all.ids.size());
        for (const char* task : {"CT", "NAT", "Severity"})
            EXPECT_NEAR(all.find(task)->probability(at, 1), val.find(task)->probability(i, 1), 1e-6) << val.ids[i] << " " << task;
    }
    const json one = json::parse(test::text_of(folder / "out/phantom-0004.json"));
    EXPECT_EQ(one["features"]["source"], "computed");
    EXPECT_EQ(one["features"]["feature_set"], "covid-mtl-375");
    EXPECT_EQ(one["features"]["count"], 375);
    EXPECT_TRUE(one["timeline"].contains("features"));
    EXPECT_NE(test::text_of(folder / "out/phantom-0004.html").find("covid-mtl-375"), std::string::npos);

    // A table comes first; a model of a table on a coarse grid wants one.
    ASSERT_EQ(run_program("cmtl_infer", {"--model", run(), "-i", image(4).string(), "--features",
                                         (folder / "cache/features.csv").string(), "-o", (folder / "o2").string(), "-q"})
                  .out,
              "");
    const json read = json::parse(test::text_of(folder / "o2/phantom-0004.json"));
    EXPECT_EQ(read["features"]["source"], "table");
    EXPECT_FALSE(read["timeline"].contains("features"));
    EXPECT_EQ(read["probabilities"], one["probabilities"]);
    EXPECT_TRUE(says(run_program("cmtl_infer", {"--model", second, "-i", image(4).string(), "-o", out}), 2, "--features"));
}

}  // namespace
}  // namespace cmtl
