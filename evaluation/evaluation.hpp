#pragma once
// Models measured on a cohort, and compared with each other.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/calibration.hpp"
#include "evaluation/delong.hpp"
#include "evaluation/mcnemar.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/thresholds.hpp"

namespace cmtl {

struct Model {
    std::string name;  // in JSON and on pages; unique
    Predictions predictions;
    std::optional<Predictions> calibration;  // cases that temperatures are fitted on, never those that are measured
};

struct EvaluationOptions {
    int replicates = 2000;  // 0: no bootstrap
    uint64_t seed = 0;
    std::string subgroup{};                       // what `groups` are called; empty: none
    std::vector<std::string> groups{};            // by case; "" belongs to none
    double sensitivity = 0.9, specificity = 0.9;  // of the operating points
    bool against_first = false;                   // models are compared with the first alone, not every pair
    std::string patient{};                        // cases are patients (patients.hpp) as this column tells; empty: not
    size_t scans = 0;                             // of them
};

// After temperature scaling.
struct Calibrated {
    double temperature, brier, log_loss, ece;
};

struct SubgroupMeasures {
    std::string value;
    int64_t cases;               // with a known label
    std::vector<double> values;  // in measure_list()'s order
    Interval auc_interval;       // DeLong; two classes only
};

struct TaskEvaluation {
    TaskMetrics metrics;
    std::vector<double> values;             // in measure_list()'s order, as are the intervals
    std::vector<Interval> percentile, bca;  // bootstrap, stratified by label; empty without
    std::vector<double> auc_replicates;
    std::vector<double> class_average_precision;
    std::optional<OperatingPoint> youden, at_sensitivity, at_specificity;  // two classes
    std::optional<Calibrated> calibrated;
    std::vector<SubgroupMeasures> subgroups;
};

// Two models, one task. DeLong's test by class (two classes: class 1 alone), McNemar's of accuracy, and the interval of
// the AUC's difference from paired bootstrap replicates.
struct Comparison {
    size_t a, b;  // positions of the models
    std::string task;
    std::vector<std::pair<int, DelongTest>> delong;  // class, test
    double auc_difference;                           // a - b, macro where there are more classes than two
    Interval auc_difference_interval;
    McNemarTest mcnemar;
};

struct Evaluation {
    EvaluationOptions options;
    std::vector<Model> models;
    std::vector<std::vector<TaskEvaluation>> tasks;  // [model][task]
    std::vector<Comparison> comparisons;             // by pair, by task that both have
    std::vector<std::string> notes;                  // tasks of which measures are not defined, and why

    // Of all models, in the order in which they come up: not every model needs to have every task.
    std::vector<std::string> task_names() const;
    // Null where the model lacks the task.
    const TaskEvaluation* find(size_t model, std::string_view task) const;
};

// Models are aligned (cohorts.hpp). Error(input) where no task has known labels of at least two classes; a task that
// has not is measured as far as it goes, with a note.
Evaluation evaluate_models(std::vector<Model> models, EvaluationOptions options);
// The same without notes and demands: what cannot be measured is not defined.
Evaluation measure_models(std::vector<Model> models, EvaluationOptions options);

// "25 patients, 40 scans"; empty where cases are not patients.
std::string patients_and_scans(const Evaluation& evaluation);
// What cases are called in headings: "Patients" or "Cases".
std::string_view cases_title(const EvaluationOptions& options);

// {MODEL: {TASK: {"auc": ..., "auc_ci_delong": [low, high], "auc_ci_bootstrap": [low, high], ...}}, "comparisons":
// [...], "settings": {...}, "notes": [...]}; what is not defined is null.
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation);

}  // namespace cmtl
