#include "training/grid_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <sstream>

#include "base/files.hpp"
#include "evaluation/spread.hpp"
#include "training/grid.hpp"

namespace cmtl {

using nlohmann::ordered_json;

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr size_t stamp_length = 19;  // 2026-01-31 23:59:59

std::string cell(const ordered_json& value) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

double number(const std::string& text) { return text.empty() ? nan : std::strtod(text.c_str(), nullptr); }

// Measures of a finished run, in the order of its files.
using Measures = std::vector<std::pair<std::string, std::string>>;

void add_tasks(Measures& out, const std::string& set, const ordered_json& tasks) {
    for (const auto& [task, values] : tasks.items()) {
        if (!values.is_object()) {
            out.emplace_back(set + "_" + task, cell(values));  // mean_auc
            continue;
        }
        for (const char* key : {"auc", "accuracy", "balanced_accuracy"})
            if (values.contains(key)) out.emplace_back(fmt::format("{}_{}_{}", set, task, key), cell(values[key]));
    }
}

ordered_json last_line(const fs::path& file) {
    std::istringstream lines(read_file(file));
    std::string last;
    for (std::string line; std::getline(lines, line);) last = line;
    return ordered_json::parse(last, nullptr, false);
}

Measures measures_of(const fs::path& run, int folds) {
    Measures out;
    if (folds > 0) {
        const ordered_json tree = ordered_json::parse(read_file(run / "folds.json"), nullptr, false);
        if (!tree.is_object() || !tree.contains("tasks")) return out;
        for (const auto& [task, values] : tree["tasks"].items())
            if (values.contains("pooled")) add_tasks(out, "cv", ordered_json{{task, values["pooled"]}});
        return out;
    }
    const ordered_json line = last_line(run / "metrics.jsonl");
    if (!line.is_object() || !line.contains("final")) return out;
    for (const char* key : {"epochs", "parameters"})
        if (line["final"].contains(key)) out.emplace_back(key, cell(line["final"][key]));
    for (const char* set : {"val", "test"})
        if (line["final"].contains(set)) add_tasks(out, set, line["final"][set]);
    return out;
}

const nlohmann::json* look_up(const nlohmann::json& tree, const std::string& key) {
    const auto pointer = nlohmann::json::json_pointer("/" + [&] {
        std::string path = key;
        std::replace(path.begin(), path.end(), '.', '/');
        return path;
    }());
    return tree.contains(pointer) ? &tree.at(pointer) : nullptr;
}
}  // namespace

double logged_seconds(const fs::path& run) {
    double seconds = 0;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(run, code))
        if (entry.is_directory(code) && entry.path().filename().string().starts_with("fold"))
            seconds += logged_seconds(entry.path());
    if (seconds > 0 || !fs::exists(run / "log.txt", code)) return seconds;
    std::istringstream lines(read_file(run / "log.txt"));
    double first = 0, last = 0;
    for (std::string line; std::getline(lines, line);) {
        std::tm time{};
        time.tm_isdst = -1;
        const std::string stamp = line.substr(0, stamp_length);
        if (::strptime(stamp.c_str(), "%Y-%m-%d %H:%M:%S", &time) != stamp.c_str() + stamp_length) continue;
        const auto at = static_cast<double>(std::mktime(&time));
        if (line.compare(stamp_length, 6, " cmtl ") == 0) {  // a session begins
            seconds += last - first;
            first = at;
        }
        last = at;
    }
    return seconds + last - first;
}

CsvTable grid_table(const GridPlan& plan, const fs::path& folder) {
    CsvTable table;
    table.header = {"run", "setting", "seed"};
    for (const std::string& key : plan.varying) table.header.push_back(key);
    const size_t fixed = table.header.size();
    for (const char* key : {"state", "epochs", "seconds", "parameters"}) table.header.emplace_back(key);
    std::vector<std::map<std::string, std::string>> cells;
    for (const GridRun& run : plan.runs) {
        const fs::path place = folder / run.folder;
        auto& row = cells.emplace_back();
        std::error_code code;
        row["state"] = run_is_finished(place, plan.folds) ? "finished" : fs::exists(place, code) ? "begun" : "waiting";
        if (row["state"] != "finished") continue;
        row["seconds"] = csv_cell(logged_seconds(place));
        for (auto& [name, value] : measures_of(place, plan.folds)) {
            if (std::find(table.header.begin(), table.header.end(), name) == table.header.end())
                table.header.push_back(name);
            row[name] = std::move(value);
        }
    }
    for (size_t r = 0; r < plan.runs.size(); ++r) {
        const GridRun& run = plan.runs[r];
        auto& row =
            table.rows.emplace_back(std::vector<std::string>{run.folder, run.setting, std::to_string(run.seed)});
        for (const std::string& key : plan.varying) {
            const auto* value = look_up(run.config, key);
            row.push_back(value && !value->is_object() ? cell(*value)
                          : run.values.contains(key)   ? cell(run.values[key])
                                                       : "");
        }
        for (size_t c = fixed; c < table.header.size(); ++c) row.push_back(cells[r][table.header[c]]);
    }
    return table;
}

CsvTable grid_means(const CsvTable& table, const GridPlan& plan) {
    const size_t fixed = 3 + plan.varying.size(), state = fixed;
    CsvTable means;
    means.header = {"setting"};
    means.header.insert(means.header.end(), plan.varying.begin(), plan.varying.end());
    means.header.emplace_back("runs");
    for (size_t c = state + 1; c < table.header.size(); ++c)
        for (const char* end : {"_mean", "_sd"}) means.header.push_back(table.header[c] + end);
    for (size_t begin = 0, end = 0; begin < table.rows.size(); begin = end) {
        std::vector<const std::vector<std::string>*> finished;
        for (end = begin; end < table.rows.size() && table.rows[end][1] == table.rows[begin][1]; ++end)
            if (table.rows[end][state] == "finished") finished.push_back(&table.rows[end]);
        auto& row = means.rows.emplace_back();
        row.push_back(table.rows[begin][1]);
        for (size_t k = 0; k < plan.varying.size(); ++k) row.push_back(table.rows[begin][3 + k]);
        row.push_back(std::to_string(finished.size()));
        for (size_t c = state + 1; c < table.header.size(); ++c) {
            std::vector<double> values;
            for (const auto* one : finished)
                if (const double v = number((*one)[c]); !std::isnan(v)) values.push_back(v);
            const Spread over = spread(values);
            row.push_back(csv_cell(over.mean));
            row.push_back(csv_cell(over.deviation));
        }
    }
    return means;
}

}  // namespace cmtl
