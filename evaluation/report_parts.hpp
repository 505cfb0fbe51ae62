#pragma once
// Pieces that several reports show.
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/calibration.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/report.hpp"

namespace cmtl {

// "0.893", "84.2 %", "0.893 (0.871-0.915)" as HTML; "n/a" where not defined.
std::string decimal(double v);
std::string percent(double v);
std::string with_interval(double value, const Interval& i);
// A measure in its unit; a p value as "0.013", "2.1e-05".
std::string shown(const MeasureInfo& info, double v);
std::string p_text(double p);

// Tables as HTML: measures with DeLong's intervals, a row per task and class; counts by true and predicted class.
std::string metrics_html(const std::vector<TaskMetrics>& all, std::string_view cases = "Cases");
std::string confusion_html(const TaskMetrics& m);

// One curve per class (two classes: of class 1), named with class and area; classes without a curve are left out.
std::vector<Curve> roc_curves(const TaskPredictions& task, const TaskMetrics& m);
std::vector<Curve> precision_recall_curves(const TaskPredictions& task);
// Observed against predicted probability, a point per filled bin of ten.
std::vector<Curve> reliability_curves(const TaskPredictions& task);

}  // namespace cmtl
