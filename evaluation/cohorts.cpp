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

void align(Predictions& reference, const std::string& reference_name, Predictions& other, const std::string& name) {
    const Positions at = positions(other.ids);
    require_all(reference.ids, at, reference_name, name);
    require_all(other.ids, positions(reference.ids), name, reference_name);
    Predictions aligned;
    aligned.ids = reference.ids;
    for (TaskPredictions& task : reference.tasks) {
        const TaskPredictions* theirs = other.find(task.name);
        if (!theirs)
            fail(ErrorKind::input, tag, "{} has no task {}, which {} has; evaluate them apart", name, task.name,
                 reference_name);
        if (theirs->classes != task.classes)
            fail(ErrorKind::input, tag, "{}: {} has {} classes, in {} it has {}", name, task.name, theirs->classes,
                 reference_name, task.classes);
        TaskPredictions sorted{task.name, task.classes, {}, {}};
        for (size_t i = 0; i < task.size(); ++i) {
            const size_t k = at.at(reference.ids[i]);
            for (int c = 0; c < task.classes; ++c) sorted.probabilities.push_back(theirs->probability(k, c));
            int label = theirs->labels[k];
            if (label >= 0 && task.labels[i] >= 0 && label != task.labels[i])
                fail(ErrorKind::input, tag,
                     "case {}: {} is {} in {} and {} in {}; one of the files is of another cohort", reference.ids[i],
                     task.name, task.labels[i], reference_name, label, name);
            if (label < 0) label = task.labels[i];
            task.labels[i] = label;
            sorted.labels.push_back(label);
        }
        aligned.tasks.push_back(std::move(sorted));
    }
    if (other.tasks.size() != reference.tasks.size())
        fail(ErrorKind::input, tag, "{} has {} tasks and {} has {}; evaluate them apart", name, other.tasks.size(),
             reference_name, reference.tasks.size());
    other = std::move(aligned);
}

Predictions mean_of(std::span<const Predictions> models) {
    require(!models.empty(), tag, "an ensemble of nothing");
    Predictions mean = models[0];
    for (size_t k = 0; k < mean.tasks.size(); ++k)
        for (size_t i = 0; i < mean.tasks[k].probabilities.size(); ++i) {
            double sum = 0;
            for (const Predictions& model : models) sum += model.tasks[k].probabilities[i];
            mean.tasks[k].probabilities[i] = sum / double(models.size());
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
