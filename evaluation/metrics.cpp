#include "evaluation/metrics.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double ratio(int64_t part, int64_t whole) { return whole > 0 ? double(part) / double(whole) : nan; }

// The mean of the defined values of one member over the classes.
template <class T, class Value>
double defined_mean(const std::vector<T>& items, Value value) {
    double sum = 0;
    int count = 0;
    for (const T& item : items) {
        const double v = value(item);
        if (std::isnan(v)) continue;
        sum += v;
        ++count;
    }
    return count ? sum / count : nan;
}

ClassMetrics class_metrics(const TaskPredictions& task, const ConfusionMatrix& confusion, int c,
                           MetricIntervals intervals) {
    std::vector<double> scores(task.size());
    std::vector<int> labels(task.size());
    for (size_t i = 0; i < task.size(); ++i) {
        scores[i] = task.probability(i, c);
        labels[i] = task.labels[i] < 0 ? -1 : task.labels[i] == c;
    }
    int64_t tp = confusion.at(c, c), fn = -tp, fp = -tp, all = 0;
    for (int k = 0; k < task.classes; ++k) {
        fn += confusion.at(c, k);
        fp += confusion.at(k, c);
        for (int l = 0; l < task.classes; ++l) all += confusion.at(k, l);
    }
    const int64_t tn = all - tp - fn - fp;
    ClassMetrics m;
    m.support = tp + fn;
    m.auc = auc(scores, labels);
    m.auc_interval = intervals == MetricIntervals::none ? Interval{nan, nan} : delong_auc(scores, labels).interval;
    m.sensitivity = ratio(tp, tp + fn);
    m.specificity = ratio(tn, tn + fp);
    m.ppv = ratio(tp, tp + fp);
    m.npv = ratio(tn, tn + fn);
    m.f1 = ratio(2 * tp, 2 * tp + fp + fn);
    return m;
}

// JSON has no NaN.
nlohmann::ordered_json value(double x) {
    return std::isfinite(x) ? nlohmann::ordered_json(x) : nlohmann::ordered_json(nullptr);
}
nlohmann::ordered_json value(const Interval& x) {
    return std::isnan(x.low) ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json::array({x.low, x.high});
}
}  // namespace

ConfusionMatrix confusion_matrix(const TaskPredictions& task) {
    ConfusionMatrix m{task.classes, std::vector<int64_t>(size_t(task.classes) * size_t(task.classes), 0)};
    for (size_t i = 0; i < task.size(); ++i) {
        const int label = task.labels[i];
        require(label < task.classes, "metrics", "{}: label {} with {} classes", task.name, label, task.classes);
        if (label >= 0) ++m.counts[size_t(label * task.classes + task.predicted(i))];
    }
    return m;
}

TaskMetrics task_metrics(const TaskPredictions& task, MetricIntervals intervals) {
    require(task.probabilities.size() == task.size() * size_t(task.classes), "metrics",
            "{}: {} probabilities for {} cases of {} classes", task.name, task.probabilities.size(), task.size(),
            task.classes);
    TaskMetrics m;
    m.name = task.name;
    m.classes = task.classes;
    m.confusion = confusion_matrix(task);
    int64_t right = 0;
    for (int c = 0; c < task.classes; ++c) {
        m.by_class.push_back(class_metrics(task, m.confusion, c, intervals));
        m.cases += m.by_class.back().support;
        right += m.confusion.at(c, c);
    }
    m.accuracy = ratio(right, m.cases);
    m.balanced_accuracy = defined_mean(m.by_class, [](const ClassMetrics& c) { return c.sensitivity; });
    if (task.classes == 2) {
        const ClassMetrics& positive = m.by_class[1];
        m.auc = positive.auc;
        m.auc_interval = positive.auc_interval;
        m.sensitivity = positive.sensitivity;
        m.specificity = positive.specificity;
        m.ppv = positive.ppv;
        m.npv = positive.npv;
        m.f1 = positive.f1;
    } else {
        m.auc = defined_mean(m.by_class, [](const ClassMetrics& c) { return c.auc; });
        m.auc_interval = {nan, nan};
        m.sensitivity = m.balanced_accuracy;
        m.specificity = defined_mean(m.by_class, [](const ClassMetrics& c) { return c.specificity; });
        m.ppv = defined_mean(m.by_class, [](const ClassMetrics& c) { return c.ppv; });
        m.npv = defined_mean(m.by_class, [](const ClassMetrics& c) { return c.npv; });
        m.f1 = defined_mean(m.by_class, [](const ClassMetrics& c) { return c.f1; });
    }
    return m;
}

std::vector<TaskMetrics> all_metrics(const Predictions& predictions) {
    std::vector<TaskMetrics> all;
    for (const TaskPredictions& task : predictions.tasks) all.push_back(task_metrics(task));
    return all;
}

double mean_auc(const std::vector<TaskMetrics>& tasks) {
    return defined_mean(tasks, [](const TaskMetrics& t) { return t.auc; });
}

nlohmann::ordered_json to_json(const TaskMetrics& m) {
    using json = nlohmann::ordered_json;
    json by_class = json::array(), confusion = json::array();
    for (const ClassMetrics& c : m.by_class)
        by_class.push_back({{"cases", c.support},
                            {"auc", value(c.auc)},
                            {"auc_ci_delong", value(c.auc_interval)},
                            {"sensitivity", value(c.sensitivity)},
                            {"specificity", value(c.specificity)},
                            {"ppv", value(c.ppv)},
                            {"npv", value(c.npv)},
                            {"f1", value(c.f1)}});
    for (int t = 0; t < m.classes; ++t) {
        json row = json::array();
        for (int p = 0; p < m.classes; ++p) row.push_back(m.confusion.at(t, p));
        confusion.push_back(row);
    }
    return {{"cases", m.cases},
            {"auc", value(m.auc)},
            {"auc_ci_delong", value(m.auc_interval)},
            {"accuracy", value(m.accuracy)},
            {"balanced_accuracy", value(m.balanced_accuracy)},
            {"sensitivity", value(m.sensitivity)},
            {"specificity", value(m.specificity)},
            {"ppv", value(m.ppv)},
            {"npv", value(m.npv)},
            {"f1", value(m.f1)},
            {"by_class", by_class},
            {"confusion_matrix", confusion}};
}

}  // namespace cmtl
