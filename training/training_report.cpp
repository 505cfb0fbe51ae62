#include "training/training_report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/report.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

double number(const json& value) { return value.is_number() ? value.get<double>() : missing; }

// Learning curves as the epochs' lines of metrics.jsonl tell them.
struct History {
    Curve train_loss{"training, weighted", {}, {}}, rate{"learning rate", {}, {}}, mean{"mean", {}, {}};
    std::map<std::string, Curve> val_loss, auc;
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
}  // namespace

void write_training_report(const fs::path& run, const json& settings, const Predictions& val, const Predictions& test,
                           const std::vector<std::string>& failed, const std::vector<std::string>& warnings) {
    const History h = read_history(run / "metrics.jsonl");
    TrainingReport report;
    report.subtitle = fmt::format("{}, {}", run.string(), today());
    report.program = fmt::format("cmtl_train {} ({})", CMTL_VERSION, CMTL_COMMIT);
    const Predictions& shown = test.ids.empty() ? val : test;
    if (!shown.ids.empty())
        for (const TaskMetrics& task : all_metrics(shown))
            report.summary.emplace_back(task.name + (test.ids.empty() ? " AUC, validation" : " AUC, test"),
                                        fmt::format("{:.3f}", task.auc));
    report.summary.emplace_back("epochs", std::to_string(h.epochs));

    CurvePanel auc{"Validation AUC", "epoch", "AUC", {}, {}, "", 0.4, 1.0},
        loss{"Loss", "epoch", "loss", {h.train_loss}, {}, "", {}, {}};
    for (const auto& [task, curve] : h.auc) auc.curves.push_back(curve);
    for (const auto& [task, curve] : h.val_loss) {
        loss.curves.push_back(curve);
        loss.curves.back().name = "validation, " + task;
    }
    if (!h.mean.x.empty()) {
        auc.curves.push_back(h.mean);
        if (std::isfinite(h.best_epoch)) {
            auc.marked_x = h.best_epoch;
            auc.mark = "best";
        }
        report.curves.push_back(auc);
    }
    report.curves.push_back(loss);
    report.curves.push_back({"Learning rate", "epoch", "learning rate", {h.rate}, {}, "", 0.0, {}});
    report.sets = {{"test", test}, {"validation", val}};
    for (const auto& [group, values] : settings.items()) {
        FactGroup facts{group, {}};
        if (!values.is_object()) continue;
        flatten(values, "", facts.facts);
        report.settings.push_back(std::move(facts));
    }
    for (const std::string& one : failed) report.warnings.push_back("left out: " + one);
    report.warnings.insert(report.warnings.end(), warnings.begin(), warnings.end());
    write_file(run / "report.html", training_report_html(report));
}

}  // namespace cmtl
