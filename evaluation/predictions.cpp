#include "evaluation/predictions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {

namespace {
constexpr const char* tag = "predictions";

struct Columns {
    std::vector<size_t> probability;
    std::optional<size_t> label;
};

// TASK_0 opens a task; TASK_1, TASK_2, ... follow anywhere in the header.
std::vector<std::pair<std::string, Columns>> task_columns(const CsvTable& table) {
    std::vector<std::pair<std::string, Columns>> tasks;
    for (const std::string& name : table.header) {
        if (name.size() < 3 || !name.ends_with("_0")) continue;
        const std::string task = name.substr(0, name.size() - 2);
        Columns columns;
        while (const auto found = table.find(fmt::format("{}_{}", task, columns.probability.size())))
            columns.probability.push_back(*found);
        if (columns.probability.size() < 2) table.column(task + "_1");  // throws, listing the header
        columns.label = table.find(task);
        tasks.emplace_back(task, std::move(columns));
    }
    if (tasks.empty()) table.column("CT_0");
    for (const std::string& name : table.header) {
        const bool known = name == "ID" || std::any_of(tasks.begin(), tasks.end(), [&](const auto& t) {
                               const auto& [task, columns] = t;
                               if (name == task) return true;
                               return std::any_of(columns.probability.begin(), columns.probability.end(),
                                                  [&](size_t c) { return table.header[c] == name; });
                           });
        if (known) continue;
        // TASK_3 without TASK_2 is a damaged table; any other column is somebody's note.
        for (const auto& [task, columns] : tasks)
            if (name.size() > task.size() + 1 && name.starts_with(task + "_") &&
                std::all_of(name.begin() + std::ptrdiff_t(task.size()) + 1, name.end(),
                            [](unsigned char c) { return std::isdigit(c); }))
                fail(ErrorKind::input, tag, "{}: column {} without {}_{}", table.file.string(), name, task,
                     columns.probability.size());
    }
    return tasks;
}
}  // namespace

int TaskPredictions::predicted(size_t i) const {
    const auto first = probabilities.begin() + std::ptrdiff_t(i * size_t(classes));
    return static_cast<int>(std::max_element(first, first + classes) - first);
}

const TaskPredictions* Predictions::find(std::string_view task) const {
    for (const TaskPredictions& t : tasks)
        if (t.name == task) return &t;
    return nullptr;
}

std::vector<std::string> task_names(std::span<const Predictions* const> models) {
    std::vector<std::string> names;
    for (const Predictions* model : models)
        for (const TaskPredictions& task : model->tasks)
            if (std::find(names.begin(), names.end(), task.name) == names.end()) names.push_back(task.name);
    return names;
}

Predictions read_predictions(const std::filesystem::path& path) {
    const CsvTable table = read_csv(path);
    const size_t id = table.column("ID");
    const auto columns = task_columns(table);
    Predictions result;
    std::unordered_map<std::string, size_t> first_row;
    for (size_t r = 0; r < table.rows.size(); ++r) {
        if (table.missing(r, id)) table.reject(r, id, "is an empty ID");
        const auto [known, fresh] = first_row.emplace(table.text(r, id), r);
        if (!fresh) table.reject(r, id, fmt::format("stands in {} already", table.place(known->second)));
        result.ids.push_back(table.text(r, id));
    }
    for (const auto& [name, c] : columns) {
        TaskPredictions task{name, static_cast<int>(c.probability.size()), {}, {}};
        for (size_t r = 0; r < table.rows.size(); ++r) {
            double sum = 0;
            for (const size_t column : c.probability) {
                const double p = table.number(r, column);
                if (p < 0 || p > 1) table.reject(r, column, "is no probability; it must lie in [0, 1]");
                task.probabilities.push_back(p);
                sum += p;
            }
            if (std::abs(sum - 1) > 0.01)
                table.reject(r, c.probability[0],
                             fmt::format("and the other probabilities of {} add up to {:.4g}, not 1", name, sum));
            int label = -1;
            if (c.label && !table.missing(r, *c.label)) {
                const int64_t value = table.integer(r, *c.label);
                if (value < -1 || value >= task.classes)
                    table.reject(
                        r, *c.label,
                        fmt::format("is no label of {}; use 0 to {}, or leave it empty", name, task.classes - 1));
                label = static_cast<int>(value);
            }
            task.labels.push_back(label);
        }
        result.tasks.push_back(std::move(task));
    }
    return result;
}

std::string predictions_csv(const Predictions& predictions) {
    std::string out = "ID";
    std::vector<bool> labelled;
    for (const TaskPredictions& t : predictions.tasks) {
        require(t.size() == predictions.ids.size() && t.probabilities.size() == t.size() * size_t(t.classes), tag,
                "task {} has {} labels and {} probabilities for {} cases", t.name, t.size(), t.probabilities.size(),
                predictions.ids.size());
        for (int c = 0; c < t.classes; ++c) out += fmt::format(",{}_{}", t.name, c);
        labelled.push_back(std::any_of(t.labels.begin(), t.labels.end(), [](int label) { return label >= 0; }));
    }
    for (size_t k = 0; k < labelled.size(); ++k)
        if (labelled[k]) out += "," + predictions.tasks[k].name;
    out += '\n';
    for (size_t i = 0; i < predictions.ids.size(); ++i) {
        out += csv_cell(predictions.ids[i]);
        for (const TaskPredictions& t : predictions.tasks)
            for (int c = 0; c < t.classes; ++c) out += fmt::format(",{:.10g}", t.probability(i, c));
        for (size_t k = 0; k < labelled.size(); ++k) {
            if (!labelled[k]) continue;
            const int label = predictions.tasks[k].labels[i];
            out += label < 0 ? std::string(",") : fmt::format(",{}", label);
        }
        out += '\n';
    }
    return out;
}

void write_predictions(const std::filesystem::path& path, const Predictions& predictions) {
    write_file(path, predictions_csv(predictions));
}

}  // namespace cmtl
