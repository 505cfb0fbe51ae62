#pragma once
// Every measure of a task that is one number, in one list: what JSON, tables, subgroups and bootstrap intervals share.
#include <span>
#include <string_view>
#include <vector>

#include "evaluation/predictions.hpp"

namespace cmtl {

struct MeasureInfo {
    std::string_view key;    // in JSON
    std::string_view title;  // on pages
    enum class Unit { number, percent } unit;
};

// auc, auc_micro, average_precision, accuracy, balanced_accuracy, sensitivity, specificity, ppv, npv, f1, mcc, kappa,
// kappa_quadratic, brier, log_loss, ece.
std::span<const MeasureInfo> measure_list();
// The position of a key; Error(internal) where there is none.
size_t measure_index(std::string_view key);

// In the list's order; a measure that is not defined is NaN. Two classes: of class 1. More: means over the classes,
// each against the rest, but for those of all classes at once (auc_micro, accuracy, mcc, kappas, brier, log_loss, ece).
std::vector<double> measures_of(const TaskPredictions& task);

// Of all (case, class) pairs together: is this case of this class? Two classes: the AUC of class 1. Agrees with
// sklearn.metrics.roc_auc_score(average="micro", multi_class="ovr").
double micro_auc(const TaskPredictions& task);

// The task's share of these cases, in their order; cases may stand repeatedly.
TaskPredictions chosen_cases(const TaskPredictions& task, std::span<const size_t> cases);

// One class's probabilities, and 1, 0 or -1 for this class, another, unknown.
std::vector<double> class_scores(const TaskPredictions& task, int of_class);
std::vector<int> class_labels(const TaskPredictions& task, int of_class);

}  // namespace cmtl
