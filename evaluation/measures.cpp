#include "evaluation/measures.hpp"

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "evaluation/agreement.hpp"
#include "evaluation/calibration.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/precision_recall.hpp"

namespace cmtl {

namespace {
constexpr auto number = MeasureInfo::Unit::number, percent = MeasureInfo::Unit::percent;
constexpr MeasureInfo list[] = {{"auc", "AUC", number},
                                {"auc_micro", "AUC (micro)", number},
                                {"average_precision", "Average precision", number},
                                {"accuracy", "Accuracy", percent},
                                {"balanced_accuracy", "Balanced accuracy", percent},
                                {"sensitivity", "Sensitivity", percent},
                                {"specificity", "Specificity", percent},
                                {"ppv", "PPV", percent},
                                {"npv", "NPV", percent},
                                {"f1", "F1", number},
                                {"mcc", "Matthews correlation", number},
                                {"kappa", "Cohen's kappa", number},
                                {"kappa_quadratic", "Quadratic kappa", number},
                                {"brier", "Brier score", number},
                                {"log_loss", "Log loss", number},
                                {"ece", "Calibration error", number}};

double mean_average_precision(const TaskPredictions& task) {
    double sum = 0;
    int defined = 0;
    for (int c = task.classes == 2 ? 1 : 0; c < task.classes; ++c) {
        const double v = average_precision(class_scores(task, c), class_labels(task, c));
        if (!std::isnan(v)) sum += v, ++defined;
    }
    return defined ? sum / defined : std::numeric_limits<double>::quiet_NaN();
}
}  // namespace

std::span<const MeasureInfo> measure_list() { return list; }

size_t measure_index(std::string_view key) {
    for (size_t i = 0; i < std::size(list); ++i)
        if (list[i].key == key) return i;
    fail(ErrorKind::internal, "measures", "no measure '{}'", key);
}

std::vector<double> class_scores(const TaskPredictions& task, int of_class) {
    std::vector<double> scores(task.size());
    for (size_t i = 0; i < task.size(); ++i) scores[i] = task.probability(i, of_class);
    return scores;
}

std::vector<int> class_labels(const TaskPredictions& task, int of_class) {
    std::vector<int> labels(task.size());
    for (size_t i = 0; i < task.size(); ++i) labels[i] = task.labels[i] < 0 ? -1 : task.labels[i] == of_class;
    return labels;
}

double micro_auc(const TaskPredictions& task) {
    if (task.classes == 2) return auc(class_scores(task, 1), class_labels(task, 1));
    std::vector<int> labels;
    for (size_t i = 0; i < task.size(); ++i)
        for (int c = 0; c < task.classes; ++c) labels.push_back(task.labels[i] < 0 ? -1 : task.labels[i] == c);
    return auc(task.probabilities, labels);
}

TaskPredictions chosen_cases(const TaskPredictions& task, std::span<const size_t> cases) {
    TaskPredictions chosen{task.name, task.classes, {}, {}};
    for (const size_t i : cases) {
        chosen.labels.push_back(task.labels[i]);
        for (int c = 0; c < task.classes; ++c) chosen.probabilities.push_back(task.probability(i, c));
    }
    return chosen;
}

std::vector<double> measures_of(const TaskPredictions& task) {
    const TaskMetrics m = task_metrics(task, MetricIntervals::none);
    return {m.auc,
            micro_auc(task),
            mean_average_precision(task),
            m.accuracy,
            m.balanced_accuracy,
            m.sensitivity,
            m.specificity,
            m.ppv,
            m.npv,
            m.f1,
            matthews_correlation(m.confusion),
            cohens_kappa(m.confusion),
            cohens_kappa(m.confusion, true),
            brier_score(task),
            log_loss(task),
            calibration_error(task)};
}

}  // namespace cmtl
