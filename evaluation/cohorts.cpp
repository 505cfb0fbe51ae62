#include "evaluation/cohorts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/some_of.hpp"

namespace cmtl {

namespace {
constexpr const char* tag = "evaluate";

using Positions = std::unordered_map<std::string, size_t>;

Positions positions(const std::vector<std::string>& ids) {
    Positions at;
    for (size_t i = 0; i < ids.size(); ++i) at.emplace(ids[i], i);
    return at;
}

// Cases of `ids` that `at` lacks are an error: models are compared on the same cases only.
void require_all(const std::vector<std::string>& ids, const Positions& at, const std::string& name,
                 const std::string& lacking) {
    std::vector<std::string> missing;
    for (const std::string& id : ids)
        if (!at.contains(id)) missing.push_back(id);
    if (!missing.empty())
        fail(ErrorKind::input, tag, "{} lacks cases of {}: {}; models are compared on the same cases", lacking, name,
             some_of(missing, 3));
}
}  // namespace

fs::path predictions_file(const fs::path& path, bool validation) {
    if (!fs::is_directory(path)) {
        require_readable(path);
        return path;
    }
    const std::vector<std::string> names =
        validation ? std::vector<std::string>{"predictions_val.csv"}
                   : std::vector<std::string>{"predictions_test.csv", "predictions_val.csv", "predictions.csv"};
    for (const std::string& name : names)
        // A run without test cases may have a table of a header alone.
        if (fs::is_regular_file(path / name) && !read_csv(path / name).rows.empty()) return path / name;
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    fail(ErrorKind::input, tag, "{}: a folder without predictions; looked for {}", path.string(), list);
}

RowsById::RowsById(const CsvTable& table, const std::string& id_column) {
    const size_t id = table.column(id_column);
    for (size_t r = 0; r < table.rows.size(); ++r) {
        if (table.missing(r, id)) table.reject(r, id, "is an empty ID");
        rows_.emplace_back(table.text(r, id), r);
    }
    std::sort(rows_.begin(), rows_.end());
    for (size_t i = 1; i < rows_.size(); ++i)
        if (rows_[i].first == rows_[i - 1].first)
            table.reject(rows_[i].second, id, fmt::format("stands in {} already", table.place(rows_[i - 1].second)));
}

std::optional<size_t> RowsById::find(const std::string& id) const {
    const auto at = std::lower_bound(rows_.begin(), rows_.end(), id,
                                     [](const auto& row, const auto& key) { return row.first < key; });
    if (at == rows_.end() || at->first != id) return std::nullopt;
    return at->second;
}

void attach_labels(Predictions& predictions, const CsvTable& labels, const std::string& id_column) {
    const RowsById rows(labels, id_column);
    bool any_task = false, any_case = false;
    for (const std::string& id : predictions.ids) any_case = any_case || rows.find(id);
    for (TaskPredictions& task : predictions.tasks) {
        const auto column = labels.find(task.name);
        if (!column) continue;
        any_task = true;
        for (size_t i = 0; i < task.size(); ++i) {
            const auto row = rows.find(predictions.ids[i]);
            if (!row || labels.missing(*row, *column)) continue;
            const int64_t label = labels.integer(*row, *column);
            if (label < -1 || label >= task.classes)
                labels.reject(
                    *row, *column,
                    fmt::format("is no label of {}; use 0 to {}, or leave it empty", task.name, task.classes - 1));
            if (label >= 0) task.labels[i] = static_cast<int>(label);
        }
    }
    if (!any_task) labels.column(predictions.tasks.at(0).name);  // throws, listing the header
    if (!any_case)
        fail(ErrorKind::input, tag,
             "{}: none of the {} predicted cases stands in it; its IDs begin with '{}', theirs '{}'",
             labels.file.string(), predictions.ids.size(),
             labels.rows.empty() ? "" : labels.text(0, labels.column(id_column)),
             predictions.ids.empty() ? "" : predictions.ids[0]);
}

namespace {
// A task's labels as all tables tell them, and which of them told.
struct SharedTask {
    int classes;
    std::vector<int> labels;
    std::vector<size_t> source;
    size_t first;  // table that has the task
};

TaskPredictions in_order(const TaskPredictions& task, const std::vector<size_t>& rows) {
    TaskPredictions sorted{task.name, task.classes, {}, {}};
    for (const size_t row : rows) {
        for (int c = 0; c < task.classes; ++c) sorted.probabilities.push_back(task.probability(row, c));
        sorted.labels.push_back(task.labels[row]);
    }
    return sorted;
}
}  // namespace

void align(std::span<const NamedTable> tables) {
    const NamedTable& first = tables[0];
    const std::vector<std::string> ids = first.predictions->ids;
    const Positions of_first = positions(ids);
    std::vector<const Predictions*> all;
    for (const NamedTable& table : tables) all.push_back(table.predictions);
    const auto names = task_names(all);
    std::unordered_map<std::string, SharedTask> shared;
    for (size_t t = 0; t < tables.size(); ++t) {
        Predictions& table = *tables[t].predictions;
        const Positions at = positions(table.ids);
        require_all(ids, at, first.name, tables[t].name);
        require_all(table.ids, of_first, tables[t].name, first.name);
        std::vector<size_t> rows;
        for (const std::string& id : ids) rows.push_back(at.at(id));
        Predictions aligned{ids, {}};
        for (const std::string& name : names) {
            const TaskPredictions* task = table.find(name);
            if (!task) continue;
            aligned.tasks.push_back(in_order(*task, rows));
            const std::vector<int>& labels = aligned.tasks.back().labels;
            const auto [found, inserted] =
                shared.try_emplace(name, SharedTask{task->classes, labels, std::vector<size_t>(ids.size(), t), t});
            SharedTask& known = found->second;
            if (known.classes != task->classes)
                fail(ErrorKind::input, tag, "{}: {} has {} classes, in {} it has {}", tables[t].name, name,
                     task->classes, tables[known.first].name, known.classes);
            for (size_t i = 0; i < ids.size(); ++i) {
                if (labels[i] < 0) continue;
                if (known.labels[i] >= 0 && known.labels[i] != labels[i])
                    fail(ErrorKind::input, tag,
                         "case {}: {} is {} in {} and {} in {}; one of the files is of another cohort", ids[i], name,
                         known.labels[i], tables[known.source[i]].name, labels[i], tables[t].name);
                if (known.labels[i] < 0) known.labels[i] = labels[i], known.source[i] = t;
            }
        }
        table = std::move(aligned);
    }
    for (const NamedTable& table : tables)
        for (TaskPredictions& task : table.predictions->tasks) task.labels = shared.at(task.name).labels;
}

Predictions mean_of(std::span<const Predictions> models) {
    require(!models.empty(), tag, "an ensemble of nothing");
    std::vector<const Predictions*> all;
    for (const Predictions& model : models) all.push_back(&model);
    Predictions mean{models[0].ids, {}};
    for (const std::string& name : task_names(all)) {
        std::vector<const TaskPredictions*> members;
        for (const Predictions& model : models)
            if (const TaskPredictions* task = model.find(name)) members.push_back(task);
        TaskPredictions task = *members[0];
        for (size_t i = 0; i < task.probabilities.size(); ++i) {
            double sum = 0;
            for (const TaskPredictions* member : members) sum += member->probabilities[i];
            task.probabilities[i] = sum / double(members.size());
        }
        mean.tasks.push_back(std::move(task));
    }
    return mean;
}

std::vector<std::string> subgroups_of(const std::vector<std::string>& ids, const CsvTable& table,
                                      const std::string& id_column, const std::string& column) {
    const RowsById rows(table, id_column);
    const size_t c = table.column(column);
    std::vector<std::string> groups;
    for (const std::string& id : ids) {
        const auto row = rows.find(id);
        groups.push_back(row && !table.missing(*row, c) ? table.text(*row, c) : "");
    }
    if (std::all_of(groups.begin(), groups.end(), [](const std::string& g) { return g.empty(); }))
        fail(ErrorKind::input, tag, "{}: column {} is empty for every predicted case", table.file.string(), column);
    return groups;
}

}  // namespace cmtl
