// Models of boosted trees in a run folder, and tables of their importances.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "pipeline/model_runs.hpp"
#include "training/tree_training.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
// The tree-run's settings, or null where the folder is none.
json tree_settings(const fs::path& run) {
    const fs::path record = run / "config.json";
    std::error_code code;
    if (!fs::is_regular_file(record, code)) return nullptr;
    const json settings = json::parse(read_file(record), nullptr, false);
    const json model = settings.is_object() ? settings.value("model", json::object()) : json::object();
    return model.value("architecture", json()) == boosted_trees_architecture ? model : json();
}
}  // namespace

bool is_tree_run(const fs::path& run) { return tree_settings(run).is_object(); }

TreeModel read_tree_model(const fs::path& folder, int threads) {
    TreeModel out;
    for (const fs::path& run : model_runs(folder)) {
        const json model = tree_settings(run);
        if (!model.is_object()) fail(ErrorKind::input, "trees", "{}: not a run of boosted trees", run.string());
        std::vector<Task> tasks;
        try {
            for (const json& task : model.at("tasks"))
                tasks.push_back({task.at("name").get<std::string>(), task.at("classes").get<int64_t>()});
        } catch (const json::exception& error) {
            fail(ErrorKind::input, "trees", "{}: damaged: {}", (run / "config.json").string(), error.what());
        }
        if (out.trees.empty()) out.tasks = tasks;
        if (tasks != out.tasks)
            fail(ErrorKind::input, "trees", "{}: has other tasks than the first training of {}", run.string(),
                 folder.string());
        out.trees.emplace_back();
        for (const Task& task : tasks) {
            const fs::path file = run / "checkpoints" / (task.name + ".json");
            out.trees.back().push_back(BoostedTrees::load(read_file(file), file.string(), threads));
            const BoostedTrees& trees = out.trees.back().back();
            if (trees.classes() != task.classes || trees.features() != out.trees.front().front().features())
                fail(ErrorKind::input, "trees", "{}: does not belong to this run: it has {} classes and {} features",
                     file.string(), trees.classes(), trees.features().size());
        }
    }
    return out;
}

Predictions predict_trees(const TreeModel& model, const FeatureTable& table, const std::vector<std::string>& ids) {
    std::vector<double> values;
    for (const auto& id : ids) {
        const auto row = table.row(*table.find(id));
        values.insert(values.end(), row.begin(), row.end());
    }
    const TreeRows rows(values, table.names.size());
    Predictions out;
    out.ids = ids;
    for (const Task& task : model.tasks)
        out.tasks.push_back({task.name, static_cast<int>(task.classes),
                             std::vector<double>(ids.size() * static_cast<size_t>(task.classes)),
                             std::vector<int>(ids.size(), -1)});
    const double share = 1.0 / static_cast<double>(model.trees.size());
    for (const std::vector<BoostedTrees>& trees : model.trees)
        for (size_t k = 0; k < out.tasks.size(); ++k) {
            const std::vector<double> p = trees[k].probabilities(rows);
            for (size_t i = 0; i < p.size(); ++i) out.tasks[k].probabilities[i] += share * p[i];
        }
    return out;
}

void write_importances(const fs::path& path, const std::vector<TaskImportances>& importances) {
    CsvTable csv;
    csv.header = {"task", "feature", "gain", "cover", "weight", "share"};
    for (const TaskImportances& task : importances)
        for (const FeatureImportance& one : task.features)
            csv.rows.push_back({task.task, one.feature, csv_cell(one.gain), csv_cell(one.cover), csv_cell(one.weight),
                                csv_cell(one.share)});
    write_csv(path, csv);
}

void average_importances(const std::vector<fs::path>& files, const fs::path& path) {
    std::vector<std::string> tasks;
    std::map<std::string, std::map<std::string, FeatureImportance>> sums;
    for (const fs::path& file : files) {
        const CsvTable csv = read_csv(file);
        const size_t task = csv.column("task"), feature = csv.column("feature"), gain = csv.column("gain"),
                     cover = csv.column("cover"), weight = csv.column("weight"), share = csv.column("share");
        for (size_t r = 0; r < csv.rows.size(); ++r) {
            const std::string& name = csv.text(r, task);
            if (std::find(tasks.begin(), tasks.end(), name) == tasks.end()) tasks.push_back(name);
            FeatureImportance& sum = sums[name][csv.text(r, feature)];
            sum.feature = csv.text(r, feature);
            sum.gain += csv.number(r, gain) / static_cast<double>(files.size());
            sum.cover += csv.number(r, cover) / static_cast<double>(files.size());
            sum.weight += csv.number(r, weight) / static_cast<double>(files.size());
            sum.share += csv.number(r, share) / static_cast<double>(files.size());
        }
    }
    std::vector<TaskImportances> means;
    for (const auto& task : tasks) {
        TaskImportances mean{task, {}};
        for (auto& [name, one] : sums[task]) mean.features.push_back(one);
        std::stable_sort(mean.features.begin(), mean.features.end(),
                         [](const auto& a, const auto& b) { return a.share > b.share; });
        means.push_back(std::move(mean));
    }
    write_importances(path, means);
}

}  // namespace cmtl
