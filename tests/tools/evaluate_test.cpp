// cmtl_evaluate as a user runs it: tables in, metrics, pages and exit codes out.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "base/files.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/page_check.hpp"
#include "test_data.hpp"
#include "tools/run_program.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::run_program;
using test::says;
using test::Words;
using test::operator+;

// Two models on 40 cases in different orders, labels apart, and a run folder.
class Evaluate : public ::testing::Test {
  protected:
    Evaluate() {
        Predictions a, b;
        a.tasks = {{"CT", 2, {}, {}}, {"Severity", 3, {}, {}}};
        b = a;
        std::string labels = "PID,CT,Severity,Site\n";
        for (int i = 0; i < 40; ++i) {
            add(a, i, 1.5);
            add(b, (i * 7) % 40, 0.4);
            labels += fmt::format("case{},{},{},{}\n", i, i % 2, i % 3, i < 25 ? "Rome" : "Paris");
        }
        write_predictions(path("a.csv"), a);
        write_predictions(path("b.csv"), b);
        write_file(path("labels.csv"), labels);
        for (int i = 0; i < 40; ++i) a.tasks[0].labels[size_t(i)] = i % 2, a.tasks[1].labels[size_t(i)] = i % 3;
        labelled_ = a;
        fs::create_directory(path("run"));
        write_predictions(path("run/predictions_test.csv"), a);
        for (std::string& id : a.ids) id = "val_" + id;
        write_predictions(path("run/predictions_val.csv"), a);
    }
    static void add(Predictions& p, int i, double strength) {
        p.ids.push_back(fmt::format("case{}", i));
        const double q = 1 / (1 + std::exp(-strength * (i % 2 - 0.5) - std::sin(12.9898 * i)));
        p.tasks[0].probabilities.insert(p.tasks[0].probabilities.end(), {1 - q, q});
        double w[3], sum = 0;
        for (int c = 0; c < 3; ++c) sum += w[c] = std::exp(strength * (c == i % 3) + std::sin(78.233 * i + c));
        for (const double v : w) p.tasks[1].probabilities.push_back(v / sum);
        for (TaskPredictions& t : p.tasks) t.labels.push_back(-1);
    }
    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    test::Result predictions(const Words& arguments) const {
        return run_program("cmtl_evaluate",
                           Words{"predictions"} + arguments + Words{"-o", path("out"), "--bootstrap", "100"});
    }
    test::Result features(const Words& arguments) const {
        return run_program("cmtl_evaluate", Words{"features"} + arguments + Words{"-o", path("out")});
    }
    json metrics() const { return json::parse(read_file(path("out/metrics.json"))); }
    bool nothing_written() const { return !fs::exists(path("out")); }

    test::Folder folder_;
    Predictions labelled_;
};

TEST_F(Evaluate, OneRunFolder) {
    ASSERT_TRUE(says(predictions({path("run")}), 0, "CT: AUC 0."));
    const json j = metrics();
    const TaskMetrics m = task_metrics(read_predictions(path("run/predictions_test.csv")).tasks[0]);
    const json& ct = j[path("run")]["CT"];
    EXPECT_EQ(ct["auc"].get<double>(), m.auc);
    EXPECT_EQ(ct["accuracy"].get<double>(), m.accuracy);
    EXPECT_EQ(ct["auc_ci_delong"][1].get<double>(), m.auc_interval.high);
    EXPECT_LT(ct["auc_ci_bootstrap"][0], ct["auc"]);
    EXPECT_EQ(j["comparisons"].size(), 0u);
    EXPECT_NE(j["program"].get<std::string>().find("cmtl_evaluate"), std::string::npos);
    EXPECT_NE(read_file(path("out/report.html")).find("Precision and recall"), std::string::npos);
    EXPECT_EQ(test::page_faults(read_file(path("out/report.html"))), std::vector<std::string>());
    // The same bytes for any number of threads, other intervals for another seed.
    const std::string before = read_file(path("out/metrics.json"));
    ASSERT_TRUE(says(predictions({path("run"), "--threads", "3", "-q"}), 0, ""));
    EXPECT_EQ(read_file(path("out/metrics.json")), before);
    ASSERT_TRUE(says(predictions({path("run"), "--seed", "9"}), 0, ""));
    EXPECT_NE(metrics()[path("run")]["CT"]["auc_ci_bootstrap"], ct["auc_ci_bootstrap"]);
    EXPECT_EQ(metrics()[path("run")]["CT"]["auc_ci_delong"], ct["auc_ci_delong"]);
}

TEST_F(Evaluate, ModelsInAnyOrderTheirEnsembleSubgroupsAndTemperatures) {
    const Words both{path("a.csv"), path("b.csv"), "--labels", path("labels.csv"), "--id-column", "PID"};
    ASSERT_TRUE(says(predictions(both + Words{"--ensemble", "--subgroup", "Site"}), 0, "against"));
    const json j = metrics();
    EXPECT_EQ(j["comparisons"].size(), 6u);
    const TaskMetrics m = task_metrics(labelled_.tasks[0]);
    EXPECT_NEAR(j[path("a.csv")]["CT"]["auc"].get<double>(), m.auc, 1e-12);
    EXPECT_LT(j[path("b.csv")]["CT"]["auc"], j[path("a.csv")]["CT"]["auc"]);
    EXPECT_EQ(j["ensemble"]["Severity"]["cases"], 40);
    EXPECT_EQ(j["ensemble"]["CT"]["subgroups"]["Rome"]["cases"], 25);
    const json& delong = j["comparisons"][0]["delong"][0];
    EXPECT_NEAR(delong["difference"].get<double>(),
                j[path("a.csv")]["CT"]["auc"].get<double>() - j[path("b.csv")]["CT"]["auc"].get<double>(), 1e-14);

    ASSERT_TRUE(says(predictions({path("run"), "--calibrate", path("run")}), 0, ""));
    const json ct = metrics()[path("run")]["CT"];
    // Fitted on the same values under other names: the loss can only fall.
    EXPECT_LT(ct["calibrated"]["log_loss"], ct["log_loss"]);
}

// Twelve patients of three or four scans each, whose labels agree.
TEST_F(Evaluate, PatientsOfSeveralScans) {
    std::string table = "ID,CT,Severity,Patient,Half,Site\n";
    for (int i = 0; i < 40; ++i)
        table += fmt::format("case{0},{1},{2},P{3},{1},{4}\n", i, i % 2, i % 3, i % 12, i < 25 ? "Rome" : "Paris");
    write_file(path("manifest.csv"), table);
    const Words both{path("a.csv"), path("b.csv"), "--labels", path("manifest.csv"), "--patient", "Patient"};
    ASSERT_TRUE(says(predictions(both + Words{"--subgroup", "Half", "--ensemble"}), 0, "12 patients, 40 scans; "));
    const json j = metrics();
    TaskPredictions ct{"CT", 2, {}, {}};  // by plain sums
    for (int p = 0; p < 12; ++p) {
        double sum = 0, scans = 0;
        for (int i = p; i < 40; i += 12) sum += labelled_.tasks[0].probability(size_t(i), 1), scans += 1;
        ct.probabilities.insert(ct.probabilities.end(), {1 - sum / scans, sum / scans});
        ct.labels.push_back(p % 2);
    }
    const TaskMetrics want = task_metrics(ct);
    const json& got = j[path("a.csv")]["CT"];
    EXPECT_NEAR(got["auc"].get<double>(), want.auc, 1e-12);
    EXPECT_NEAR(got["auc_ci_delong"][0].get<double>(), want.auc_interval.low, 1e-12);
    EXPECT_EQ(got["cases"], 12);
    EXPECT_EQ(got["subgroups"]["1"]["cases"], 6);
    EXPECT_EQ(j["ensemble"]["Severity"]["cases"], 12);
    EXPECT_EQ(j["settings"]["patient"], "Patient");
    EXPECT_EQ(j["settings"]["patients"], 12);
    EXPECT_EQ(j["settings"]["scans"], 40);
    const std::string page = read_file(path("out/report.html"));
    EXPECT_EQ(test::page_faults(page), std::vector<std::string>());
    for (const char* part : {": 12 patients, 40 scans<", "Patients with a label", "the mean of the probabilities"})
        EXPECT_NE(page.find(part), std::string::npos) << part;

    // A grid's runs, gathered in the same way.
    for (const char* seed : {"0", "1"}) {
        fs::create_directories(path(fmt::format("grid/s/seed{}", seed)));
        write_predictions(path(fmt::format("grid/s/seed{}/predictions_test.csv", seed)), labelled_);
    }
    write_file(path("grid/grid.json"), R"({"runs": [
        {"folder": "s/seed0", "setting": "s", "seed": 0, "values": {}},
        {"folder": "s/seed1", "setting": "s", "seed": 1, "values": {}}]})");
    const Words by_patient{"--table", path("manifest.csv"), "--patient", "Patient"};
    ASSERT_TRUE(says(predictions(Words{path("grid")} + by_patient), 0, ""));
    EXPECT_NEAR(metrics()["s"]["CT"]["auc"].get<double>(), want.auc, 1e-12);
    EXPECT_EQ(metrics()["settings"]["scans"], 40);

    // Temperatures are fitted on other patients, too.
    const Words run = Words{path("run")} + by_patient;
    Predictions other = labelled_;
    for (std::string& id : other.ids) id = "other_" + id;
    write_predictions(path("other.csv"), other);
    EXPECT_TRUE(says(predictions(run + Words{"--calibrate", path("other.csv")}), 3, "do not stand in it"));
    for (int i = 0; i < 40; ++i) table += fmt::format("other_case{},{},{},Q{},,\n", i, i % 2, i % 3, i % 12);
    write_file(path("manifest.csv"), table);
    ASSERT_TRUE(says(predictions(run + Words{"--calibrate", path("other.csv")}), 0, ""));
    EXPECT_LT(metrics()[path("run")]["CT"]["calibrated"]["log_loss"], metrics()[path("run")]["CT"]["log_loss"]);
    write_file(path("manifest.csv"), table + "late,1,0,P1,,\n");
    write_file(path("late.csv"), "ID,CT_0,CT_1,Severity_0,Severity_1,Severity_2,CT\nlate,0.2,0.8,1,0,0,1\n");
    EXPECT_TRUE(says(predictions(run + Words{"--calibrate", path("late.csv")}), 3, "patient P1 stands in"));

    fs::remove_all(path("out"));
    EXPECT_TRUE(says(predictions({path("run"), "--patient", "Patient"}), 2, "--patient Patient needs a table"));
    EXPECT_TRUE(says(predictions(run + Words{"--subgroup", "Site"}), 3, "scans of different Site (Rome, Paris)"));
    EXPECT_TRUE(says(predictions({path("run"), "--table", path("manifest.csv"), "--patient", "Half"}), 3,
                     "patient 0: Severity is 0 for scan case0 and 2 for scan case2"));
    EXPECT_TRUE(nothing_written());
}

TEST_F(Evaluate, WhatIsWrongWithPredictions) {
    const Words labels{"--labels", path("labels.csv"), "--id-column", "PID"};
    EXPECT_TRUE(says(predictions({path("a.csv")}), 3, "no label is known; name a table with --labels"));
    EXPECT_TRUE(says(predictions({path("a.csv"), "--labels", path("labels.csv")}), 3, "no column 'ID'"));
    EXPECT_TRUE(says(predictions({path("none.csv")}), 3, "none.csv"));
    EXPECT_TRUE(says(predictions({folder_.path().string()}), 3, "a folder without predictions"));
    const std::string whole = read_file(path("a.csv"));
    write_file(path("less.csv"), whole.substr(0, whole.rfind("case39")));
    EXPECT_TRUE(says(predictions(Words{path("a.csv"), path("less.csv")} + labels), 3, "lacks cases of"));
    EXPECT_TRUE(
        says(predictions(Words{path("run/predictions_val.csv")} + labels), 3, "none of the 40 predicted cases"));
    EXPECT_TRUE(says(predictions(Words{path("a.csv"), "--subgroup", "Sex"} + labels), 3, "no column 'Sex'"));
    EXPECT_TRUE(says(predictions({path("run"), "--subgroup", "Site"}), 2, "--table"));
    EXPECT_TRUE(says(predictions({path("run"), "--ensemble"}), 2, "--ensemble needs two"));
    EXPECT_TRUE(says(predictions({path("run"), path("run")}), 2, "is named twice"));
    EXPECT_TRUE(says(predictions({path("run"), "--calibrate", path("run/predictions_test.csv")}), 3, "stands in"));
    EXPECT_TRUE(says(predictions({path("run"), "--calibrate", path("a.csv"), path("b.csv")}), 2, "one for each"));
    write_file(path("one.csv"), "ID,CT_0,CT_1,CT\na,0.2,0.8,1\nb,0.6,0.4,1\n");
    EXPECT_TRUE(says(predictions({path("one.csv")}), 3, "one class only"));
    write_file(path("bare.csv"), "ID,CT_0,CT_1,CT\n");
    EXPECT_TRUE(says(predictions({path("bare.csv")}), 3, "no case"));
    EXPECT_TRUE(says(predictions({}), 2, "P.csv is required"));
    EXPECT_TRUE(says(predictions({path("run"), "--bootstrap", "-1"}), 2, "--bootstrap"));
    EXPECT_TRUE(says(run_program("cmtl_evaluate", {}), 2, "subcommand"));
    write_predictions(path("notes"), labelled_);
    const fs::path here = fs::current_path();
    fs::current_path(folder_.path());
    EXPECT_TRUE(says(predictions({"notes"}), 2, "./notes"));
    fs::current_path(here);
    EXPECT_TRUE(nothing_written());
}

TEST_F(Evaluate, FeatureTables) {
    std::string table = "PID,shifted,flat,holes\n";
    for (int i = 0; i < 40; ++i)
        table += fmt::format("case{},{},7,{}\n", i, std::sin(3.7 * i) + 5 * (i % 3),
                             i % 4 ? fmt::format("{}", i * i % 11) : "");
    write_file(path("t.csv"), table);
    const Words given{path("t.csv"), "--labels", path("labels.csv"), "--id-column", "PID"};
    ASSERT_TRUE(says(features(given), 0, "Severity: 1 of 3 features differ between 3 classes"));
    const CsvTable welch = read_csv(path("out/welch.csv")), pairs = read_csv(path("out/posthoc.csv"));
    ASSERT_EQ(welch.rows.size(), 6u);
    const std::string page = read_file(path("out/report.html"));
    EXPECT_EQ(test::page_faults(page), std::vector<std::string>());
    EXPECT_NE(page.find("shifted by class of Severity"), std::string::npos);
    EXPECT_EQ(welch.text(3, welch.column("feature")), "shifted");
    EXPECT_EQ(welch.text(3, welch.column("task")), "Severity");
    EXPECT_LT(welch.number(3, welch.column("p_adjusted")), 1e-10);
    EXPECT_EQ(welch.text(4, welch.column("reason")), "a group is constant");
    EXPECT_EQ(pairs.rows.size(), 3 + 9u);
    const std::string howell = read_file(path("out/posthoc.csv"));
    ASSERT_TRUE(
        says(features(given + Words{"--posthoc", "dunnett-t3", "--adjust", "holm", "--task", "Severity"}), 0, ""));
    EXPECT_EQ(read_csv(path("out/welch.csv")).rows.size(), 3u);
    EXPECT_EQ(howell.find(read_file(path("out/posthoc.csv")).substr(200)), std::string::npos);
}

TEST_F(Evaluate, WhatIsWrongWithFeatures) {
    write_file(path("t.csv"), "PID,x\ncase0,1\ncase2,2\n");
    const Words given{path("t.csv"), "--labels", path("labels.csv")};
    EXPECT_TRUE(says(features(given), 3, "no column 'ID'"));
    EXPECT_TRUE(says(features(given + Words{"--id-column", "PID"}), 3, "column CT: one class only"));
    EXPECT_TRUE(says(features(given + Words{"--id-column", "PID", "--task", "Nat"}), 3, "no column 'Nat'"));
    EXPECT_TRUE(says(features(given + Words{"--posthoc", "tukey"}), 2, "--posthoc"));
    EXPECT_TRUE(says(features({path("t.csv")}), 2, "--labels is required"));
    EXPECT_TRUE(nothing_written());
}

// The published cohort: 375 features of 930 patients.
TEST_F(Evaluate, PublishedFeatureTable) {
    CMTL_NEED_DATA("cohort/radiofeatures.csv");
    const auto data = test::data_folder() / "cohort";
    ASSERT_TRUE(says(features({(data / "radiofeatures.csv").string(), "--labels", (data / "labels.csv").string(),
                               "--id-column", "PID"}),
                     0, "930 cases"));
    const CsvTable welch = read_csv(path("out/welch.csv"));
    ASSERT_EQ(welch.rows.size(), 3 * 375u);
    int untested = 0;
    for (size_t r = 0; r < welch.rows.size(); ++r) {
        if (welch.missing(r, welch.column("p"))) {
            EXPECT_EQ(welch.text(r, welch.column("feature")), "Minimum");
            ++untested;
            continue;
        }
        const double p = welch.number(r, welch.column("p")), adjusted = welch.number(r, welch.column("p_adjusted"));
        EXPECT_TRUE(p > 0 && p <= adjusted && adjusted <= 1) << p << " " << adjusted;
    }
    EXPECT_EQ(untested, 3);
}

}  // namespace
}  // namespace cmtl
