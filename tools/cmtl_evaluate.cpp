// cmtl_evaluate: predictions to metrics, intervals, comparisons and a report; feature tables to tests of their
// features.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/csv.hpp"
#include "base/files.hpp"
#include "evaluation/ablation.hpp"
#include "evaluation/cohorts.hpp"
#include "evaluation/evaluation_report.hpp"
#include "evaluation/feature_tests.hpp"
#include "evaluation/features_report.hpp"
#include "evaluation/patients.hpp"
#include "tools/common.hpp"

namespace {

using namespace cmtl;

struct Arguments {
    std::vector<fs::path> predictions, calibrate;
    fs::path table, output, labels, column_table;
    std::string id_column = "ID", subgroup, patient, posthoc = "games-howell", adjust = "bh";
    std::vector<std::string> tasks;
    int bootstrap = 2000;
    bool ensemble = false;
};

std::string version_of(const Tool& tool) { return tool.name + " " CMTL_VERSION " (" CMTL_COMMIT ")"; }

// What --subgroup and --patient name a column of.
CsvTable column_table(const Arguments& a, std::string_view option, const std::string& column) {
    const fs::path& source = a.column_table.empty() ? a.labels : a.column_table;
    if (source.empty())
        fail(ErrorKind::usage, "evaluate", "{} {} needs a table: --table T.csv, or --labels", option, column);
    return read_csv(source);
}

// Models under the names of the command line, on the same cases in the same order, with all labels there are.
std::vector<Model> read_models(const Arguments& a) {
    std::vector<Model> models;
    std::set<std::string> names;
    for (const fs::path& path : a.predictions) {
        Model model{path.string(), read_predictions(predictions_file(path)), std::nullopt};
        if (!names.insert(model.name).second) fail(ErrorKind::usage, "evaluate", "{} is named twice", model.name);
        for (const char* key : {"comparisons", "settings", "notes", "program", "ensemble"})
            if (model.name == key)
                fail(ErrorKind::usage, "evaluate", "{0} is a key of metrics.json itself: call it ./{0}", key);
        if (model.predictions.ids.empty()) fail(ErrorKind::input, "evaluate", "{}: the table has no case", model.name);
        models.push_back(std::move(model));
    }
    if (!a.labels.empty()) {
        const CsvTable labels = read_csv(a.labels);
        for (Model& model : models) attach_labels(model.predictions, labels, a.id_column);
    }
    std::vector<NamedTable> tables;
    for (Model& model : models) tables.push_back({model.name, &model.predictions});
    align(tables);
    return models;
}

// `columns`: column_table() with --patient.
void read_calibration(const Arguments& a, const std::optional<CsvTable>& columns, std::vector<Model>& models) {
    if (a.calibrate.empty()) return;
    if (a.calibrate.size() != models.size())
        fail(ErrorKind::usage, "evaluate", "{} tables to calibrate on and {} to evaluate: one for each, in their order",
             a.calibrate.size(), models.size());
    std::optional<CsvTable> labels;
    if (!a.labels.empty()) labels = read_csv(a.labels);
    for (size_t m = 0; m < models.size(); ++m) {
        Predictions p = read_predictions(predictions_file(a.calibrate[m], true));
        const std::string name = a.calibrate[m].string();
        if (labels) {
            const RowsById rows(*labels, a.id_column);
            if (std::any_of(p.ids.begin(), p.ids.end(),
                            [&](const std::string& id) { return rows.find(id).has_value(); }))
                attach_labels(p, *labels, a.id_column);
        }
        if (!a.patient.empty()) p = by_patient(p, patients_of(p.ids, *columns, a.id_column, a.patient), name);
        const std::set<std::string> measured(models[m].predictions.ids.begin(), models[m].predictions.ids.end());
        for (const std::string& id : p.ids)
            if (measured.contains(id))
                fail(ErrorKind::input, "evaluate",
                     "{0}: {1} {2} stands in {3}, too; temperatures are fitted on other {1}s than they are measured on",
                     name, a.patient.empty() ? "case" : "patient", id, models[m].name);
        for (const TaskPredictions& task : models[m].predictions.tasks) {
            const TaskPredictions* other = p.find(task.name);
            if (!other || other->classes != task.classes)
                fail(ErrorKind::input, "evaluate", "{}: no task {} of {} classes, which {} has", name, task.name,
                     task.classes, models[m].name);
        }
        models[m].calibration = std::move(p);
    }
}

void add_ensemble(std::vector<Model>& models) {
    if (models.size() < 2) fail(ErrorKind::usage, "evaluate", "--ensemble needs two files or more");
    std::vector<Predictions> members;
    for (const Model& m : models) members.push_back(m.predictions);
    models.push_back({"ensemble", mean_of(members), std::nullopt});
}

std::string summary(const Evaluation& e) {
    std::string text;
    for (size_t m = 0; m < e.models.size(); ++m) {
        text += e.models[m].name + "\n";
        for (const TaskEvaluation& t : e.tasks[m]) {
            const auto number = [](double v) { return std::isnan(v) ? "n/a" : fmt::format("{:.3f}", v); };
            std::string interval;
            const Interval& i = t.metrics.auc_interval;
            if (!std::isnan(i.low)) interval = fmt::format(" ({:.3f}-{:.3f})", i.low, i.high);
            text += fmt::format("  {}: AUC {}{}, accuracy {}, {} {}\n", t.metrics.name, number(t.metrics.auc), interval,
                                number(t.metrics.accuracy), t.metrics.cases,
                                e.options.patient.empty() ? "cases" : "patients");
        }
    }
    for (const Comparison& c : e.comparisons) {
        std::string delong;
        for (const auto& [of_class, t] : c.delong) delong += fmt::format("{}{:.3g}", delong.empty() ? "" : ", ", t.p);
        text += fmt::format("{}: {} against {}: AUC difference {:+.3f} (DeLong p {}), McNemar p {:.3g}\n", c.task,
                            e.models[c.a].name, e.models[c.b].name, c.auc_difference, delong, c.mcnemar.p_exact);
    }
    return text;
}

// All runs of a grid: settings are the models, the mean of their seeds' probabilities each.
int evaluate_grid(const Arguments& a, const Tool& tool) {
    if (a.predictions.size() > 1 || a.ensemble || !a.calibrate.empty() || !a.subgroup.empty())
        fail(ErrorKind::usage, "evaluate", "{}: a grid is evaluated by itself: leave out other files, --ensemble, "
             "--calibrate and --subgroup, or name single run folders", a.predictions[0].string());
    Ablation ablation = read_ablation(a.predictions[0]);
    if (!a.labels.empty()) {
        const CsvTable labels = read_csv(a.labels);
        for (AblationSetting& setting : ablation.settings)
            for (Predictions& run : setting.runs) attach_labels(run, labels, a.id_column);
    }
    EvaluationOptions options;
    options.replicates = a.bootstrap;
    options.seed = tool.common.seed;
    if (!a.patient.empty()) {
        const auto ids = ablation.settings[0].runs[0].ids;
        const auto patients = patients_of(ids, column_table(a, "--patient", a.patient), a.id_column, a.patient);
        for (AblationSetting& setting : ablation.settings)
            for (Predictions& run : setting.runs) run = by_patient(run, patients, setting.name);
        options.patient = a.patient, options.scans = ids.size();
    }
    const Evaluation e = write_ablation(ablation, a.output, options, version_of(tool));
    for (const std::string& note : e.notes) fmt::print(stderr, "note: {}\n", note);
    if (!tool.common.quiet)
        fmt::print("{}{} and {}\n", ablation_text(ablation), (a.output / "metrics.json").string(),
                   (a.output / "report.html").string());
    return 0;
}

int evaluate_predictions(const Arguments& a, const Tool& tool) {
    if (std::any_of(a.predictions.begin(), a.predictions.end(), is_grid)) return evaluate_grid(a, tool);
    std::vector<Model> models = read_models(a);
    EvaluationOptions options;
    options.replicates = a.bootstrap;
    options.seed = tool.common.seed;
    const auto ids = models[0].predictions.ids;
    std::optional<CsvTable> columns;
    if (!a.subgroup.empty()) {
        columns = column_table(a, "--subgroup", a.subgroup);
        options.subgroup = a.subgroup;
        options.groups = subgroups_of(ids, *columns, a.id_column, a.subgroup);
    }
    if (!a.patient.empty()) {
        if (!columns) columns = column_table(a, "--patient", a.patient);
        const auto patients = patients_of(ids, *columns, a.id_column, a.patient);
        for (Model& model : models) model.predictions = by_patient(model.predictions, patients, model.name);
        if (!a.subgroup.empty()) options.groups = by_patient(options.groups, patients, a.subgroup);
        options.patient = a.patient, options.scans = ids.size();
    }
    read_calibration(a, columns, models);
    if (a.ensemble) add_ensemble(models);
    const Evaluation e = evaluate_models(std::move(models), std::move(options));
    stop_if_interrupted();
    make_folder(a.output);
    auto json = evaluation_json(e);
    json["program"] = version_of(tool);
    std::string subtitle;
    for (const Model& m : e.models) subtitle += (subtitle.empty() ? "" : ", ") + m.name;
    write_file(a.output / "metrics.json", json.dump(2) + "\n");
    write_file(a.output / "report.html", evaluation_report_html(e, subtitle, version_of(tool)));
    for (const std::string& note : e.notes) fmt::print(stderr, "note: {}\n", note);
    if (!tool.common.quiet)
        fmt::print("{}{}{} and {}\n", summary(e), patients_and_scans(e) + (a.patient.empty() ? "" : "; "),
                   (a.output / "metrics.json").string(), (a.output / "report.html").string());
    return 0;
}

int evaluate_features(const Arguments& a, const Tool& tool) {
    const CsvTable table = read_csv(a.table), labels = read_csv(a.labels);
    FeatureTestOptions options;
    options.id_column = options.labels_id_column = a.id_column;
    options.tasks = a.tasks;
    options.posthoc = post_hoc_named(a.posthoc);
    options.adjustment = adjustment_named(a.adjust);
    const FeatureTests tests = test_features(table, labels, options);
    stop_if_interrupted();
    make_folder(a.output);
    write_csv(a.output / "welch.csv", welch_table(tests));
    write_csv(a.output / "posthoc.csv", posthoc_table(tests));
    std::vector<std::string> notes;
    if (!tests.unlabelled.empty())
        notes.push_back(fmt::format("{} cases of {} have no labels and are left out ({}, ...)", tests.unlabelled.size(),
                                    a.table.string(), tests.unlabelled[0]));
    if (!tests.unmeasured.empty())
        notes.push_back(fmt::format("{} cases of {} have no features ({}, ...)", tests.unmeasured.size(),
                                    a.labels.string(), tests.unmeasured[0]));
    write_file(a.output / "report.html",
               features_report_html(tests, options, fmt::format("{}, labels of {}", a.table.string(), a.labels.string()),
                                    notes, version_of(tool)));
    for (const std::string& note : notes) fmt::print(stderr, "note: {}\n", note);
    if (tool.common.quiet) return 0;
    for (const auto& [task, classes] : tests.tasks) {
        int64_t defined = 0, significant = 0;
        for (const FeatureTest& t : tests.tests) {
            if (t.task != task) continue;
            defined += t.welch.reason.empty(), significant += t.p_adjusted < 0.05;
        }
        fmt::print("{}: {} of {} features differ between {} classes (adjusted p < 0.05); {} not tested\n", task,
                   significant, tests.features.size(), classes.size(), int64_t(tests.features.size()) - defined);
    }
    fmt::print("{} cases; welch.csv, posthoc.csv and report.html in {}\n", tests.cases, a.output.string());
    return 0;
}

int run(Tool& tool) {
    Arguments a;
    tool.app.description(
        "What predictions are worth, which of several models is better, and which features differ between classes.");
    tool.app.require_subcommand(1);
    tool.app.fallthrough();

    CLI::App* predictions = tool.app.add_subcommand("predictions",
                                                    "Tables of predictions (ID,CT_0,CT_1,...[,CT,...]) or run folders "
                                                    "-> DIR/metrics.json and DIR/report.html: AUC\n"
                                                    "with DeLong's and bootstrap intervals, accuracy and its like, "
                                                    "operating points, calibration, subgroups; models\n"
                                                    "compared on the same cases by DeLong's and McNemar's tests");
    predictions
        ->add_option("P.csv", a.predictions,
                     "predictions or run folders (their predictions_test.csv, else "
                     "_val, else those of all folds), or the folder of a grid of runs")
        ->required();
    predictions->add_option("-o,--output", a.output, "folder")->required();
    predictions->add_option("--labels", a.labels, "table of labels: ID column and one column per task");
    predictions->add_option("--id-column", a.id_column, "of --labels and --table")->capture_default_str();
    predictions->add_option("--bootstrap", a.bootstrap, "replicates, stratified by label; 0: none")
        ->check(CLI::Range(0, 1000000))
        ->capture_default_str();
    predictions->add_option("--subgroup", a.subgroup,
                            "column of --table (else --labels) to measure groups of cases by");
    predictions->add_option("--patient", a.patient,
                            "column of --table (else --labels) that says whose scan a case is: a patient's prediction "
                            "is the mean of the scans', and patients are measured");
    predictions->add_option("--table", a.column_table,
                            "table with an ID column and those of --subgroup and --patient, for example the manifest");
    predictions->add_option("--calibrate", a.calibrate,
                            "predictions of other cases, one table per P.csv (or run folders: their "
                            "predictions_val.csv), on which temperatures are fitted");
    predictions->add_flag("--ensemble", a.ensemble, "add the mean of all files' probabilities as a model");

    CLI::App* features = tool.app.add_subcommand("features",
                                                 "A table of features and one of labels -> DIR/welch.csv (Welch's "
                                                 "ANOVA by feature and task), DIR/posthoc.csv\n"
                                                 "(pairs of classes) and DIR/report.html (the features that "
                                                 "differ most, with box plots)");
    features->add_option("TABLE.csv", a.table, "ID column and one column per feature")->required();
    features->add_option("--labels", a.labels, "table of labels: ID column and one column per task")->required();
    features->add_option("-o,--output", a.output, "folder")->required();
    features->add_option("--id-column", a.id_column, "of both tables")->capture_default_str();
    features->add_option("--task", a.tasks,
                         "columns of labels; default: CT, NAT and Severity, else every column of a few whole numbers");
    features->add_option("--posthoc", a.posthoc, "games-howell or dunnett-t3")
        ->check(CLI::IsMember({"games-howell", "dunnett-t3"}))
        ->capture_default_str();
    features->add_option("--adjust", a.adjust, "for the number of features of a task: bh, holm or bonferroni")
        ->check(CLI::IsMember({"bh", "holm", "bonferroni"}))
        ->capture_default_str();

    tool.example("cmtl_evaluate predictions run -o out");
    tool.example(
        "cmtl_evaluate predictions mtl.csv baseline.csv -o out --labels labels.csv --id-column PID --ensemble");
    tool.example("cmtl_evaluate predictions run -o out --table cohort.csv --patient Patient");
    tool.example("cmtl_evaluate features radiofeatures.csv --labels labels.csv --id-column PID -o out");
    tool.parse();
    return predictions->parsed() ? evaluate_predictions(a, tool) : evaluate_features(a, tool);
}

}  // namespace

int main(int argc, char** argv) { return cmtl::run_tool(argc, argv, run); }
