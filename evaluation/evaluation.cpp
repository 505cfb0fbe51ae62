#include "evaluation/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.hpp"
#include "evaluation/bootstrap.hpp"
#include "evaluation/measures.hpp"
#include "evaluation/precision_recall.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::set<int> known_classes(const TaskPredictions& task) {
    std::set<int> classes(task.labels.begin(), task.labels.end());
    classes.erase(-1);
    return classes;
}

int first_class(const TaskPredictions& task) { return task.classes == 2 ? 1 : 0; }

std::vector<SubgroupMeasures> subgroups(const TaskPredictions& task, const EvaluationOptions& options) {
    std::map<std::string, std::vector<size_t>> members;
    for (size_t i = 0; i < options.groups.size(); ++i)
        if (!options.groups[i].empty() && task.labels[i] >= 0) members[options.groups[i]].push_back(i);
    std::vector<SubgroupMeasures> all;
    for (const auto& [value, cases] : members) {
        const TaskPredictions chosen = chosen_cases(task, cases);
        all.push_back({value, int64_t(cases.size()), measures_of(chosen), task_metrics(chosen).auc_interval});
    }
    return all;
}

std::optional<Calibrated> calibrated(const TaskPredictions& task, const std::optional<Predictions>& fitted_on) {
    const TaskPredictions* source = fitted_on ? fitted_on->find(task.name) : nullptr;
    if (!source) return std::nullopt;
    const double temperature = fit_temperature(*source);
    if (std::isnan(temperature)) return std::nullopt;
    const TaskPredictions scaled = scaled_by_temperature(task, temperature);
    return Calibrated{temperature, brier_score(scaled), log_loss(scaled), calibration_error(scaled)};
}

TaskEvaluation evaluate_task(const TaskPredictions& task, const Model& model, const EvaluationOptions& options) {
    TaskEvaluation e;
    e.metrics = task_metrics(task);
    e.values = measures_of(task);
    if (options.replicates > 0 && !known_classes(task).empty()) {
        const size_t auc = measure_index("auc");
        const Bootstrap draws = bootstrap(task.labels, e.values.size(),
                                          [&](std::span<const size_t> cases, std::span<double> values) {
                                              std::ranges::copy(measures_of(chosen_cases(task, cases)), values.begin());
                                          },
                                          {.replicates = options.replicates, .seed = options.seed});
        for (size_t m = 0; m < e.values.size(); ++m) {
            e.percentile.push_back(percentile_interval(draws.replicates[m]));
            e.bca.push_back(bca_interval(draws.estimate[m], draws.replicates[m], draws.jackknife[m], draws.strata));
        }
        e.auc_replicates = draws.replicates[auc];
    }
    for (int c = 0; c < task.classes; ++c)
        e.class_average_precision.push_back(average_precision(class_scores(task, c), class_labels(task, c)));
    if (task.classes == 2) {
        const auto scores = class_scores(task, 1);
        e.youden = youden_point(scores, task.labels);
        e.at_sensitivity = point_at_sensitivity(scores, task.labels, options.sensitivity);
        e.at_specificity = point_at_specificity(scores, task.labels, options.specificity);
    }
    e.calibrated = calibrated(task, model.calibration);
    e.subgroups = subgroups(task, options);
    return e;
}

// `first` is of model a.
Comparison compare(const Evaluation& e, size_t a, size_t b, const TaskPredictions& first,
                   const TaskPredictions& second) {
    Comparison c{a, b, first.name, {}, nan, {nan, nan}, {}};
    for (int of_class = first_class(first); of_class < first.classes; ++of_class)
        c.delong.emplace_back(of_class, delong_test(class_scores(first, of_class), class_scores(second, of_class),
                                                    class_labels(first, of_class)));
    const TaskEvaluation &x = *e.find(a, first.name), &y = *e.find(b, first.name);
    c.auc_difference = x.metrics.auc - y.metrics.auc;
    std::vector<double> differences;
    for (size_t r = 0; r < x.auc_replicates.size(); ++r)
        differences.push_back(x.auc_replicates[r] - y.auc_replicates[r]);
    c.auc_difference_interval = percentile_interval(differences);
    std::vector<int> predicted_a, predicted_b;
    for (size_t i = 0; i < first.size(); ++i)
        predicted_a.push_back(first.predicted(i)), predicted_b.push_back(second.predicted(i));
    c.mcnemar = mcnemar_test(predicted_a, predicted_b, first.labels);
    return c;
}

// What cannot be measured, said once: all models that have a task have the same labels.
std::vector<std::string> notes_of(const std::vector<Model>& models) {
    std::vector<std::string> notes;
    bool usable = false, any = false;
    std::set<std::string> seen;
    for (const Model& model : models)
        for (const TaskPredictions& task : model.predictions.tasks) {
            if (!seen.insert(task.name).second) continue;
            const auto classes = known_classes(task);
            usable = usable || classes.size() >= 2, any = any || !classes.empty();
            if (classes.empty())
                notes.push_back(fmt::format("{}: no label is known", task.name));
            else if (classes.size() == 1)
                notes.push_back(
                    fmt::format("{}: every known label is {}; AUC needs two classes", task.name, *classes.begin()));
            else if (int(classes.size()) < task.classes)
                notes.push_back(fmt::format("{}: {} of {} classes have cases; means are over those", task.name,
                                            classes.size(), task.classes));
        }
    if (!any)
        fail(ErrorKind::input, "evaluate", "{}: no label is known; name a table with --labels, columns ID and {}",
             models[0].name, models[0].predictions.tasks.at(0).name);
    if (!usable)
        fail(ErrorKind::input, "evaluate", "{}: one class only ({}); there is nothing to tell apart", models[0].name,
             notes.front());
    return notes;
}
}  // namespace

Evaluation evaluate_models(std::vector<Model> models, EvaluationOptions options) {
    require(!models.empty(), "evaluate", "no model");
    std::vector<std::string> notes = notes_of(models);
    Evaluation e = measure_models(std::move(models), std::move(options));
    e.notes = std::move(notes);
    return e;
}

std::vector<std::string> Evaluation::task_names() const {
    std::vector<const Predictions*> all;
    for (const Model& model : models) all.push_back(&model.predictions);
    return cmtl::task_names(all);
}

const TaskEvaluation* Evaluation::find(size_t model, std::string_view task) const {
    for (const TaskEvaluation& one : tasks[model])
        if (one.metrics.name == task) return &one;
    return nullptr;
}

std::string patients_and_scans(const Evaluation& e) {
    if (e.options.patient.empty()) return {};
    const auto counted = [](size_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); };
    return counted(e.models.at(0).predictions.ids.size(), "patient") + ", " + counted(e.options.scans, "scan");
}

std::string_view cases_title(const EvaluationOptions& options) {
    return options.patient.empty() ? "Cases" : "Patients";
}

Evaluation measure_models(std::vector<Model> models, EvaluationOptions options) {
    Evaluation e;
    e.options = std::move(options);
    e.models = std::move(models);
    for (const Model& model : e.models) {
        e.tasks.emplace_back();
        for (const TaskPredictions& task : model.predictions.tasks)
            e.tasks.back().push_back(evaluate_task(task, model, e.options));
    }
    for (size_t a = 0; a < (e.options.against_first ? 1 : e.models.size()); ++a)
        for (size_t b = a + 1; b < e.models.size(); ++b)
            for (const TaskPredictions& task : e.models[a].predictions.tasks)
                if (const TaskPredictions* other = e.models[b].predictions.find(task.name))
                    e.comparisons.push_back(compare(e, a, b, task, *other));
    return e;
}

}  // namespace cmtl
