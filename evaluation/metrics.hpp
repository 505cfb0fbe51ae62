#pragma once
// What a task's predictions are worth. Measures that are not defined (a class without members, nothing predicted
// positive) are NaN in memory, null in JSON and "n/a" on pages; means run over the defined values.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "evaluation/predictions.hpp"
#include "evaluation/roc.hpp"

namespace cmtl {

// counts[true * classes + predicted], cases with a known label only.
struct ConfusionMatrix {
    int classes = 0;
    std::vector<int64_t> counts;
    int64_t at(int truth, int predicted) const { return counts[size_t(truth * classes + predicted)]; }
};

// One class against the rest; a case belongs to the class that is most probable.
struct ClassMetrics {
    int64_t support = 0;      // cases whose label is this class
    double auc = 0;           // of the class's probability
    Interval auc_interval{};  // DeLong, 95 %
    double sensitivity = 0;   // TP / (TP + FN), recall
    double specificity = 0;   // TN / (TN + FP)
    double ppv = 0, npv = 0;  // TP / (TP + FP), TN / (TN + FN)
    double f1 = 0;            // 2 TP / (2 TP + FP + FN)
};

// Two classes: auc, auc_interval and sensitivity to f1 are those of class 1. More: the mean over classes (one versus
// rest, "macro") and no interval. Agrees with scikit-learn's roc_auc_score(multi_class="ovr"), accuracy_score,
// balanced_accuracy_score, recall, precision and f1 scores wherever those are defined.
struct TaskMetrics {
    std::string name;
    int classes = 2;
    int64_t cases = 0;  // with a known label
    double auc = 0;
    Interval auc_interval{};
    double accuracy = 0, balanced_accuracy = 0;
    double sensitivity = 0, specificity = 0, ppv = 0, npv = 0, f1 = 0;
    std::vector<ClassMetrics> by_class;
    ConfusionMatrix confusion;
};

ConfusionMatrix confusion_matrix(const TaskPredictions& task);
// Intervals cost more than all the rest: whoever measures thousands of resamples leaves them out (NaN).
enum class MetricIntervals { none, delong };
TaskMetrics task_metrics(const TaskPredictions& task, MetricIntervals intervals = MetricIntervals::delong);
std::vector<TaskMetrics> all_metrics(const Predictions& predictions);

// The mean of the tasks' AUCs that are defined (NaN when none is): what the best checkpoint is chosen by.
double mean_auc(const std::vector<TaskMetrics>& tasks);

// {"cases": ..., "auc": ..., "auc_ci_delong": [low, high], "accuracy": ..., "by_class": [...], "confusion_matrix":
// [[...]]}
nlohmann::ordered_json to_json(const TaskMetrics& metrics);

}  // namespace cmtl
