#pragma once
// Self-contained HTML pages: no script, no network, light and dark by the reader's setting, fit for print.
// The caller fills plain structs; every text is escaped here. NaN is shown as "n/a".
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluation/predictions.hpp"
#include "evaluation/top_features.hpp"

namespace cmtl {

using Facts = std::vector<std::pair<std::string, std::string>>;  // name, value; shown in order

struct FactGroup {
    std::string name;
    Facts facts;
};

// One line of a chart; points whose y is NaN break it.
struct Curve {
    std::string name;
    std::vector<double> x, y;
};

struct CurvePanel {
    std::string title, x_label, y_label;  // labels with units: "epoch", "loss", "learning rate"
    std::vector<Curve> curves;
    std::optional<double> marked_x;       // a dashed vertical line, for example the best epoch
    std::string mark;                     // what it says: "best"
    std::optional<double> y_low, y_high;  // a fixed axis, for example 0.5 and 1 of an AUC
};

struct NamedPredictions {
    std::string name;  // "validation", "test"
    Predictions predictions;
};

// A table of plain text; the first column names the rows.
struct ReportTable {
    std::string title;
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;
    std::string note;
};

// Trainings of one study: folds, whose cases differ, or members of an ensemble, whose cases are the same.
struct StudyParts {
    std::string heading, part;            // "Folds", and what one is: "Fold"
    std::vector<NamedPredictions> parts;  // of cases that the part's training had not seen
    NamedPredictions whole;               // all cases pooled, or the mean of the probabilities
    std::string note;
};

struct CaseTask {
    std::string name;  // "CT", "NAT", "Severity"
    std::vector<double> probabilities;
    int label = -1;  // the known truth, marked in the chart
};

// A PNG file's bytes and what stands below it; without bytes there is no picture.
struct ReportPicture {
    std::string png, caption, title;
};

// One case to look at.
struct GalleryCase {
    std::string id, why;  // why it is shown: "CT: worst error"
    std::vector<CaseTask> tasks;
    ReportPicture picture;
};

// report.html of a run or of a study's folder: summary, cohort, learning curves, parts of the study, and of each set of
// cases what cmtl_evaluate shows of one model; tuning, features, cases, settings.
struct TrainingReport {
    std::string title = "Training report";
    std::string subtitle;  // run folder, date
    Facts summary;         // few, short: shown large at the top
    std::vector<ReportTable> cohort;
    std::vector<CurvePanel> curves;
    std::vector<StudyParts> studies;
    std::vector<NamedPredictions> sets;    // sets without a case are left out
    int replicates = 1000;                 // of the bootstrap, and its seed
    uint64_t seed = 0;
    std::vector<ReportTable> tuning;       // scores of the candidates
    std::optional<FeatureTests> features;  // of the training cases
    Importances importances;               // of trees; empty: features are ranked by F
    std::vector<GalleryCase> gallery;
    std::vector<FactGroup> settings;
    std::vector<std::string> warnings;  // failed cases and the like
    std::string program;                // "cmtl_train 0.1.0 (commit)"
};
std::string training_report_html(const TrainingReport& report);

// ID.html of one case: probabilities, lungs, overlay, heat maps, time spent, versions.
struct CaseReport {
    std::string id, source;  // source: the CT's path as given
    std::vector<CaseTask> tasks;
    std::optional<double> right_litres, left_litres;
    Facts image;                                           // size, spacing, format
    std::vector<std::pair<std::string, double>> timeline;  // step, seconds
    ReportPicture overlay;
    std::vector<ReportPicture> heat;    // where the network looked, one per task
    Facts versions;                     // program, model, device
    std::vector<std::string> warnings;  // quality flags
};
std::string case_report_html(const CaseReport& report);

// What a class is called on pages: ("CT", 1) "positive", ("Severity", 2) "severe or critical"; "class 3" where unknown.
std::string class_name(std::string_view task, int label);
// "Radiological diagnosis (CT)" and the like; the name itself where unknown.
std::string task_title(std::string_view task);

}  // namespace cmtl
