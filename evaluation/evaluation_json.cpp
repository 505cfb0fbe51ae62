#include <cmath>
#include <nlohmann/json.hpp>

#include "evaluation/evaluation.hpp"
#include "evaluation/measures.hpp"

namespace cmtl {

namespace {
using json = nlohmann::ordered_json;

// JSON has neither NaN nor infinity.
json value(double x) { return std::isfinite(x) ? json(x) : json(nullptr); }
json value(const Interval& x) { return std::isnan(x.low) ? json(nullptr) : json::array({x.low, x.high}); }
json value(const OperatingPoint& p) {
    return {{"threshold", value(p.threshold)},
            {"sensitivity", value(p.sensitivity)},
            {"specificity", value(p.specificity)},
            {"ppv", value(p.ppv)},
            {"npv", value(p.npv)},
            {"accuracy", value(p.accuracy)}};
}

json bins(const std::vector<ReliabilityBin>& all) {
    json rows = json::array();
    for (const ReliabilityBin& b : all)
        rows.push_back({{"low", b.low},
                        {"high", b.high},
                        {"cases", b.cases},
                        {"predicted", value(b.predicted)},
                        {"observed", value(b.observed)}});
    return rows;
}

json task_json(const TaskEvaluation& e, const TaskPredictions& task, const EvaluationOptions& options) {
    const auto list = measure_list();
    json j = to_json(e.metrics);
    for (size_t m = 0; m < list.size(); ++m) j[std::string(list[m].key)] = value(e.values[m]);
    if (!e.percentile.empty()) {
        const size_t auc = measure_index("auc");
        j["auc_ci_bootstrap"] = value(e.percentile[auc]);
        j["auc_ci_bootstrap_bca"] = value(e.bca[auc]);
        for (const auto& [name, intervals] : {std::pair{"ci_bootstrap", &e.percentile}, {"ci_bootstrap_bca", &e.bca}})
            for (size_t m = 0; m < list.size(); ++m) j[name][std::string(list[m].key)] = value((*intervals)[m]);
    }
    for (size_t c = 0; c < e.class_average_precision.size(); ++c)
        j["by_class"][c]["average_precision"] = value(e.class_average_precision[c]);
    if (e.youden) {
        j["thresholds"]["youden"] = value(*e.youden);
        j["thresholds"]["at_sensitivity"] = value(*e.at_sensitivity);
        j["thresholds"]["at_sensitivity"]["wanted"] = options.sensitivity;
        j["thresholds"]["at_specificity"] = value(*e.at_specificity);
        j["thresholds"]["at_specificity"]["wanted"] = options.specificity;
    }
    for (int c = 0; c < task.classes; ++c) j["reliability"].push_back(bins(reliability(task, c)));
    if (e.calibrated)
        j["calibrated"] = {{"temperature", value(e.calibrated->temperature)},
                           {"brier", value(e.calibrated->brier)},
                           {"log_loss", value(e.calibrated->log_loss)},
                           {"ece", value(e.calibrated->ece)}};
    for (const SubgroupMeasures& s : e.subgroups) {
        json& group = j["subgroups"][s.value];
        group["cases"] = s.cases;
        for (size_t m = 0; m < list.size(); ++m) group[std::string(list[m].key)] = value(s.values[m]);
        group["auc_ci_delong"] = value(s.auc_interval);
    }
    return j;
}

json comparison_json(const Comparison& c, const Evaluation& e) {
    json j{{"a", e.models[c.a].name},
           {"b", e.models[c.b].name},
           {"task", c.task},
           {"auc_difference", value(c.auc_difference)},
           {"auc_difference_ci_bootstrap", value(c.auc_difference_interval)}};
    for (const auto& [of_class, t] : c.delong)
        j["delong"].push_back({{"class", of_class},
                               {"auc_a", value(t.auc_a)},
                               {"auc_b", value(t.auc_b)},
                               {"difference", value(t.difference)},
                               {"ci", value(t.interval)},
                               {"z", value(t.z)},
                               {"p", value(t.p)}});
    j["mcnemar"] = {{"only_a_right", c.mcnemar.only_a},
                    {"only_b_right", c.mcnemar.only_b},
                    {"p_exact", value(c.mcnemar.p_exact)},
                    {"statistic", value(c.mcnemar.statistic)},
                    {"p_corrected", value(c.mcnemar.p_corrected)}};
    return j;
}
}  // namespace

nlohmann::ordered_json evaluation_json(const Evaluation& e) {
    json j = json::object();
    for (size_t m = 0; m < e.models.size(); ++m)
        for (size_t k = 0; k < e.tasks[m].size(); ++k)
            j[e.models[m].name][e.tasks[m][k].metrics.name] =
                task_json(e.tasks[m][k], e.models[m].predictions.tasks[k], e.options);
    j["comparisons"] = json::array();
    for (const Comparison& c : e.comparisons) j["comparisons"].push_back(comparison_json(c, e));
    j["settings"] = {{"bootstrap", e.options.replicates}, {"seed", e.options.seed}, {"level", 0.95}};
    if (!e.options.subgroup.empty()) j["settings"]["subgroup"] = e.options.subgroup;
    if (!e.options.patient.empty()) {
        j["settings"]["patient"] = e.options.patient;
        j["settings"]["patients"] = e.models.at(0).predictions.ids.size();
        j["settings"]["scans"] = e.options.scans;
    }
    j["notes"] = e.notes;
    return j;
}

}  // namespace cmtl
