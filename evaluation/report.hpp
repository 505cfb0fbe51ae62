#pragma once
// Self-contained HTML pages: no script, no network, light and dark by the reader's setting, fit for print.
// The caller fills plain structs; every text is escaped here. NaN is shown as "n/a".
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluation/predictions.hpp"

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

// report.html of a run: summary, learning curves, metrics with 95 % intervals, ROC curves, confusion matrices,
// settings.
struct TrainingReport {
    std::string title = "Training report";
    std::string subtitle;  // run folder, date
    Facts summary;         // few, short: shown large at the top
    std::vector<CurvePanel> curves;
    std::vector<NamedPredictions> sets;  // sets without a case are left out
    std::vector<FactGroup> settings;
    std::vector<std::string> warnings;  // failed cases and the like
    std::string program;                // "cmtl_train 0.1.0 (commit)"
};
std::string training_report_html(const TrainingReport& report);

struct CaseTask {
    std::string name;  // "CT", "NAT", "Severity"
    std::vector<double> probabilities;
    int label = -1;  // the known truth, marked in the chart
};

// ID.html of one case: probabilities, lungs, overlay, time spent, versions.
struct CaseReport {
    std::string id, source;  // source: the CT's path as given
    std::vector<CaseTask> tasks;
    std::optional<double> right_litres, left_litres;
    Facts image;                                           // size, spacing, format
    std::vector<std::pair<std::string, double>> timeline;  // step, seconds
    std::string overlay_png;                               // a PNG file's bytes; empty: none
    std::string overlay_caption;
    Facts versions;                     // program, model, device
    std::vector<std::string> warnings;  // quality flags
};
std::string case_report_html(const CaseReport& report);

// What a class is called on pages: ("CT", 1) "positive", ("Severity", 2) "severe or critical"; "class 3" where unknown.
std::string class_name(std::string_view task, int label);
// "Radiological diagnosis (CT)" and the like; the name itself where unknown.
std::string task_title(std::string_view task);

}  // namespace cmtl
