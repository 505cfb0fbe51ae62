#include "training/training_report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/report.hpp"
#include "training/cohort_report.hpp"
#include "training/tuning_report.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

double number(const json& value) { return value.is_number() ? value.get<double>() : missing; }

// Learning curves as the epochs' lines of metrics.jsonl tell them.
struct History {
    Curve train_loss{"weighted sum", {}, {}}, rate{"learning rate", {}, {}}, mean{"mean", {}, {}};
    std::map<std::string, Curve> task_loss, weight, val_loss, auc;  // by task
    double best_epoch = missing, best = -1;
    int64_t epochs = 0;
};

void add(Curve& curve, double x, double y) {
    curve.x.push_back(x);
    curve.y.push_back(y);
}

History read_history(const fs::path& file) {
    History h;
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);) {
        const json entry = json::parse(line, nullptr, false);
        if (!entry.is_object() || !entry.contains("epoch")) continue;
        const double epoch = number(entry["epoch"]);
        h.epochs = entry["epoch"].get<int64_t>();
        add(h.train_loss, epoch, number(entry["loss"]));
        add(h.rate, epoch, number(entry["lr"]));
        for (const auto& [key, value] : entry.items())
            for (const auto& [prefix, curves] : {std::pair{"loss_", &h.task_loss}, std::pair{"weight_", &h.weight}})
                if (key.starts_with(prefix) && value.is_number()) {
                    Curve& curve = (*curves)[key.substr(std::strlen(prefix))];
                    curve.name = key.substr(std::strlen(prefix));
                    add(curve, epoch, value.get<double>());
                }
        if (!entry.contains("val")) continue;
        for (const auto& [task, values] : entry["val"].items()) {
            if (!values.is_object()) continue;
            h.val_loss[task].name = task;
            h.auc[task].name = task;
            add(h.val_loss[task], epoch, number(values["loss"]));
            add(h.auc[task], epoch, number(values["auc"]));
        }
        const double score = number(entry["val"]["mean_auc"]);
        add(h.mean, epoch, score);
        if (score > h.best) {
            h.best = score;
            h.best_epoch = epoch;
        }
    }
    return h;
}

void flatten(const json& tree, const std::string& prefix, Facts& out) {
    for (const auto& [name, value] : tree.items()) {
        const std::string key = prefix.empty() ? name : prefix + "." + name;
        if (value.is_object())
            flatten(value, key, out);
        else
            out.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
    }
}

std::string today() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
    return text;
}

void add_curves(TrainingReport& report, const History& h) {
    // The tasks first, so that they have their colours in all charts.
    const auto panel = [&](CurvePanel panel, const std::map<std::string, Curve>& tasks, const Curve& last = {}) {
        for (const auto& [task, curve] : tasks) panel.curves.push_back(curve);
        if (!last.x.empty()) panel.curves.push_back(last);
        if (std::isfinite(h.best_epoch)) panel.marked_x = h.best_epoch, panel.mark = "best";
        if (!panel.curves.empty()) report.curves.push_back(std::move(panel));
    };
    if (h.epochs == 0) return;
    panel({"Validation AUC", "epoch", "AUC", {}, {}, "", 0.4, 1.0}, h.auc, h.mean);
    panel({"Training loss", "epoch", "cross-entropy, nats", {}, {}, "", {}, {}}, h.task_loss, h.train_loss);
    panel({"Validation loss", "epoch", "cross-entropy, nats", {}, {}, "", {}, {}}, h.val_loss);
    panel({"Weights of the tasks' losses", "epoch", "weight, mean of the epoch", {}, {}, "", 0.0, {}}, h.weight);
    panel({"Learning rate", "epoch", "learning rate per step", {}, {}, "", 0.0, {}}, {}, h.rate);
}
}  // namespace

std::string training_program() { return fmt::format("cmtl_train {} ({})", CMTL_VERSION, CMTL_COMMIT); }

void add_summary(TrainingReport& report, const Predictions& predictions, const std::string& what) {
    if (predictions.ids.empty()) return;
    for (const TaskMetrics& task : all_metrics(predictions))
        report.summary.emplace_back(task.name + " " + what,
                                    std::isnan(task.auc) ? "n/a" : fmt::format("{:.3f}", task.auc));
}

// Which features tell the training cases' classes apart.
void add_features(TrainingReport& report, const Cohort& cohort, const FeatureTable* features, const fs::path& run) {
    if (!features) return;
    FeatureCases cases{features->names, std::vector<std::vector<double>>(features->names.size()), {}, {}};
    for (const Task& task : cohort.tasks) cases.tasks.push_back(task.name);
    cases.labels.resize(cases.tasks.size());
    for (const CohortCase& one : cohort.cases) {
        const auto at = one.split == Split::train ? features->find(one.id) : std::nullopt;
        if (!at) continue;
        for (size_t k = 0; k < cases.labels.size(); ++k) cases.labels[k].push_back(one.labels[k]);
        for (size_t f = 0; f < cases.values.size(); ++f) cases.values[f].push_back(features->row(*at)[f]);
    }
    report.features = test_features(std::move(cases), {});
    if (const fs::path file = run / "importances.csv"; fs::exists(file))
        report.importances = importances_of(read_csv(file));
}

Facts flat_settings(const json& tree) {
    Facts facts;
    flatten(tree, "", facts);
    return facts;
}

std::vector<FactGroup> settings_groups(const json& settings) {
    std::vector<FactGroup> groups;
    for (const auto& [group, values] : settings.items())
        if (values.is_object()) groups.push_back({group, flat_settings(values)});
    return groups;
}

std::string left_out_sentence(size_t cases) {
    return fmt::format("{} {} left out: see the cohort", cases, cases == 1 ? "case was" : "cases were");
}

void write_training_report(const TrainingRecord& record) {
    History h;
    if (fs::exists(record.run / "metrics.jsonl")) h = read_history(record.run / "metrics.jsonl");
    const Predictions &val = record.val, &test = record.test;
    TrainingReport report;
    report.subtitle = fmt::format("{}, {}", record.run.string(), today());
    report.program = training_program();
    add_summary(report, test.ids.empty() ? val : test, test.ids.empty() ? "AUC, validation" : "AUC, test");
    report.summary.emplace_back("cases", std::to_string(record.cohort.cases.size()));
    if (h.epochs > 0) report.summary.emplace_back("epochs", std::to_string(h.epochs));
    report.cohort = cohort_tables(record.cohort, record.volumes, record.left_out);
    add_curves(report, h);
    report.sets = {{"test", test}, {"validation", val}};
    report.seed = record.seed;
    report.tuning = tuning_tables({{"", record.run}});
    add_features(report, record.cohort, record.features, record.run);
    report.gallery = record.gallery;
    report.settings = settings_groups(record.settings);
    report.warnings = record.warnings;
    if (!record.left_out.empty()) report.warnings.push_back(left_out_sentence(record.left_out.size()));
    write_file(record.run / "report.html", training_report_html(report));
}

}  // namespace cmtl
